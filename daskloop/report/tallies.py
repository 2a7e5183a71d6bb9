"""Counts of a run, task by task, kept up to date by its events.

::

    event ──► Tallies.take ──► ... ──► Tallies.rows(now) ──► a view

Knows no clock, no display and no flow: an event costs a few steps, whatever came before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from daskloop.events import (
    AttemptFailed,
    AttemptLost,
    ChildEnded,
    ChildPaused,
    Event,
    IterationEnded,
    MapOpened,
    RetryScheduled,
    RunEnded,
    RunStalled,
    RunStarted,
)
from daskloop.keys import is_inside
from daskloop.states import State

__all__ = ["Failure", "Tallies", "TaskRow"]

_FAILURES = 5  # the newest that are remembered


class TaskRow(NamedTuple):
    """How one task stands."""

    name: str
    children: int | None
    """Of a map; None before it has opened. 1 for a task that is not mapped."""
    ended: int
    """Children with a final state; while a resumed run goes on, those that this driver ended."""
    before: int
    """Children that had ended before this driver began; known once the run has ended."""
    failed: int
    """Those of them that failed."""
    iterations: int
    """Iterations that ended, those with which their loop ended too."""
    retries: int
    waiting: int
    """Children whose next try is yet to come, and which hold no worker until then."""
    next_try: float | None
    """When the first of them is due, seconds since the epoch."""
    paused: int
    """Children that wait for somebody's approval."""
    message: str
    """The newest one, of an iteration, a retry or a failure."""


class Failure(NamedTuple):
    """A child that failed for good."""

    name: str
    iteration: int | None
    message: str


class _Task:
    """The counts of one task."""

    def __init__(self, name: str, children: int | None) -> None:
        self.name = name
        self.children = children
        self.ended = self.failed = self.iterations = self.retries = 0
        self.waiting: dict[int | None, float] = {}
        self.paused: set[int | None] = set()
        self.message = ""


class Tallies:
    """The counts of one run.

    Parameters
    ----------
    tasks : iterable of (slug, name, is_mapped)
        The tasks to be counted, in the order in which they are shown; what happens to others, and
        in the bodies of loop flows, adds to the task around it or to nothing.

    Notes
    -----
    To be used under one lock, or on one thread.

    Examples
    --------
    >>> from daskloop.keys import Place
    >>> tallies = Tallies([("fib-1", "fib", True)])
    >>> tallies.take(MapOpened("r", 0.0, "fib-1", "fib", 4))
    >>> tallies.take(IterationEnded("r", 1.0, (Place("fib-1", 3, 1),), "fib[3]", "Fib 1", "w", 0.1))
    >>> [(row.children, row.iterations, row.message) for row in tallies.rows(now=2.0)]
    [(4, 1, 'Fib 1')]
    """

    def __init__(self, tasks: Iterable[tuple[str, str, bool]]) -> None:
        self._tasks = {slug: _Task(name, None if mapped else 1) for slug, name, mapped in tasks}
        self.started: float | None = None
        """When the run began, seconds since the epoch."""
        self.at = 0.0
        """Time of the last event."""
        self.executor = ""
        self.state: State | None = None
        """Of the flow, once the run has ended."""
        self.losses = 0
        """Workers lost under an attempt."""
        self.stalled = ""
        """Why nothing has moved for a while, if that was the last that was heard."""
        self.failures: deque[Failure] = deque(maxlen=_FAILURES)
        """The newest, in the order of their coming."""

    def take(self, event: Event) -> None:
        """Count one event."""
        self.at = event.at
        self.stalled = ""
        match event:
            case RunStarted():
                self.started, self.executor = event.at, event.executor
            case RunEnded():
                self.state, self.losses = event.state, event.losses
            case RunStalled():
                self.stalled = event.text
            case MapOpened():
                if event.slug in self._tasks:
                    self._tasks[event.slug].children = event.width
            case AttemptLost():
                self.losses += event.charged
            case (
                IterationEnded() | AttemptFailed() | RetryScheduled() | ChildPaused() | ChildEnded()
            ):
                self._of_child(event)

    def _of_child(
        self, event: IterationEnded | AttemptFailed | RetryScheduled | ChildPaused | ChildEnded
    ) -> None:
        task = self._tasks.get(event.address[0].slug)
        if task is None:
            return
        if is_inside(event.address):
            task.retries += isinstance(event, RetryScheduled)
            return
        child = event.address[0].child
        if child is not None and task.children is not None:  # a map may grow after it has opened
            task.children = max(task.children, child + 1)
        task.waiting.pop(child, None)
        task.paused.discard(child)
        match event:
            case IterationEnded():
                task.iterations += event.count
            case RetryScheduled():
                task.retries += 1
                task.waiting[child] = event.at + event.delay
            case ChildPaused():
                task.paused.add(child)
            case ChildEnded():
                self._ended(task, event)
                return
        if event.message:
            task.message = event.message

    def _ended(self, task: _Task, event: ChildEnded) -> None:
        state = event.state
        task.ended += 1
        task.iterations += state.loop_count is not None
        if not state.is_failed():
            return
        task.failed += 1
        task.message = state.message or ""
        if not state.is_trigger_failed():
            self.failures.append(Failure(event.name, state.loop_count, task.message))

    def rows(self, now: float) -> list[TaskRow]:
        """Say how each task stands.

        Parameters
        ----------
        now : float
            The time, seconds since the epoch: a retry that is due waits no more.
        """
        return [_row(task, now, self.state is not None) for task in self._tasks.values()]


def _row(task: _Task, now: float, is_over: bool) -> TaskRow:
    due = [at for at in task.waiting.values() if at > now]
    # When the run is over all have ended: what nobody told of was so before.
    before = max(0, (task.children or 0) - task.ended) if is_over else 0
    return TaskRow(
        task.name,
        task.children,
        task.ended + before,
        before,
        task.failed,
        task.iterations,
        task.retries,
        len(due),
        min(due, default=None),
        len(task.paused),
        task.message,
    )
