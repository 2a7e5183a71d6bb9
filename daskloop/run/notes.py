"""What is written down of a run, turn by turn: records for the journal, histories for states."""

from __future__ import annotations

from daskloop.record.entries import Recorded
from daskloop.record.sealed import Sealed
from daskloop.record.store import PayloadStore
from daskloop.run.envelope import Ahead
from daskloop.run.history import Histories
from daskloop.run.progress import Accepted, End, Progress, Step
from daskloop.run.recording import approved, is_recorded, lost, ran_ahead, recorded
from daskloop.run.standing import Child
from daskloop.run.states_of import ended_well, hold
from daskloop.states import Cancelled, Failed, Looped, State

__all__ = ["Notes"]


class Notes:
    """Makes records and histories where somebody wants them.

    Parameters
    ----------
    store : PayloadStore or None
        Held by the states that refer to it.
    keeps : bool
        False to make no records, where nobody keeps them.
    remembers : bool
        True to keep the states of all iterations.
    """

    def __init__(self, store: PayloadStore | None, keeps: bool, remembers: bool) -> None:
        self.keeps = keeps
        """False if no records are made."""
        self._store = store
        self._histories = Histories(store, remembers)
        self._records: list[Recorded] = []

    @property
    def remembers(self) -> bool:
        """True if the states of all iterations are kept."""
        return self._histories.wanted

    def take(self) -> list[Recorded]:
        """Hand out the records of a turn."""
        taken, self._records = self._records, []
        return taken

    def ran_ahead(self, child: Child, ahead: Ahead, at: float) -> None:
        """Note iterations that went on in one future; the child has not moved yet."""
        if self.keeps or self.remembers:
            record = ran_ahead(child, ahead, child.worker or "", at)
            self._histories.note(child, record)
            if self.keeps:
                self._records.append(record)

    def accepted(
        self,
        child: Child,
        before: Progress,
        accepted: Accepted,
        step: Step | None,
        stopping: str | None,
        at: float,
    ) -> None:
        """Note a state that stands."""
        state = accepted.state
        if self.keeps and is_recorded(child, before, state, stopping):
            ends = isinstance(step, End) and step.state is state
            self._records.append(recorded(child, before, accepted, at, ends))
        if isinstance(state, Looped):
            self._histories.note(child, state)

    def lost(self, child: Child, reason: str, at: float) -> None:
        """Note a worker that was lost under a child."""
        if self.keeps:
            self._records.append(lost(child, reason, at))

    def approved(self, child: Child, payload: Sealed | None, at: float) -> None:
        """Note that somebody lets a paused child go on."""
        if self.keeps:
            self._records.append(approved(child, payload, at))

    def outlived(self, child: Child, before: Progress) -> list[Sealed]:
        """List the payload that nothing needs once the next one is there."""
        if before.entry is None or self._held(child):
            return []
        kept = _payloads(child.progress)
        return [one for one in _payloads(before) if not any(one is other for other in kept)]

    def _held(self, child: Child) -> bool:
        """Tell whether somebody may hold on to the states of iterations: handlers, a history."""
        hooks = child.node.plan.task.hooks
        return self.remembers or bool(hooks.state_handlers) or hooks.on_loop is not None

    def restored(self, child: Child, looped: Recorded) -> None:
        """Note an iteration that an earlier driver has recorded."""
        self._histories.note(child, looped)

    def ended(self, child: Child, state: State) -> list[Sealed]:
        """Let a final state know its loop; list the payload that nothing needs any more."""
        progress = child.progress
        keeps = isinstance(state, (Failed, Cancelled))
        payload = progress.payload if keeps else None
        held = None if payload is None else hold(payload, self._store)
        history = self._histories.take(child)
        child.payloads = _payloads(progress) if keeps else ()
        if history:
            child.payloads = (*child.payloads, *history.stored())
        # What only made a result of a payload was no iteration.
        reached = min(child.reached, progress.iteration - 1) if progress.over else child.reached
        done = progress.iteration if ended_well(state) else progress.iteration - 1
        state.remember_loop(reached, progress.messages, held, history, done)
        return [] if keeps or self._held(child) else _payloads(progress)


def _payloads(progress: Progress) -> list[Sealed]:
    if progress.payload is None:  # so there is no best one either
        return []
    best = None if progress.best is None else progress.best.payload
    if best is None or best is progress.payload:
        return [progress.payload]
    return [progress.payload, best]
