"""What other threads may look at while a run is under way.

::

    driver ─► turn ─► turn ─► turn ─► ...          has the lock in each turn
                   ▲       ▲
       states ─────┘       └───── who is paused    readers have it in between

Nothing is changed from here: what others want is posted to the driver's inbox.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from daskloop.plan.plan import Plan
from daskloop.record.entries import Recorded
from daskloop.record.sealed import Sealed
from daskloop.run.closing import Closing
from daskloop.run.machine import Machine
from daskloop.run.snapshot import snapshot
from daskloop.run.standing import Child
from daskloop.run.turn import Asked
from daskloop.states import Pending, State

__all__ = ["Board", "Completed"]

Seen = TypeVar("Seen")

_ASIDE = 0.0005  # seconds that the driver steps aside, so that a reader gets the lock


@dataclass(frozen=True, slots=True)
class Completed:
    """A task, or one child of a map, that has its final state."""

    task: Any
    """The task."""
    map_index: int | None
    """The index of the child; None for a task that is not mapped."""
    state: State
    """The final state."""


class Board:
    """The standing of one run, for readers.

    Parameters
    ----------
    plan : Plan
        The flow.
    keeps : bool
        True to keep the records of all attempts, for the history of the run.

    Notes
    -----
    `open`, `turn` and `note` belong to the driver's thread; the others may be used on any.
    """

    def __init__(self, plan: Plan, keeps: bool = False) -> None:
        self._plan = plan
        self._keeps = keeps
        self._lock = threading.RLock()  # a handler of an inline run reads within a turn
        self._looking: set[int] = set()
        self._machine: Machine | None = None
        self._closing: Closing | None = None
        self._recorded = 0
        self._records: list[Recorded] = []
        self._wakers: set[Callable[[], None]] = set()

    def open(self, machine: Machine, closing: Closing, past: Sequence[Recorded]) -> None:
        """Let others see a machine."""
        self._records += past if self._keeps else ()
        self._machine, self._closing = machine, closing

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Keep readers away while the driver changes things."""
        machine = self._machine
        assert machine is not None
        with self._lock:
            yield
            ended, self._recorded = self._recorded, len(machine.over)
        if self._looking:
            time.sleep(_ASIDE)
        if ended != self._recorded:
            for wake in tuple(self._wakers):
                wake()

    def note(self, records: Sequence[Recorded]) -> None:
        """Keep the records of a turn, if they are wanted."""
        if self._keeps:
            self._records += records

    @contextlib.contextmanager
    def _between_turns(self) -> Iterator[Machine | None]:
        me = threading.get_ident()
        nested = me in self._looking
        self._looking.add(me)
        try:
            with self._lock:
                yield self._machine
        finally:
            if not nested:
                self._looking.discard(me)

    def look(self, read: Callable[[Machine], Seen]) -> Seen | None:
        """Return what a function reads of the machine; None before there is one.

        It reads what the driver changes, so it must keep nothing of the machine's.
        """
        with self._between_turns() as machine:
            return None if machine is None else read(machine)

    def states(self) -> dict[Any, State]:
        """Return the present state of every task."""
        with self._between_turns() as machine:
            if machine is not None:
                return snapshot(machine.standing)
        return {node.task: Pending() for node in self._plan.nodes}

    def paused(self) -> list[Asked]:
        """List the pauses that somebody is asked about."""
        with self._between_turns() as machine:
            return [] if machine is None else [Asked.of(child) for child in machine.paused]

    def records(self) -> list[Recorded]:
        """Return the records that are kept here."""
        with self._between_turns():
            return list(self._records)

    def over(self, first: int) -> list[Child]:
        """List those that have their final state, from the one of that number on."""
        with self._between_turns() as machine:
            return [] if machine is None else machine.over[first : self._recorded]

    def close_payload(self, payload: Any, asked: Sequence[Asked]) -> Sealed:
        """Close a payload that is given from outside; raises PayloadError if it cannot be."""
        assert self._closing is not None
        before = [one.child.progress.payload for one in asked]
        payload = self._closing.in_place_of(next(filter(None, before), None), payload)
        names = ", ".join(one.child.name for one in asked[:3])
        return self._closing.close(payload, f"the payload given to {names}")

    @contextlib.contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Have a function called whenever a child has ended; it must be quick and not raise."""
        self._wakers.add(wake)
        try:
            yield
        finally:
            self._wakers.discard(wake)
