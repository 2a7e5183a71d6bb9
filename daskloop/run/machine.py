"""The engine without its surroundings: news and the time go in, turns come out.

::

    news ─► take ─► decide, child by child ─► Turn (records, submissions, questions, events)

Knows no Dask, no clock, no disk and no thread, so that the same code runs against a cluster, in
the calling thread, and against a simulated adversary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from daskloop.executors.session import Key
from daskloop.plan.plan import Plan
from daskloop.record.store import PayloadStore
from daskloop.run.admission import Admission
from daskloop.run.chronicle import Counts
from daskloop.run.progress import Due, Ended, Phase, Stopped
from daskloop.run.replay import Memory
from daskloop.run.standing import Child, Standing
from daskloop.run.states_of import state_of
from daskloop.run.steps import Steps
from daskloop.run.turn import Came, Halt, Handled, News, Question, Room, Turn, Vanished

__all__ = ["Machine"]


class Machine:
    """Drives all children of a run.

    Parameters
    ----------
    plan : Plan
        The flow.
    run : str
        Name of the run.
    parameters : mapping
        A value for each parameter.
    store : PayloadStore or None
        Held by the states that refer to it; nothing is read from it here.
    slots : int
        How many attempts can execute at once.
    memory : Memory, optional
        What is known of the run from before.
    """

    def __init__(
        self,
        plan: Plan,
        run: str,
        parameters: Mapping[str, Any],
        store: PayloadStore | None,
        slots: int,
        memory: Memory | None = None,
    ) -> None:
        self.run = run
        self._store = store
        self._steps = Steps(plan, run, parameters, store, slots, memory)

    @property
    def standing(self) -> Standing:
        """How every node and child stands."""
        return self._steps.standing

    @property
    def admission(self) -> Admission:
        """Who waits for a place in the window, and how many have one."""
        return self._steps.admission

    @property
    def flying(self) -> dict[Key, Child]:
        """The attempts in flight, by key."""
        return self._steps.flying

    @property
    def stopping(self) -> str | None:
        """Why the run is being stopped, if it is."""
        return self._steps.stopping

    @property
    def counts(self) -> Counts:
        """How many iterations, retries and losses there were."""
        return self._steps.chronicle.counts

    @property
    def finished(self) -> bool:
        """True once every node has closed and no function of the user is under way."""
        return self._steps.asked == 0 and self._steps.opening.left == 0

    @property
    def next_due(self) -> float | None:
        """When the next timer is due, in seconds since the epoch."""
        return self._steps.timers.next_due

    def start(self, now: float) -> Turn:
        """Open everything that waits for nothing."""
        self._set_time(now)
        self._steps.opening.start()
        return self._steps.end_turn()

    def take(self, news: Iterable[News], now: float) -> Turn:
        """Take what arrived, and the time, and say what follows."""
        self._set_time(now)
        for one in news:
            self._hear(one)
        for child in self._steps.timers.due(now):
            if child.progress.phase is Phase.DELAYED:
                self._steps.advance(child, Due())
        return self._steps.end_turn()

    def _set_time(self, now: float) -> None:
        self._steps.now = self._steps.chronicle.now = now

    def _hear(self, news: News) -> None:
        match news:
            case Came(key, entry):
                child = self._steps.landed(key)
                if child is not None:
                    child.worker = entry.worker
                    state = state_of(entry, child.progress, self._store)
                    self._steps.advance(child, Ended(entry, state))
            case Vanished(key, reason, charged):
                child = self._steps.landed(key)
                if child is not None:
                    self._steps.lose(child, reason, charged)
            case Handled():
                self._handled(news)
            case Halt(reason, now):
                self._halt(reason, now)
            case Room(slots):
                self.admission.slots = slots

    def _handled(self, handled: Handled) -> None:
        self._steps.asked -= 1
        asked = handled.asked
        child = asked.child
        if child.ended:
            return
        if isinstance(asked, Question):
            self._steps.opening.answered(child, handled.state)
            return
        state = handled.state or asked.new
        child.announced = state
        if handled.value is not None:
            child.value = handled.value
            child.parts = handled.parts
        self._steps.advance(child, self._steps.accepted(child, state, handled.final, handled.value))

    def _halt(self, reason: str, now: bool) -> None:
        """Begin no iteration any more; with `now`, wait for none either."""
        self._steps.stopping = reason
        waiting = self.admission.drain() + self._steps.timers.waiting()
        if now:
            waiting += list(self.flying.values())
        for child in waiting:
            self._steps.advance(child, Stopped(reason, now))
