"""How a run stands, counted on from event to event.

::

    event ──► RunTally ──► TaskTally: how many children stand how, and those under way
                 └──► the table in a notebook, the view in a terminal

Each event costs the same, however many children there are.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from daskloop.dashboard.standings import Standing, standing_at_end
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
    RunEnded,
    RunStalled,
    RunStarted,
    RunStopping,
    TaskTitle,
)
from daskloop.report.task_tally import TaskTally
from daskloop.states import Paused, Scheduled

__all__ = ["Failure", "RunTally"]

_FAILURES = 5  # the last ones, which are remembered with their words

_UNDER_WAY, _RETRYING, _PAUSED = Standing.UNDER_WAY, Standing.RETRYING, Standing.PAUSED


class Failure(NamedTuple):
    """A child that has failed for good."""

    name: str
    iteration: int
    message: str


class RunTally:
    """A whole run; a listener.

    Parameters
    ----------
    run, flow : str, optional
        Names, until an event says them.
    tasks : iterable of TaskTitle, optional
        Those of the flow, for who shows them before an event tells of them.

    Notes
    -----
    Hears on one thread and is read on another, which holds `lock` meanwhile. What happens in the
    body of a loop flow counts for the loop flow.

    Examples
    --------
    >>> from daskloop.keys import Place
    >>> tally = RunTally(tasks=[TaskTitle("fib-1", "fib", True)])
    >>> tally.hear(MapOpened("r", 0.0, "fib-1", "fib", 4))
    >>> tally.hear(IterationEnded("r", 1.0, (Place("fib-1", 3, 1),), "fib[3]", "Fib 1", "w", 0.1))
    >>> [(task.width, task.iterations, task.message) for task in tally.tasks.values()]
    [(4, 1, 'Fib 1')]
    """

    def __init__(self, run: str = "", flow: str = "", tasks: Iterable[TaskTitle] = ()) -> None:
        self.lock = threading.Lock()
        self.run = run
        self.flow = flow
        self.executor = ""
        """How the executor describes itself."""
        self.begun: float | None = None
        """When the driver began, seconds since the epoch."""
        self.tasks = {title.slug: TaskTally(*title) for title in tasks}
        """By slug, in the order of the flow."""
        self.failures: deque[Failure] = deque(maxlen=_FAILURES)
        """The last children that failed for good."""
        self.failed = 0
        """How many failed for good on their own account."""
        self.stalled = ""
        """Why nothing moves, if it is so."""
        self.stopping: RunStopping | None = None
        self.ended: RunEnded | None = None

    def hear(self, event: Event) -> None:
        """Take note of one event."""
        with self.lock:
            self._hear(event)

    def _hear(self, event: Event) -> None:
        match event:
            case AttemptsSent():
                self._sent(event)
            case IterationEnded():
                self._iterated(event)
            case ChildEnded():
                self._ended(event)
            case AttemptFailed():
                self._failed(event)
            case RetryScheduled():
                self._retries(event)
            case AttemptLost():
                self._of(event.address[0].slug).losses += event.charged
            case MapOpened():
                if not event.inside:
                    self._of(event.slug, event.name).opened(event.width, event.names, event.grows)
            case ChildPaused():
                self._paused(event)
            case ChildRestored():
                self._restored(event)
            case RunStalled():
                self.stalled = event.text
                return
            case RunStarted():
                self._started(event)
            case RunStopping():
                self.stopping = event
            case RunEnded():
                self.ended = event
        self.stalled = ""

    def _started(self, event: RunStarted) -> None:
        self.run, self.flow, self.begun = event.run, event.flow, event.at
        self.executor = event.executor
        self.stopping = self.ended = None
        for title in event.tasks:
            self.tasks.setdefault(title.slug, TaskTally(*title))

    def _of(self, slug: str, name: str | None = None) -> TaskTally:
        found = self.tasks.get(slug)
        if found is None:
            found = self.tasks[slug] = TaskTally(slug, name or slug, False)
        return found

    def _sent(self, event: AttemptsSent) -> None:
        at, task = event.at, None
        for address in event.addresses:  # as many as there are children, in a wide map
            slug, index, iteration = address[0]
            if task is None or task.slug != slug:
                task = self._of(slug)
            task.sent(index or 0, iteration, at)

    def _iterated(self, event: IterationEnded) -> None:
        if len(event.address) > 1:
            return
        slug, index, iteration = event.address[0]
        task = self._of(slug)
        task.iterations += event.count
        going = task.goes(index or 0, _UNDER_WAY, event.at)
        going.iteration, going.run_count, going.due = iteration + 1, 1, event.until
        task.says(going, event.message)

    def _failed(self, event: AttemptFailed) -> None:
        slug, index, _ = event.address[0]
        task = self._of(slug)
        going = task.goes(index or 0, _UNDER_WAY, event.at)
        task.says(going, event.message)
        going.failed = True
        if len(event.address) == 1:
            going.attempts = event.attempts

    def _retries(self, event: RetryScheduled) -> None:
        slug, index, iteration = event.address[0]
        task = self._of(slug)
        task.retries += 1
        inside = len(event.address) > 1  # others in the body may go on meanwhile
        going = task.goes(index or 0, _UNDER_WAY if inside else _RETRYING, event.at)
        if not going.failed:  # of a failure, the words of what failed say more
            task.says(going, event.message)
        if not inside:
            going.iteration, going.run_count = iteration, event.run_count
            going.due = event.at + event.delay

    def _paused(self, event: ChildPaused) -> None:
        slug, index, iteration = event.address[0]
        task = self._of(slug)
        going = task.goes(index or 0, _PAUSED, event.at)
        going.iteration, going.due = iteration, event.until
        task.says(going, event.message)

    def _ended(self, event: ChildEnded) -> None:
        if len(event.address) > 1:
            return
        slug, index, iteration = event.address[0]
        state, task = event.state, self._of(slug)
        standing = standing_at_end(state)
        if index is None:
            task.opens_never()
        task.over(index or 0, standing, iteration, event.seconds)
        if standing is not Standing.FAILED:
            return
        task.message = state.message or task.message
        if not state.is_trigger_failed():
            self.failed += 1
            self.failures.append(Failure(event.name, iteration, state.message or ""))

    def _restored(self, event: ChildRestored) -> None:
        if len(event.address) > 1:
            return
        slug, index, iteration = event.address[0]
        task, state = self._of(slug), event.state
        if not task.knows(index or 0):
            task.iterations += max(0, iteration - 1)
        if iteration < 1:
            task.begin_again(index or 0)
        elif state is None or isinstance(state, Scheduled):
            standing = _UNDER_WAY if state is None else _RETRYING
            standing = _PAUSED if isinstance(state, Paused) else standing
            going = task.goes(index or 0, standing, event.at)
            going.iteration = iteration
            start = None if state is None else state.start_time
            going.due = None if start is None else start.timestamp()
            task.says(going, "" if state is None else state.message or "")
        elif not state.is_mapped():
            if index is None:
                task.opens_never()
            task.over(index or 0, standing_at_end(state), iteration, 0.0)
