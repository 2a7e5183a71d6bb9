"""What just became true in a run, as events for those who watch and as counts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from daskloop.events import (
    EVERY_ATTEMPT,
    AttemptEnded,
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
    RunStopping,
    TaskLogged,
)
from daskloop.loggers import logger_name
from daskloop.run.attempt_log import AttemptLog
from daskloop.run.envelope import Ahead, Entry
from daskloop.run.progress import Accepted, Happening, Phase, Progress
from daskloop.run.standing import Child, NodeStanding
from daskloop.run.states_of import ended_well
from daskloop.states import Failed, Looped, Paused, Retrying, State

__all__ = ["Chronicle", "Counts"]


@dataclass(slots=True)
class Counts:
    """How often things happened."""

    iterations: int = 0
    """Iterations that are done: they went on to another, or ended their loop well."""
    retries: int = 0
    """Attempts that were scheduled again."""
    losses: int = 0
    """Workers lost under an attempt."""
    futures: int = 0
    """Futures that came back."""
    work: float = 0.0
    """Seconds in user code."""

    def told(self) -> tuple[int, int, int, int, float]:
        """Return all of them, as `RunEnded` has them."""
        return self.iterations, self.retries, self.losses, self.futures, self.work


class Chronicle:
    """Collects the events of a turn.

    Parameters
    ----------
    run : str
        Name of the run.
    level : int
        Of `logging`: what is less grave than that, nobody wants to hear.
    """

    def __init__(self, run: str, level: int = logging.DEBUG) -> None:
        self._tells_attempts = level <= EVERY_ATTEMPT
        self._tells_iterations = level <= logging.DEBUG
        self._tells_ends = level <= logging.INFO
        self.now = 0.0
        self.counts = Counts()
        self.run = run
        """Name of the run."""
        self._events: list[Event] = []
        self._growing: dict[NodeStanding, int] = {}

    def take(self) -> list[Event]:
        """Return what was collected, and begin anew."""
        for node, told in list(self._growing.items()):
            if told != len(node.children) or not node.grows:
                self.opened(node)
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
            case Accepted(Paused() as state) if child.progress.phase is Phase.PAUSED:
                self._paused(child, state)

    def came(self, child: Child, entry: Entry) -> None:
        """Count the work of an attempt that came back, and tell that it did."""
        ahead = entry.ahead
        self.counts.work += entry.ended - entry.started
        if ahead is not None:
            self.counts.work += ahead.seconds
        if not self._tells_attempts:
            return
        before = 0 if ahead is None else ahead.iterations
        self._events.append(
            AttemptEnded(
                self.run,
                self.now,
                child.address_at(child.progress.iteration + before),
                child.name,
                1 if before else child.progress.run_count,
                entry.kind,
                entry.message or "",
                entry.worker,
                entry.started,
                entry.ended,
                before,
                0.0 if ahead is None else ahead.seconds,
            )
        )

    def _iterated(self, child: Child, before: Progress, state: State) -> None:
        entry = before.entry
        assert entry is not None
        self._count(child)
        if not self._tells_iterations:
            return
        address = child.address_at(before.iteration)
        seconds = entry.ended - entry.started
        said = child.name, state.message or "", entry.worker
        until = entry.start_time
        self._events.append(
            IterationEnded(self.run, self.now, address, *said, seconds, until=until)
        )

    def ran_ahead(self, child: Child, ahead: Ahead, worker: str) -> None:
        """Tell of iterations that ended in one future, before the last one."""
        self._count(child, ahead.iterations)
        if not self._tells_iterations:
            return
        last = child.address_at(child.progress.iteration - 1)
        self._events.append(
            IterationEnded(
                self.run,
                self.now,
                last,
                child.name,
                ahead.messages[-1],
                worker,
                ahead.seconds,
                ahead.iterations,
            )
        )

    def _count(self, child: Child, iterations: int = 1) -> None:
        """Count iterations that are done; what ends inside of one is a part of it."""
        if child.node.standing.outer is None:
            self.counts.iterations += iterations

    def _failed(self, child: Child, before: Progress, state: State) -> None:
        assert before.entry is not None
        self._events.append(
            AttemptFailed(
                self.run,
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
            RetryScheduled(self.run, self.now, child.address, child.name, count, delay, message)
        )

    def _paused(self, child: Child, state: Paused) -> None:
        until = None if state.start_time is None else state.start_time.timestamp()
        self._events.append(
            ChildPaused(self.run, self.now, child.address, child.name, state.message or "", until)
        )

    def lost(self, child: Child, reason: str, charged: bool) -> None:
        """Tell that a submitted attempt will not come back."""
        self.counts.losses += charged
        self._events.append(
            AttemptLost(self.run, self.now, child.address, child.name, reason, charged)
        )

    def ended(self, child: Child, state: State) -> None:
        """Tell that a child has its final state."""
        inside = child.node.standing.outer is not None  # as grave as an iteration
        if ended_well(state) and not inside and child.progress.begun is not None:
            self.counts.iterations += 1
        tells = self._tells_iterations if inside else self._tells_ends
        if not tells and not state.is_failed():
            return
        begun = child.progress.begun
        seconds = 0.0 if begun is None else self.now - begun
        self._events.append(
            ChildEnded(self.run, self.now, child.address, child.name, state, seconds)
        )

    def wrote(self, child: Child, log: AttemptLog) -> None:
        """Tell what an attempt has logged."""
        plan = child.node.plan
        self._events.append(
            TaskLogged(
                self.run,
                self.now,
                child.address_at(log.iteration),
                child.name,
                log.run_count,
                log.worker,
                logger_name(plan.name),
                child.node.standing.plan.flow_name,
                plan.name,
                log.lines,
                log.left_out,
                log.after,
            )
        )

    def opened(self, node: NodeStanding) -> None:
        """Tell how wide a map is."""
        inside = node.standing.outer is not None
        if inside and not self._tells_iterations:
            return
        plan = node.plan
        width, names, grows = len(node.children), node.names or (), node.grows
        if grows:
            self._growing[node] = width
        else:
            self._growing.pop(node, None)
        self._events.append(
            MapOpened(self.run, self.now, plan.slug, plan.name, width, names, inside, grows)
        )

    def restored(self, child: Child, state: State | None) -> None:
        """Tell how far an earlier driver has brought a child."""
        if self._tells_iterations and child.node.plan.parameter is None:
            address, name = child.address, child.name
            self._events.append(ChildRestored(self.run, self.now, address, name, state))

    def sent(self, children: Sequence[Child]) -> None:
        """Tell whose attempts are sent in this turn."""
        if self._tells_iterations and children:
            addresses = [child.address for child in children]
            self._events.append(AttemptsSent(self.run, self.now, addresses))

    def stopping(self, reason: str, now: bool) -> None:
        """Tell that no iteration begins any more."""
        self._events.append(RunStopping(self.run, self.now, reason, now))
