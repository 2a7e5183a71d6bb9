"""How a run stands, as one row: who has it, how far it is, and what must be there of it."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from daskloop import states
from daskloop.keys import is_inside
from daskloop.record.checksums import SIZE, Row
from daskloop.record.entries import Header, Owner, Recorded, Status, Summary
from daskloop.record.row_kinds import check_kinds
from daskloop.record.rows import Child, child_of, text_of
from daskloop.record.stretch import length

__all__ = ["DONE", "STANDING_COLUMNS", "Children", "Standing", "counted"]

_KINDS = {name: getattr(states, name) for name in states.__all__}
_ENDED = frozenset(
    name
    for name, kind in _KINDS.items()
    if issubclass(kind, states.Finished) and kind is not states.Looped
)
DONE = frozenset(
    name
    for name, kind in _KINDS.items()
    if issubclass(kind, (states.Looped, states.Success)) and not issubclass(kind, states.Skipped)
)
"""States that an attempt leaves behind whose iteration is done."""

_FAILED = frozenset(name for name, kind in _KINDS.items() if issubclass(kind, states.Failed))

STANDING_COLUMNS = (
    "epoch, status, message, updated, pid, host, since, executor, scheduler, records, head, "
    "submitted, tally, children, iterations, attempts, failures"
)
_values = operator.attrgetter(*STANDING_COLUMNS.split(", "))


@dataclass(frozen=True, slots=True)
class Standing:
    """The row of the table ``standing``; see there for what each column means."""

    epoch: int
    status: str
    message: str
    updated: float
    pid: int
    host: str
    since: float
    executor: str
    scheduler: str | None
    records: int
    head: bytes
    submitted: int = 0
    tally: bytes = bytes(SIZE)
    children: int = 0
    iterations: int = 0
    attempts: int = 0
    failures: int = 0

    def row(self) -> Row:
        """Return the row, without its checksum."""
        return _values(self)

    @classmethod
    def of(cls, row: Sequence[Any]) -> Standing:
        """Read the row."""
        check_kinds("standing", row, STANDING_COLUMNS)
        epoch, status, message, updated, pid, host, since, executor, scheduler, *rest = row
        texts = text_of(status), text_of(message)
        where = None if scheduler is None else text_of(scheduler)
        return cls(
            epoch,
            *texts,
            updated,
            pid,
            text_of(host),
            since,
            text_of(executor),
            where,
            *rest,
        )

    def summary(self, header: Header, held: bool) -> Summary:
        """Describe the run for lists.

        Parameters
        ----------
        header : Header
            Of the run.
        held : bool
            Whether a process that lives holds its lock.
        """
        status = "interrupted" if self.status == "running" else self.status
        return Summary(
            header,
            "running" if held else cast("Status", status),
            self.epoch,
            self.updated,
            Owner(self.pid, self.host, self.since, self.executor, self.scheduler),
            self.message,
            self.children,
            self.iterations,
            self.attempts,
            self.failures,
        )


@dataclass(slots=True)
class Children:
    """Which children have their final state; the last record of each says so."""

    ended: set[Child] = field(default_factory=set)

    def after(self, records: Iterable[Recorded]) -> dict[Child, bool]:
        """Tell what records change, and change nothing yet: they may not get written."""
        return {child_of(one.address): one.state in _ENDED for one in records}

    def change(self, changes: dict[Child, bool]) -> None:
        """Take changes over."""
        for child, ended in changes.items():
            if ended:
                self.ended.add(child)
            else:
                self.ended.discard(child)

    def count_after(self, changes: dict[Child, bool]) -> int:
        """Count the ended ones as they will be."""
        more = sum(ended for child, ended in changes.items() if child not in self.ended)
        fewer = sum(not ended for child, ended in changes.items() if child in self.ended)
        return len(self.ended) + more - fewer


def counted(records: Iterable[Recorded]) -> tuple[int, int, int]:
    """Count iterations that are done, attempts, and attempts that failed.

    What ends inside of a loop flow is part of an iteration, and no iteration of the run's own.
    """
    iterations = attempts = failures = 0
    for one in records:
        more = length(one)
        if one.attempted and one.state in DONE and not is_inside(one.address):
            iterations += more
        attempts += more * one.attempted
        failures += one.attempted and one.state in _FAILED
    return iterations, attempts, failures
