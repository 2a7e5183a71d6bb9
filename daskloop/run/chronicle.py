"""What just became true in a run, as events for those who watch and as counts."""

from __future__ import annotations

from dataclasses import dataclass

from daskloop.events import (
    AttemptFailed,
    AttemptLost,
    ChildEnded,
    Event,
    IterationEnded,
    MapOpened,
    RetryScheduled,
)
from daskloop.run.progress import Accepted, Happening, Phase, Progress
from daskloop.run.standing import Child, NodeStanding
from daskloop.states import Failed, Looped, Retrying, State

__all__ = ["Chronicle", "Counts"]


@dataclass(slots=True)
class Counts:
    """How often things happened."""

    iterations: int = 0
    """Iterations that ended and went on to another."""
    retries: int = 0
    """Attempts that were scheduled again."""
    losses: int = 0
    """Workers lost under an attempt."""


class Chronicle:
    """Collects the events of a turn.

    Parameters
    ----------
    run : str
        Name of the run.
    """

    def __init__(self, run: str) -> None:
        self.now = 0.0
        self.counts = Counts()
        self._run = run
        self._events: list[Event] = []

    def take(self) -> list[Event]:
        """Return what was collected, and begin anew."""
        events, self._events = self._events, []
        return events

    def note(self, child: Child, before: Progress, happening: Happening) -> None:
        """Tell what a happening means to those who watch, if anything."""
        match happening:
            case Accepted(Looped() as state) if before.entry is not None:
                self._iterated(child, before, state)
            case Accepted(Failed() as state) if before.entry is not None:
                self._failed(child, before, state)
            case Accepted(Retrying() as state) if child.progress.phase is Phase.DELAYED:
                self._delayed(child, state)

    def _iterated(self, child: Child, before: Progress, state: State) -> None:
        entry = before.entry
        assert entry is not None
        self.counts.iterations += 1
        address = (child.address[0]._replace(iteration=before.iteration),)
        seconds = entry.ended - entry.started
        message = state.message or ""
        self._events.append(
            IterationEnded(self._run, self.now, address, child.name, message, entry.worker, seconds)
        )

    def _failed(self, child: Child, before: Progress, state: State) -> None:
        assert before.entry is not None
        self._events.append(
            AttemptFailed(
                self._run,
                self.now,
                child.address,
                child.name,
                before.run_count,
                child.node.plan.task.retry.max_retries + 1,
                state.message or "",
                before.entry.worker,
            )
        )

    def _delayed(self, child: Child, state: Retrying) -> None:
        self.counts.retries += 1
        start = state.start_time
        delay = max(0.0, start.timestamp() - self.now) if start else 0.0
        count = child.progress.run_count
        message = state.message or ""
        self._events.append(
            RetryScheduled(self._run, self.now, child.address, child.name, count, delay, message)
        )

    def lost(self, child: Child, reason: str, charged: bool) -> None:
        """Tell that a submitted attempt will not come back."""
        self.counts.losses += charged
        self._events.append(
            AttemptLost(self._run, self.now, child.address, child.name, reason, charged)
        )

    def ended(self, child: Child, state: State) -> None:
        """Tell that a child has its final state."""
        begun = child.progress.begun
        seconds = 0.0 if begun is None else self.now - begun
        self._events.append(
            ChildEnded(self._run, self.now, child.address, child.name, state, seconds)
        )

    def opened(self, node: NodeStanding) -> None:
        """Tell how wide a map is."""
        plan = node.plan
        width = len(node.children)
        self._events.append(MapOpened(self._run, self.now, plan.slug, plan.name, width))
