"""One look at a tally: frozen, bounded, and without what is secret; all that a view needs."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from daskloop.dashboard.standings import Standing
from daskloop.report.run_tally import Failure, RunTally
from daskloop.report.task_tally import TaskTally

__all__ = ["ChildGlance", "Glance", "Glances", "TaskGlance"]

_OF_A_KIND = 3  # children of one task that wait, or are slow, and get a line
_SPAN = 10.0  # seconds over which a rate is taken
_LEAST_SPAN = 1.0
_USUAL = "Unexpected error: "  # begins the message of most failures, and says little


class ChildGlance(NamedTuple):
    """One child that has begun and not ended."""

    name: str
    standing: Standing
    iteration: int
    run_count: int
    attempts: int
    """How many attempts are allowed in all; 0 if that is not known."""
    seconds: float
    """Since it began."""
    due_in: float | None
    """Seconds until it goes on by itself, if it waits for that."""
    message: str


class TaskGlance(NamedTuple):
    """One task, or all children of a map."""

    name: str
    mapped: bool
    width: int | None
    """How many children there are; None if that is not known yet."""
    counts: tuple[int, ...]
    """How many children stand in each way, by `Standing`; those that wait are not counted."""
    grows: bool
    """True if more children may come."""
    ended: int
    iterations: int
    rate: float
    """Iterations in a second, lately."""
    retries: int
    losses: int
    farthest: tuple[str, int]
    """Of those that have ended: who made the most iterations, and how many."""
    slowest: tuple[str, float]
    """Of those that have ended: who took longest, and how many seconds."""
    children: tuple[ChildGlance, ...]

    @property
    def is_over(self) -> bool:
        """True once all of it has ended."""
        return self.width is not None and self.ended >= self.width and not self.grows


class Glance(NamedTuple):
    """A whole run."""

    run: str
    flow: str
    seconds: float
    """Since the driver began."""
    tasks: tuple[TaskGlance, ...]
    more_tasks: int
    """How many have no place."""
    failures: tuple[Failure, ...]
    """The last ones."""
    failed: int
    stalled: str
    stopping: str
    """Why no iteration begins any more, if so."""
    stopping_now: bool


class Glances:
    """Looks at a tally again and again.

    Parameters
    ----------
    tally : RunTally
        What is looked at.
    redact : callable, optional
        Takes a text of the user's and returns it without what is secret.
    """

    def __init__(self, tally: RunTally, redact: Callable[[str], str] = str) -> None:
        self._tally = tally
        self._redact = redact
        self._paces: dict[str, deque[tuple[float, int]]] = {}

    def take(self, tasks: int = 1_000, lines: int = 0, now: float | None = None) -> Glance:
        """Look.

        Parameters
        ----------
        tasks : int
            For how many tasks there is a place; those that are over are missed least.
        lines : int
            For how many children there is a place.
        now : float, optional
            Seconds since the epoch.
        """
        now = time.time() if now is None else now
        tally = self._tally
        with tally.lock:
            known = list(tally.tasks.values())
            shown = known
            if len(known) > tasks:
                kept = {one.slug for one in sorted(known, key=lambda one: one.is_over)[:tasks]}
                shown = [one for one in known if one.slug in kept]
            busy = sum(bool(one.going) for one in shown)
            each = -(-lines // busy) if busy else 0
            found = [self._task(one, each, now) for one in shown]
            failures = list(tally.failures)
            stop = tally.stopping
            return Glance(
                tally.run,
                tally.flow,
                0.0 if tally.begun is None else max(0.0, now - tally.begun),
                tuple(found),
                len(known) - len(shown),
                tuple(self._failure(one) for one in failures),
                tally.failed,
                tally.stalled,
                "" if stop is None else stop.reason,
                stop is not None and stop.now,
            )

    def _failure(self, one: Failure) -> Failure:
        return Failure(self._redact(one.name), one.iteration, self._words(one.message))

    def _task(self, task: TaskTally, lines: int, now: float) -> TaskGlance:
        children = [self._child(task, index, now) for index in islice(_chosen(task), lines)]
        return TaskGlance(
            task.name,
            task.mapped,
            task.width,
            tuple(task.counts),
            task.grows,
            task.ended,
            task.iterations,
            self._rate(task, now),
            task.retries,
            task.losses,
            (self._redact(task.farthest[0]), task.farthest[1]),
            (self._redact(task.slowest[0]), task.slowest[1]),
            tuple(children),
        )

    def _rate(self, task: TaskTally, now: float) -> float:
        pace = self._paces.setdefault(task.slug, deque())
        pace.append((now, task.iterations))
        while now - pace[0][0] > _SPAN and len(pace) > 2:
            pace.popleft()
        since, count = pace[0]
        return (task.iterations - count) / (now - since) if now - since >= _LEAST_SPAN else 0.0

    def _child(self, task: TaskTally, index: int, now: float) -> ChildGlance:
        one = task.child(index)
        return ChildGlance(
            self._redact(task.name_of(index)),
            one.standing,
            one.iteration,
            one.run_count,
            one.attempts,
            max(0.0, now - one.begun),
            None if one.due is None else max(0.0, one.due - now),
            self._words(one.message),
        )

    def _words(self, message: str) -> str:
        return self._redact(message).removeprefix(_USUAL)


def _chosen(task: TaskTally) -> Iterator[int]:
    """Give the children that are worth a line, each once, the most urgent first."""
    given: set[int] = set()
    kinds = (_paused(task), _next_due(task), _oldest(task), _farthest(task), iter(task.going))
    for kind in kinds:
        for index in kind:
            if index not in given:
                given.add(index)
                yield index


def _paused(task: TaskTally) -> Iterator[int]:
    return islice(task.those(Standing.PAUSED), _OF_A_KIND)


def _next_due(task: TaskTally) -> Iterator[int]:
    waiting = task.those(Standing.RETRYING)
    return iter(heapq.nsmallest(_OF_A_KIND, waiting, key=lambda index: task.child(index).due or 0))


def _oldest(task: TaskTally) -> Iterator[int]:
    return islice(task.those(Standing.UNDER_WAY), _OF_A_KIND)


def _farthest(task: TaskTally) -> Iterator[int]:
    going = task.going
    if not task.iterations:  # none is ahead of the oldest
        return islice(going, 1)
    return iter([max(going, key=lambda index: task.child(index).iteration)] if going else [])
