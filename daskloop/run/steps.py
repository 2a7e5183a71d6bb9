"""Carry out what is decided about each child, until every child waits for something.

::

    happening ─► decide ─► step ─► announce | enqueue | submit | wake | end ─► happening ...

What leaves the machine is put on the turn; like the machine, this knows no Dask, no clock, no
disk and no thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from daskloop.executors.session import Key
from daskloop.keys import dask_key
from daskloop.plan.plan import Plan
from daskloop.record.sealed import Sealed
from daskloop.record.store import PayloadStore
from daskloop.run.admission import Admission
from daskloop.run.chronicle import Chronicle
from daskloop.run.decide import Moment, decide
from daskloop.run.hooking import hooks_for, last_hooks_for
from daskloop.run.opening import Opening
from daskloop.run.progress import (
    Accepted,
    Admitted,
    Announce,
    End,
    Enqueue,
    Happening,
    Lost,
    Phase,
    Progress,
    Step,
    Submit,
    Wake,
)
from daskloop.run.recording import is_recorded, lost, recorded
from daskloop.run.replay import Memory, Restored
from daskloop.run.standing import Child, Standing, draw
from daskloop.run.states_of import hold
from daskloop.run.timers import Timers
from daskloop.run.turn import Announcement, Question, Turn
from daskloop.states import Looped, State

__all__ = ["Steps"]


class Steps:
    """Everything that is done about the children of a run; parameters as in `Machine`."""

    def __init__(
        self,
        plan: Plan,
        run: str,
        parameters: Mapping[str, Any],
        store: PayloadStore | None,
        slots: int,
        memory: Memory | None,
    ) -> None:
        self.standing = Standing(plan, parameters)
        self.admission = Admission(slots)
        self.flying: dict[Key, Child] = {}
        """The attempts in flight, by key."""
        self.timers = Timers()
        self.chronicle = Chronicle(run)
        self.opening = Opening(self.standing, self.advance, self._ask, self._restore)
        self.stopping: str | None = None
        """Why the run is being stopped, if it is."""
        self.asked = 0
        """Functions of the user that are under way."""
        self.now = 0.0
        """Seconds since the epoch."""
        self._run = run
        self._memory = memory or Memory()
        self._store = store
        self._pending: deque[tuple[Child, Happening | Restored]] = deque()
        self._turn = Turn()

    def end_turn(self) -> Turn:
        """Let in whom there is room for, and hand out all that follows from this turn."""
        while True:
            child = self.admission.pop()
            if child is None:
                break
            self.admission.enter(child)
            self.advance(child, Admitted())
        turn, self._turn = self._turn, Turn()
        turn.events = self.chronicle.take()
        return turn

    def landed(self, key: Key) -> Child | None:
        """Take an attempt off those in flight; None if it was replaced or given up before."""
        child = self.flying.pop(key, None)
        if child is not None:
            child.key = None
            self.admission.leave(child)
            self._turn.released.append(key)
        return child

    def lose(self, child: Child, reason: str, charged: bool) -> None:
        """Go on with a child whose attempt will not come back."""
        self.chronicle.lost(child, reason, charged)
        if charged:
            self._turn.records.append(lost(child, reason, self.now))
        self.advance(child, Lost(reason, charged))

    def accepted(
        self, child: Child, state: State, final: bool, changed: Sealed | None = None
    ) -> Accepted:
        """Make the happening of a state that stands, and note down the attempt it ends."""
        entry = child.progress.entry
        value = changed
        if entry is not None and changed is None:
            value = child.value = entry.value
            child.parts = entry.parts
        accepted = Accepted(state, value if isinstance(state, Looped) else None, final)
        # What follows without an attempt while the run is being stopped may follow from that alone.
        if is_recorded(child, state) and (entry is not None or self.stopping is None):
            self._turn.records.append(recorded(child, accepted, value, self.now))
        return accepted

    def advance(self, child: Child, happening: Happening | Restored) -> None:
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

    def _step(self, child: Child, happening: Happening | Restored) -> None:
        pending: Happening | None
        pending = self._go_on(child, happening) if isinstance(happening, Restored) else happening
        while pending is not None:
            before = child.progress
            moment = Moment(self.now, draw(self._run, child), self.stopping)
            child.progress, step = decide(child.rules, before, pending, moment)
            self.chronicle.note(child, before, pending)
            if isinstance(pending, Accepted) and isinstance(pending.state, Looped):
                self._drop(child, before)
            if child.progress.phase is not Phase.RUNNING:
                self.admission.leave(child)
            if isinstance(pending, Accepted) and isinstance(step, End):
                self._mark_the_last(child, pending.state is step.state)
            pending = self._carry_out(child, step)

    def _mark_the_last(self, child: Child, stands: bool) -> None:
        """Note of the record of a child's last state that it was the last.

        A failure stays one, although more retries may be allowed when the run is resumed: what
        followed from it has been recorded too.
        """
        records = self._turn.records
        if stands and records and records[-1].address == child.address:
            records[-1] = replace(records[-1], final=True)

    def _carry_out(self, child: Child, step: Step | None) -> Happening | None:
        match step:
            case Announce(state, final):
                return self._announce(child, state, final)
            case Enqueue():
                child.continuing = child.continuing or child.progress.begun is not None
                self.admission.push(child)
            case Submit():
                self._submit(child)
            case Wake(at):
                self.timers.push(at, child)
            case End(state):
                self._end(child, state)
        return None

    def _restore(self, child: Child) -> bool:
        """Go on with a child that an earlier driver has begun; False if it is new."""
        restored = self._memory.recall(child)
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
        last = restored.last
        if last is not None:
            child.value, child.parts, child.worker = last.value, last.parts, last.worker or None
        if restored.in_flight:
            self._send(child)
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
            return self.accepted(child, state, final)
        progress = child.progress
        self._ask(Announcement(child, old, state, final, progress.iteration, progress.run_count))
        return None

    def _ask(self, question: Announcement | Question) -> None:
        self.asked += 1
        self._turn.questions.append(question)

    def _submit(self, child: Child) -> None:
        self._send(child)
        self._turn.submissions.append(child)

    def _send(self, child: Child) -> None:
        progress = child.progress
        self.admission.enter(child)
        child.key = dask_key(self._run, child.address, progress.run_count, progress.submission)
        self.flying[child.key] = child
        child.reached = progress.iteration

    def _end(self, child: Child, state: State) -> None:
        progress = child.progress
        if child.key is not None:  # given up while in flight
            self.landed(child.key)
        if last_hooks_for(child.node.plan.task.hooks, state):
            self._ask(
                Announcement(
                    child, state, state, True, progress.iteration, progress.run_count, last=True
                )
            )
        child.state = state
        if child.node.plan.parameter is None and not state.is_mapped():
            self.chronicle.ended(child, state)
        self._close(child, state)

    def _close(self, child: Child, state: State) -> None:
        """Let a child have its final state, and let go on what waited for it."""
        progress = child.progress
        if progress.begun is not None and not state.is_mapped():
            payload = progress.payload
            keeps = state.is_failed() or state.is_cancelled()
            held = hold(payload, self._store) if payload is not None and keeps else None
            child.payload = payload if keeps else None
            state.remember_loop(child.reached, progress.messages, held)
            if payload is not None and not keeps:
                self._turn.dropped.append(payload)
        child.progress = Progress(Phase.ENDED, progress.iteration, begun=progress.begun)
        child.state = state
        self.opening.ended(child)
        if child is child.node.child and child.node.fanned_out:
            self.chronicle.opened(child.node)

    def _drop(self, child: Child, before: Progress) -> None:
        """Note that the payload before the present one is no longer needed."""
        hooks = child.node.plan.task.hooks
        kept = hooks.state_handlers or hooks.on_loop  # they may hold on to the state
        if before.payload is not None and before.entry is not None and not kept:
            self._turn.dropped.append(before.payload)
