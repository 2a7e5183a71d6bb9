"""The engine without its surroundings: news and the time go in, turns come out.

::

    news ─► take ─► decide, child by child ─► Turn (records, submissions, questions, events)

Knows no Dask, no clock, no disk and no thread, so that the same code runs against a cluster, in
the calling thread, and against a simulated adversary.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from daskloop.executors.session import Key
from daskloop.keys import dask_key
from daskloop.plan.plan import Plan
from daskloop.record.sealed import Sealed
from daskloop.record.store import PayloadStore
from daskloop.run.admission import Admission
from daskloop.run.chronicle import Chronicle, Counts
from daskloop.run.decide import Moment, decide
from daskloop.run.hooking import hooks_for, last_hooks_for
from daskloop.run.opening import Opening
from daskloop.run.progress import (
    Accepted,
    Admitted,
    Announce,
    Due,
    End,
    Ended,
    Enqueue,
    Happening,
    Lost,
    Phase,
    Progress,
    Stopped,
    Submit,
    Wake,
)
from daskloop.run.recording import recorded
from daskloop.run.standing import Child, Standing, draw
from daskloop.run.states_of import hold, state_of
from daskloop.run.turn import (
    Announcement,
    Came,
    Halt,
    Handled,
    News,
    Question,
    Room,
    Turn,
    Vanished,
)
from daskloop.states import Looped, State

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
    """

    def __init__(
        self,
        plan: Plan,
        run: str,
        parameters: Mapping[str, Any],
        store: PayloadStore | None,
        slots: int,
    ) -> None:
        self.run = run
        self.standing = Standing(plan, parameters)
        self.admission = Admission(slots)
        self.flying: dict[Key, Child] = {}
        """The attempts in flight, by key."""
        self._chronicle = Chronicle(run)
        self.stopping: str | None = None
        self._opening = Opening(self.standing, self._advance, self._ask)
        self._store = store
        self._timers: list[tuple[float, int, Child]] = []
        self._set = 0
        self._asked = 0
        self._pending: deque[tuple[Child, Happening]] = deque()
        self._now = 0.0
        self._turn = Turn()

    @property
    def counts(self) -> Counts:
        """How many iterations, retries and losses there were."""
        return self._chronicle.counts

    @property
    def finished(self) -> bool:
        """True once every node has closed and no function of the user is under way."""
        return self._asked == 0 and self._opening.left == 0

    @property
    def next_due(self) -> float | None:
        """When the next timer is due, in seconds since the epoch."""
        return self._timers[0][0] if self._timers else None

    def start(self, now: float) -> Turn:
        """Open everything that waits for nothing."""
        self._now = self._chronicle.now = now
        self._opening.start()
        return self._end_turn()

    def take(self, news: Iterable[News], now: float) -> Turn:
        """Take what arrived, and the time, and say what follows."""
        self._now = self._chronicle.now = now
        for one in news:
            self._hear(one)
        while self._timers and self._timers[0][0] <= now:
            child = heapq.heappop(self._timers)[2]
            if child.progress.phase is Phase.DELAYED:
                self._advance(child, Due())
        return self._end_turn()

    def _end_turn(self) -> Turn:
        while True:
            child = self.admission.pop()
            if child is None:
                break
            self._take_place(child)
            self._advance(child, Admitted())
        turn, self._turn = self._turn, Turn()
        turn.events = self._chronicle.take()
        return turn

    def _hear(self, news: News) -> None:
        match news:
            case Came(key, entry):
                child = self._landed(key)
                if child is not None:
                    child.worker = entry.worker
                    state = state_of(entry, child.progress, self._store)
                    self._advance(child, Ended(entry, state))
            case Vanished(key, reason, charged):
                child = self._landed(key)
                if child is not None:
                    self._lose(child, reason, charged)
            case Handled():
                self._handled(news)
            case Halt(reason, now):
                self._halt(reason, now)
            case Room(slots):
                self.admission.slots = slots

    def _landed(self, key: Key) -> Child | None:
        """Take an attempt off those in flight; None if it was replaced or given up before."""
        child = self.flying.pop(key, None)
        if child is not None:
            child.key = None
            self._leave_place(child)
            self._turn.released.append(key)
        return child

    def _lose(self, child: Child, reason: str, charged: bool) -> None:
        self._chronicle.lost(child, reason, charged)
        self._advance(child, Lost(reason, charged))

    def _take_place(self, child: Child) -> None:
        if not child.admitted:
            child.admitted = True
            self.admission.out += 1

    def _leave_place(self, child: Child) -> None:
        if child.admitted:
            child.admitted = False
            self.admission.out -= 1

    def _handled(self, handled: Handled) -> None:
        self._asked -= 1
        asked = handled.asked
        child = asked.child
        if child.ended:
            return
        if isinstance(asked, Question):
            self._opening.answered(child, handled.state)
            return
        state = handled.state or asked.new
        child.announced = state
        if handled.value is not None:
            child.value = handled.value
            child.parts = handled.parts
        self._advance(child, self._accepted(child, state, handled.final, handled.value))

    def _accepted(
        self, child: Child, state: State, final: bool, changed: Sealed | None = None
    ) -> Accepted:
        """Make the happening of a state that stands, and note down the attempt it ends."""
        entry = child.progress.entry
        value = changed
        if entry is not None:
            value = entry.value if changed is None else changed
            if changed is None:
                child.value, child.parts = entry.value, entry.parts
            self._turn.records.append(recorded(child.address, child.progress, state, entry, value))
        return Accepted(state, value if isinstance(state, Looped) else None, final)

    def _advance(self, child: Child, happening: Happening) -> None:
        """Let happenings follow one another until every child waits for something.

        What follows for other children is queued, not called: a chain of ten thousand skipped
        tasks must not be ten thousand calls deep.
        """
        self._pending.append((child, happening))
        if len(self._pending) > 1:
            return  # the loop below is under way, and this is called from within it
        while self._pending:
            one, what = self._pending[0]
            self._step(one, what)
            self._pending.popleft()

    def _step(self, child: Child, happening: Happening) -> None:
        pending: Happening | None = happening
        while pending is not None:
            before = child.progress
            moment = Moment(self._now, draw(self.run, child), self.stopping)
            child.progress, step = decide(child.rules, before, pending, moment)
            self._chronicle.note(child, before, pending)
            if isinstance(pending, Accepted) and isinstance(pending.state, Looped):
                self._drop(child, before)
            if child.progress.phase is not Phase.RUNNING:
                self._leave_place(child)
            pending = None
            match step:
                case Announce(state, final):
                    pending = self._announce(child, state, final)
                case Enqueue():
                    child.continuing = child.continuing or child.progress.begun is not None
                    self.admission.push(child)
                case Submit():
                    self._submit(child)
                case Wake(at):
                    self._set += 1
                    heapq.heappush(self._timers, (at, self._set, child))
                case End(state):
                    self._end(child, state)

    def _announce(self, child: Child, state: State, final: bool) -> Accepted | None:
        """Propose a state; without handlers for it, it stands at once."""
        old, child.announced = child.announced, state
        hooks = child.node.plan.task.hooks
        if not hooks.state_handlers and not hooks_for(hooks, state):
            return self._accepted(child, state, final)
        progress = child.progress
        self._ask(Announcement(child, old, state, final, progress.iteration, progress.run_count))
        return None

    def _ask(self, question: Announcement | Question) -> None:
        self._asked += 1
        self._turn.questions.append(question)

    def _submit(self, child: Child) -> None:
        progress = child.progress
        self._take_place(child)
        child.key = dask_key(self.run, child.address, progress.run_count, progress.submission)
        self.flying[child.key] = child
        child.reached = progress.iteration
        self._turn.submissions.append(child)

    def _end(self, child: Child, state: State) -> None:
        progress = child.progress
        if progress.begun is not None and not state.is_mapped():
            payload = progress.payload
            keeps = state.is_failed() or state.is_cancelled()
            held = hold(payload, self._store) if payload is not None and keeps else None
            state.remember_loop(child.reached, progress.messages, held)
            if payload is not None and not keeps:
                self._turn.dropped.append(payload)
        if child.key is not None:  # given up while in flight
            self._landed(child.key)
        child.progress = Progress(Phase.ENDED, progress.iteration, begun=progress.begun)
        child.state = state
        if last_hooks_for(child.node.plan.task.hooks, state):
            self._ask(
                Announcement(
                    child, state, state, True, progress.iteration, progress.run_count, last=True
                )
            )
        if child.node.plan.parameter is None and not state.is_mapped():
            self._chronicle.ended(child, state)
        self._opening.ended(child)
        if child is child.node.child and child.node.fanned_out:
            self._chronicle.opened(child.node)

    def _drop(self, child: Child, before: Progress) -> None:
        """Note that the payload before the present one is no longer needed."""
        hooks = child.node.plan.task.hooks
        kept = hooks.state_handlers or hooks.on_loop  # they may hold on to the state
        if before.payload is not None and before.entry is not None and not kept:
            self._turn.dropped.append(before.payload)

    def _halt(self, reason: str, now: bool) -> None:
        """Begin no iteration any more; with `now`, wait for none either."""
        self.stopping = reason
        waiting = self.admission.drain() + [child for _, _, child in self._timers]
        if now:
            waiting += list(self.flying.values())
        for child in waiting:
            self._advance(child, Stopped(reason, now))
