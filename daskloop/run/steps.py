"""Carry out what is decided about each child, until every child waits for something.

::

    happening ─► decide ─► step ─► announce | enqueue | submit | wake | end ─► happening ...

What leaves the machine is put on the turn; like it, this knows no Dask, clock, disk or thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from daskloop.executors.session import Key
from daskloop.record.sealed import Sealed
from daskloop.record.store import PayloadStore
from daskloop.run.accepting import accepted
from daskloop.run.blocks import Blocks
from daskloop.run.chance import draw, draws
from daskloop.run.chronicle import Chronicle
from daskloop.run.decide import Moment, decide
from daskloop.run.flights import Flights
from daskloop.run.halting import Halting
from daskloop.run.hooking import hooks_for, last_hooks_for
from daskloop.run.memory import Memory
from daskloop.run.notes import Notes
from daskloop.run.opening import Opening
from daskloop.run.pauses import Pauses
from daskloop.run.progress import (
    ADMITTED,
    ENQUEUE,
    SUBMIT,
    Accepted,
    Announce,
    End,
    Enqueue,
    Happening,
    Pause,
    Phase,
    Step,
    Stopped,
    Submit,
    Wake,
    ended_at,
)
from daskloop.run.replay import Restored
from daskloop.run.standing import Child, Standing
from daskloop.run.timers import Timers
from daskloop.run.tolerating import fails_fast
from daskloop.run.turn import Announcement, Question, Turn
from daskloop.states import Looped, State, Success

__all__ = ["Steps"]


class Steps:
    """Everything that is done about the children of a run.

    Parameters
    ----------
    standing, chronicle, flights, memory
        The parts of the run, fresh.
    store, keeps, remembers
        See `Notes`.
    """

    def __init__(
        self,
        standing: Standing,
        chronicle: Chronicle,
        flights: Flights,
        memory: Memory,
        store: PayloadStore | None,
        keeps: bool,
        remembers: bool,
    ) -> None:
        self.standing = standing
        self.flights = flights
        self.timers = Timers()
        self.pauses = Pauses()
        self.chronicle = chronicle
        self.opening = Opening(self.standing, self)
        self.blocks = Blocks(self)
        self.halting = Halting()
        self.asked = 0
        """Functions of the user that are under way."""
        self.now = 0.0
        self._run = chronicle.run
        self.store = store
        self.notes = Notes(store, keeps, remembers)
        self.memory = memory
        self._pending: deque[tuple[Child, Happening | Restored]] = deque()
        self.turn = Turn()
        """What follows from this turn so far."""

    @property
    def keeps(self) -> bool:
        """True if what happens is recorded."""
        return self.notes.keeps

    def begin_turn(self, now: float) -> None:
        """Set the time, in seconds since the epoch."""
        self.now = self.chronicle.now = now

    def end_turn(self) -> Turn:
        """Let in whom there is room for, and hand out all that follows from this turn."""
        packs = []
        self.flights.open(self.now)
        while company := self.flights.let_in():
            self.advance_alike(company, ADMITTED)
            packs += self.flights.pack_company(company)
        turn, self.turn = self.turn, Turn()
        turn.records = self.notes.take()
        turn.packs = packs + self.flights.pack(turn.submissions)
        self.chronicle.sent(turn.submissions)
        turn.events = self.chronicle.take()
        return turn

    def landed(self, key: Key) -> Child | None:
        """Take an attempt off those in flight; None if it was replaced or given up before."""
        child, future = self.flights.land(key)
        if future is not None:
            self.turn.released.append(future)
        return child

    def advance(self, child: Child, happening: Happening | Restored) -> None:
        """Let happenings follow one another until every child waits for something.

        What follows for others is queued: ten thousand skipped tasks are not as many calls deep.
        """
        self._pending.append((child, happening))
        if len(self._pending) > 1:
            return  # the loop below is under way, and this is called from within it
        while self._pending:
            one, what = self._pending[0]
            self._step(one, what)
            self._pending.popleft()

    def advance_alike(self, children: Sequence[Child], happening: Happening) -> None:
        """Let the same happen to children of one task: for those that stand alike decide once."""
        start = 0
        while start < len(children):
            first, known = children[start], children[start].progress
            progress = step = None
            if not draws(first):
                moment = Moment(self.now, 0.0, self.halting.why(first))
                progress, step = decide(first.rules, known, happening, moment)
            if progress is None or not (step is ENQUEUE or step is SUBMIT):
                self.advance(first, happening)  # whatever is about this child alone
                start += 1
                continue
            end = start
            while end < len(children) and children[end].progress is known:
                children[end].progress = progress
                end += 1
            self._queue(children[start:end], sends=step is SUBMIT)
            start = end

    def _step(self, child: Child, happening: Happening | Restored) -> None:
        pending: Happening | None
        pending = self._go_on(child, happening) if isinstance(happening, Restored) else happening
        while pending is not None:
            before = child.progress
            moment = Moment(self.now, draw(self._run, child), self.halting.why(child))
            child.progress, step = decide(child.rules, before, pending, moment)
            if isinstance(pending, Accepted):
                self.notes.accepted(child, before, pending, step, moment.stopping, self.now)
                self.chronicle.note(child, before, pending)
                if isinstance(pending.state, Looped):
                    self.turn.dropped += self.notes.outlived(child, before)
                ended_well = isinstance(pending.state, (Looped, Success))
                if ended_well and before.entry is not None and before.entry.parts:
                    child.node.standing.opening.emitted(child, before.entry.parts)
            if child.progress.phase is not Phase.RUNNING:
                self.flights.admission.leave(child)
            pending = self._carry_out(child, step)

    def _carry_out(self, child: Child, step: Step | None) -> Happening | None:
        match step:
            case Announce(state, final):
                return self._announce(child, state, final)
            case Submit():
                self._queue((child,), sends=True)
            case Enqueue():
                self._queue((child,), sends=False)
            case Wake(at):
                self.timers.push(at, child)
            case Pause(until):
                self.pauses.add(child, until)
            case End(state):
                self.end(child, state)
        return None

    def _queue(self, children: Sequence[Child], sends: bool) -> None:
        """Let children of one task that stand alike wait for their turn, or be sent."""
        if sends:
            self.flights.send(children)
            self.turn.submissions += children
        elif children[0].node.plan.body is None:
            self.flights.enqueue(children)
        else:
            self.blocks.enqueue(children)

    def drop(self, values: Sequence[Sealed]) -> None:
        """Let go of stored values that nothing needs any more."""
        self.turn.dropped += values

    def restore(self, child: Child) -> bool:
        """Go on with a child that an earlier driver has begun; False if it is new."""
        restored = self.memory.recall(child)
        if restored is None:
            return False
        if restored.is_new:
            child.progress = restored.progress
            self.flights.admission.restored(child)
            return False
        self.advance(child, restored)
        return True

    def _go_on(self, child: Child, restored: Restored) -> Happening | None:
        """Put a child where an earlier driver left it, and do what was to be done next."""
        child.progress, child.reached = restored.progress, restored.reached
        self.flights.admission.restored(child)
        for record in restored.looped:
            self.notes.restored(child, record)
            child.node.rungs.restored(record)
        child.announced = restored.announced or child.announced
        self.chronicle.restored(child, restored.state or restored.announced)
        last = restored.last
        if last is not None:
            child.value, child.parts, child.worker = last.value, last.parts, last.worker or None
        if restored.in_flight:
            if child.node.plan.body is not None:
                self.blocks.open(child)
            self.flights.adopt(child, restored.future(child, self.chronicle.run))
            self.turn.adopted.append(child)
        elif restored.state is not None:
            self._close(child, restored.state)
        else:
            return self._carry_out(child, restored.step)
        return None

    def _announce(self, child: Child, state: State, final: bool) -> Accepted | None:
        """Propose a state; without handlers for it, it stands at once."""
        old, child.announced = child.announced, state
        hooks = child.node.plan.task.hooks
        if not hooks.state_handlers and not hooks_for(hooks, state):
            return accepted(child, state, final)
        progress = child.progress
        self.ask(Announcement(child, old, state, final, progress.iteration, progress.run_count))
        return None

    def ask(self, question: Announcement | Question) -> None:
        """Have a function of the user's called."""
        self.asked += 1
        self.turn.questions.append(question)

    def end(self, child: Child, state: State) -> None:
        """Let a child have its final state, and tell of it."""
        progress = child.progress
        if child.key is not None:  # given up while in flight
            self.landed(child.key)
        if not child.node.is_silent and last_hooks_for(child.node.plan.task.hooks, state):
            numbers = progress.iteration, progress.run_count
            self.ask(Announcement(child, state, state, True, *numbers, last=True))
        if child.node.plan.parameter is None and not state.is_mapped():
            self.chronicle.ended(child, state)
        self._close(child, state)

    def _close(self, child: Child, state: State) -> None:
        """Let a child have its final state, and let go on what waited for it."""
        progress = child.progress
        if progress.begun is not None and not state.is_mapped():
            self.turn.dropped += self.notes.ended(child, state)
        child.progress = ended_at(progress.iteration, progress.begun)
        child.state = state
        around = child.node.standing
        around.opening.ended(child)
        if child.node.plan.body is not None:
            self.blocks.ended(child)
        if around.heads:
            self.flights.admission.count_branches(around, child)
        self.blocks.go_on()
        if child.index is not None and state.is_failed():
            reason = fails_fast(child)
            for other in child.node.children if reason else ():
                self.advance(other, Stopped(reason or ""))
        if child is child.node.child and child.node.fanned_out:
            self.chronicle.opened(child.node)
