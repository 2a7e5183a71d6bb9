"""Tell what a journal says as the events that its driver announced.

::

    Look: records, what was sent ──► events ──► tally

What a journal does not keep is left open: how many attempts a task may make, and seconds of
children that are still under way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from daskloop import states
from daskloop.events import (
    AttemptFailed,
    AttemptLost,
    AttemptsSent,
    ChildEnded,
    ChildPaused,
    ChildRestored,
    Event,
    IterationEnded,
    MapOpened,
    RetryScheduled,
    RunStarted,
    TaskTitle,
)
from daskloop.keys import Address, full_name, is_inside
from daskloop.record.entries import APPROVED, LOST, TAKEN_BACK, Header, Recorded, Submitted
from daskloop.record.following import Look
from daskloop.record.names_of_children import names_by_slug
from daskloop.record.rows import Child, child_of
from daskloop.record.stretch import length
from daskloop.states import Failed, Looped, Mapped, Paused, Retrying, State

__all__ = ["Retelling"]

_KINDS: Mapping[str, type[State]] = {name: getattr(states, name) for name in states.__all__}
_Numbers = tuple[int, int, int]


class Retelling:
    """Tells of one run, look by look."""

    def __init__(self) -> None:
        self._epoch = 0
        self._names: dict[str, str] = {}
        self._labels: dict[str, Sequence[str]] = {}
        self._came: dict[Child, _Numbers] = {}
        self._begun: dict[Child, float] = {}

    def events(self, look: Look) -> Iterator[Event]:
        """Give the events that a look tells of, in order."""
        summary, run = look.summary, look.summary.header.run
        if summary.epoch != self._epoch:
            self._epoch = summary.epoch
            yield self._started(look)
        self._labels.update(names_by_slug(look.records))
        for record in look.records:
            yield from self._of(record, run)
        if summary.status == "running" and not look.behind:
            under_way = [one for one in look.submitted if self._is_under_way(one)]
            for sent in under_way:  # each began when it was sent
                yield AttemptsSent(run, sent.at, [sent.address])

    def _started(self, look: Look) -> RunStarted:
        header, owner = look.summary.header, look.summary.owner
        self._names = {mark.slug: mark.name for mark in header.tasks}
        since = header.begun if owner is None else max(header.begun, owner.since)
        where = "" if owner is None else owner.executor
        return RunStarted(header.run, since, header.flow, where, _titles(header))

    def _of(self, record: Recorded, run: str) -> Iterator[Event]:
        child = child_of(record.address)
        if record.attempted:
            self._came[child] = _numbers(record)
            self._begun.setdefault(child, record.started)
        place = record.address[-1]
        name = self._name(record.address)
        told = run, record.at, record.address, name
        if record.state == LOST:
            yield AttemptLost(*told, record.message, True)
            return
        if record.state in (TAKEN_BACK, APPROVED):
            self._came.pop(child, None)
            if place.iteration < 1:
                self._begun.pop(child, None)
            yield ChildRestored(*told, None)
            return
        kind = _KINDS.get(record.state, State)
        if issubclass(kind, Mapped):
            labels, inside = self._labels.get(place.slug, ()), is_inside(record.address)
            yield MapOpened(run, record.at, place.slug, name, record.width or 0, labels, inside)
        elif issubclass(kind, Looped):
            said, seconds = (record.message, record.worker), record.ended - record.started
            until = record.start_time
            yield IterationEnded(*told, *said, seconds, length(record), until)
        elif issubclass(kind, Paused):
            yield ChildPaused(*told, record.message, record.start_time)
        elif issubclass(kind, Retrying):
            delay = 0.0 if record.start_time is None else max(0.0, record.start_time - record.at)
            yield RetryScheduled(*told, record.run_count + 1, delay, record.message)
        elif record.final:
            began = self._begun.pop(child, 0.0)
            yield ChildEnded(*told, kind(record.message), record.at - began if began else 0.0)
        elif issubclass(kind, Failed):
            yield AttemptFailed(*told, record.run_count, 0, record.message, record.worker)

    def _name(self, address: Address) -> str:
        place = address[-1]
        own = self._labels.get(place.slug, ()) if not is_inside(address) else ()
        index = place.child
        label = own[index] if index is not None and index < len(own) else index
        return full_name(self._names.get(place.slug, place.slug), label)

    def _is_under_way(self, sent: Submitted) -> bool:
        return _numbers(sent) > self._came.get(child_of(sent.address), (0, 0, 0))


def _numbers(one: Recorded | Submitted) -> _Numbers:
    return one.address[-1].iteration, one.run_count, one.submission


def _titles(header: Header) -> tuple[TaskTitle, ...]:
    return tuple(TaskTitle(mark.slug, mark.name, mark.mapped) for mark in header.tasks)
