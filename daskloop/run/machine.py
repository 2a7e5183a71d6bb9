"""The engine without its surroundings: news and the time go in, turns come out.

::

    news ─► take ─► decide, child by child ─► Turn (records, submissions, questions, events)

Knows no Dask, no clock, no disk and no thread, so that the same code runs against a cluster, in
the calling thread, and against a simulated adversary.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from daskloop.define.batch import Batch
from daskloop.executors.session import Key
from daskloop.plan.plan import Plan
from daskloop.record.store import PayloadStore
from daskloop.run.accepting import accepted
from daskloop.run.admission import Admission
from daskloop.run.arrivals import Arrivals
from daskloop.run.chronicle import Chronicle, Counts
from daskloop.run.flights import Flights
from daskloop.run.memory import Memory
from daskloop.run.packing import Packing
from daskloop.run.progress import Due, Phase, Rejected, Stopped, Unbegun
from daskloop.run.set_clock import move_beginnings
from daskloop.run.standing import Child, Standing
from daskloop.run.steps import Steps
from daskloop.run.turn import (
    Approve,
    Came,
    Halt,
    Handled,
    Idle,
    News,
    Paced,
    Question,
    Reject,
    Rest,
    Room,
    Turn,
    Vanished,
    Wrote,
)

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
    batch : int or "auto"
        How many attempts one future may hold, for tasks that do not say it themselves.
    keeps : bool
        False to make no records, where nobody keeps them.
    remembers : bool
        True to keep the states of all iterations.
    crowded : bool
        True if several attempts may execute on one worker.
    level : int
        Of `logging`: events that are less grave are not told.
    """

    def __init__(
        self,
        plan: Plan,
        run: str,
        parameters: Mapping[str, Any],
        store: PayloadStore | None,
        slots: int,
        memory: Memory | None = None,
        batch: Batch = 1,
        *,
        keeps: bool = True,
        remembers: bool = False,
        crowded: bool = True,
        level: int = logging.DEBUG,
    ) -> None:
        self.run = run
        self._store = store
        self._steps = Steps(
            Standing(plan, parameters),
            Chronicle(run, level),
            Flights(run, Admission(slots, crowded), Packing(batch)),
            memory or Memory(),
            store,
            keeps,
            remembers,
        )
        self._arrivals = Arrivals(self._steps, store)

    @property
    def standing(self) -> Standing:
        """How every node and child stands."""
        return self._steps.standing

    @property
    def admission(self) -> Admission:
        """Who waits for a place in the window, and how many have one."""
        return self._steps.flights.admission

    @property
    def flying(self) -> dict[Key, Child]:
        """The attempts in flight, by key."""
        return self._steps.flights.flying

    @property
    def packing(self) -> Packing:
        """The futures in flight."""
        return self._steps.flights.packing

    @property
    def stopping(self) -> str | None:
        """Why the run is being stopped, if it is."""
        return self._steps.halting.reason

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
        now = self._steps.now
        found = (
            self._steps.timers.next_due,
            self._steps.pauses.next_due,
            None if self.resting else self.admission.opens_at(now),
        )
        return min((at for at in found if at is not None), default=None)

    @property
    def paused(self) -> list[Child]:
        """The children that wait for somebody."""
        return self._steps.pauses.waiting()

    @property
    def resting(self) -> bool:
        """True if no attempt is begun, since the run is paused."""
        return self._steps.flights.resting

    @property
    def over(self) -> list[Child]:
        """All that have their final state, in the order of their ending; it only grows."""
        return self._steps.opening.over

    def start(self, now: float) -> Turn:
        """Open everything that waits for nothing."""
        self._steps.begin_turn(now)
        self._steps.opening.start()
        return self._steps.end_turn()

    def take(self, news: Iterable[News], now: float) -> Turn:
        """Take what arrived, and the time, and say what follows."""
        self._steps.begin_turn(now)
        for one in news:
            self._hear(one)
        for child in self._steps.timers.due(now):
            if child.progress.phase is Phase.DELAYED:
                self._steps.advance(child, Due())
        for child in self._steps.pauses.due(now):
            self._steps.advance(child, Due())
        return self._steps.end_turn()

    def clock_was_set(self, by: float) -> None:
        """Let all wait as long as they were to, though the clock was set by so many seconds."""
        self._steps.timers.move(by)
        self.admission.move(by)
        move_beginnings(self.standing, by)

    def _hear(self, news: News) -> None:
        if type(news) is Came:  # nearly all that there is to hear
            child = self._steps.landed(news.key)
            if child is not None:
                self._arrivals.came(child, news.entry)
            return
        match news:
            case Wrote(child, log):
                self._steps.chronicle.wrote(child, log)
            case Idle(keys):
                came = [self._steps.landed(key) for key in keys]
                self._steps.advance_alike([one for one in came if one is not None], Unbegun())
            case Paced(pack, children, seconds, looped):
                self.counts.futures += 1
                pack.pace.note(children, seconds, looped)
            case Vanished(key, reason, charged, alone):
                child = self._steps.landed(key)
                if child is not None:
                    child.alone = max(child.alone, alone)
                    self._arrivals.lose(child, reason, charged)
            case Handled():
                self._handled(news)
            case Halt(reason, now, cleans):
                self._halt(reason, now, cleans)
            case Room(slots):
                self.admission.slots = slots
            case Approve(asked, payload):
                for one in asked:
                    if one.stands:
                        self._arrivals.approve(one.child, payload)
            case Reject(asked, reason):
                for one in asked:
                    if one.stands:
                        self._steps.advance(one.child, Rejected(reason))
            case Rest(on):
                self._steps.flights.resting = on

    def _handled(self, handled: Handled) -> None:
        self._steps.asked -= 1
        asked = handled.asked
        child = asked.child
        if child.ended:
            return
        if handled.value is not None:
            child.value = handled.value
            child.parts = handled.parts
        if isinstance(asked, Question):
            self._steps.opening.answered(child, handled.state)
            return
        state = handled.state or asked.new
        happening = accepted(child, state, handled.final, handled.value)
        child.announced = state
        self._steps.advance(child, happening)

    def _halt(self, reason: str, now: bool, cleans: bool) -> None:
        """Begin no iteration any more, but of what cleans up; with `now`, wait for none either."""
        halting = self._steps.halting
        halting.begin(reason, cleans and not now)
        self._steps.chronicle.stopping(reason, now)
        self._steps.flights.resting = False  # what cleans up is not held back
        waiting = self.admission.drain() + self._steps.timers.waiting() + self.paused
        if now:
            waiting += list(self.flying.values())
        for child in waiting:
            spared = halting.why(child) is None
            if spared and child.progress.phase is Phase.READY:
                self.admission.push((child,))
            elif not (spared and child.progress.phase is Phase.DELAYED):
                self._steps.advance(child, Stopped(reason, now))
