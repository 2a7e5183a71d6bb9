"""Carry out what is decided about each child, until every child waits for something.

::

    happening ─► decide ─► step ─► announce | enqueue | submit | wake | end ─► happening ...

What leaves the machine is put on the turn; like it, this knows no Dask, clock, disk or thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from daskloop.executors.session import Key
from daskloop.record.entries import EMITTED
from daskloop.record.sealed import Sealed
from daskloop.record.store import PayloadStore
from daskloop.run.accepting import accepted
from daskloop.run.blocks import Blocks
from daskloop.run.chance import draw, draws
from daskloop.run.chronicle import Chronicle
from daskloop.run.decide import Moment, decide
from daskloop.run.envelope import Ahead, Entry
from daskloop.run.flights import Flights
from daskloop.run.halting import Halting
from daskloop.run.hooking import hooks_for, last_hooks_for
from daskloop.run.notes import Notes
from daskloop.run.opening import Opening
from daskloop.run.pauses import Pauses
from daskloop.run.progress import (
    ADMITTED,
    ENQUEUE,
    SUBMIT,
    Accepted,
    Announce,
    Approved,
    End,
    Ended,
    Enqueue,
    Happening,
    Lost,
    Pause,
    Phase,
    RanAhead,
    Step,
    Stopped,
    Submit,
    Wake,
    ended_at,
)
from daskloop.run.replay import Memory, Restored
from daskloop.run.standing import Child, Standing
from daskloop.run.states_of import state_of
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
        self._notes = Notes(store, keeps, remembers)
        self.memory = memory
        self._store = store
        self._pending: deque[tuple[Child, Happening | Restored]] = deque()
        self._turn = Turn()

    def begin_turn(self, now: float) -> None:
        """Set the time, in seconds since the epoch."""
        self.now = self.chronicle.now = now

    def end_turn(self) -> Turn:
        """Let in whom there is room for, and hand out all that follows from this turn."""
        packs = []
        self.flights.open(self.now)
        while company := self.flights.let_in():
            self.advance_alike(company, ADMITTED)
            packs += self.flights.pack(company)
        turn, self._turn = self._turn, Turn()
        turn.records = self._notes.take()
        turn.packs = packs + self.flights.pack(turn.submissions)
        self.chronicle.sent(turn.submissions)
        turn.events = self.chronicle.take()
        return turn

    def came(self, child: Child, entry: Entry) -> None:
        """Go on with a child whose attempt came back."""
        child.worker = entry.worker
        self.chronicle.came(child, entry)
        if entry.ahead is not None:
            self.ran_ahead(child, entry.ahead)
        if entry.parts:
            entry = child.node.rungs.compared(child.progress.iteration, entry)
        state = state_of(entry, child.progress, self._store)
        if entry.kind != "success" or not child.node.is_silent or EMITTED in entry.parts:
            self.advance(child, Ended(entry, state))
            return
        # Nobody is asked about it, and `decide` always says of a success that it is the end.
        child.value, child.parts = entry.value, entry.parts
        if self._notes.keeps:
            before, end = child.progress._replace(entry=entry), End(state)
            self._notes.accepted(child, before, Accepted(state, entry.value), end, None, self.now)
        self._end(child, state)

    def landed(self, key: Key) -> Child | None:
        """Take an attempt off those in flight; None if it was replaced or given up before."""
        child, future = self.flights.land(key)
        if future is not None:
            self._turn.released.append(future)
        return child

    def ran_ahead(self, child: Child, ahead: Ahead) -> None:
        """Take iterations for ended that went on in the future that came back."""
        self._notes.ran_ahead(child, ahead, self.now)
        before = child.progress
        self.advance(child, RanAhead(ahead))
        child.reached = child.progress.iteration
        self.chronicle.ran_ahead(child, ahead, child.worker or "")
        if before.payload is not None and not self._notes.remembers:
            self._turn.dropped.append(before.payload)

    def lose(self, child: Child, reason: str, charged: bool) -> None:
        """Go on with a child whose attempt will not come back."""
        self.chronicle.lost(child, reason, charged)
        if charged:
            self._notes.lost(child, reason, self.now)
        self.advance(child, Lost(reason, charged))

    def approve(self, child: Child, payload: Sealed | None) -> None:
        """Let a child go on that still is paused."""
        if child.progress.phase is Phase.PAUSED:
            self._notes.approved(child, payload, self.now)
            self.advance(child, Approved(payload))

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
        known = progress = step = None
        for child in children:
            if child.progress is not known and not draws(child):
                known = child.progress
                moment = Moment(self.now, 0.0, self.halting.why(child))
                progress, step = decide(child.rules, known, happening, moment)
            if progress is not None and (step is ENQUEUE or step is SUBMIT):
                child.progress = progress
                self._carry_out(child, step)
            else:  # whatever is about this child alone
                self.advance(child, happening)

    def _step(self, child: Child, happening: Happening | Restored) -> None:
        pending: Happening | None
        pending = self._go_on(child, happening) if isinstance(happening, Restored) else happening
        while pending is not None:
            before = child.progress
            moment = Moment(self.now, draw(self._run, child), self.halting.why(child))
            child.progress, step = decide(child.rules, before, pending, moment)
            if isinstance(pending, Accepted):
                self._notes.accepted(child, before, pending, step, moment.stopping, self.now)
                self.chronicle.note(child, before, pending)
                if isinstance(pending.state, Looped):
                    self._turn.dropped += self._notes.outlived(child, before)
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
                self.flights.send(child)
                self._turn.submissions.append(child)
            case Enqueue():
                child.continuing = child.continuing or child.progress.begun is not None
                if child.node.plan.body is None:
                    self.flights.admission.push(child)
                else:
                    self.blocks.enqueue(child)
            case Wake(at):
                self.timers.push(at, child)
            case Pause(until):
                self.pauses.add(child, until)
            case End(state):
                self._end(child, state)
        return None

    def drop(self, values: Sequence[Sealed]) -> None:
        """Let go of stored values that nothing needs any more."""
        self._turn.dropped += values

    def restore(self, child: Child) -> bool:
        """Go on with a child that an earlier driver has begun; False if it is new."""
        restored = self.memory.recall(child)
        if restored is None:
            return False
        if restored.is_new:
            child.progress = restored.progress
            return False
        self.advance(child, restored)
        return True

    def _go_on(self, child: Child, restored: Restored) -> Happening | None:
        """Put a child where an earlier driver left it, and do what was to be done next."""
        child.progress, child.reached = restored.progress, restored.reached
        self.flights.admission.restored(child)
        for record in restored.looped:
            self._notes.restored(child, record)
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
            self._turn.adopted.append(child)
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
        self._turn.questions.append(question)

    def _end(self, child: Child, state: State) -> None:
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
            self._turn.dropped += self._notes.ended(child, state)
        child.progress = ended_at(progress.iteration, progress.begun)
        child.state = state
        around = child.node.standing
        around.opening.ended(child)
        if child.node.plan.body is not None:
            self.blocks.ended(child)
        if around.heads:
            self.flights.admission.count_branches(around, child)
        if child.index is not None and state.is_failed():
            reason = fails_fast(child)
            for other in child.node.children if reason else ():
                self.advance(other, Stopped(reason or ""))
        if child is child.node.child and child.node.fanned_out:
            self.chronicle.opened(child.node)
