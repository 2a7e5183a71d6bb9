"""What came of attempts, as it bears on their children: they ended, ran ahead, or are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daskloop.record.entries import EMITTED
from daskloop.record.sealed import Sealed
from daskloop.record.store import PayloadStore
from daskloop.run.envelope import Ahead, Entry
from daskloop.run.progress import Accepted, Approved, End, Ended, Lost, Phase, RanAhead
from daskloop.run.standing import Child
from daskloop.run.states_of import state_of

if TYPE_CHECKING:
    from daskloop.run.steps import Steps

__all__ = ["Arrivals"]


class Arrivals:
    """Tells the children of a run what came of their attempts.

    Parameters
    ----------
    steps : Steps
        Goes on with children.
    store : PayloadStore or None
        Held by the states that refer to it.
    """

    def __init__(self, steps: Steps, store: PayloadStore | None) -> None:
        self._steps = steps
        self._store = store

    def came(self, child: Child, entry: Entry) -> None:
        """Go on with a child whose attempt came back."""
        child.worker = entry.worker
        self._steps.chronicle.came(child, entry)
        if entry.ahead is not None:
            self.ran_ahead(child, entry.ahead)
        if entry.parts:
            entry = child.node.rungs.compared(child.progress.iteration, entry)
        state = state_of(entry, child.progress, self._store)
        if entry.kind != "success" or not child.node.is_silent or EMITTED in entry.parts:
            self._steps.advance(child, Ended(entry, state))
            return
        # Nobody is asked about it, and `decide` always says of a success that it is the end.
        child.value, child.parts = entry.value, entry.parts
        if self._steps.notes.keeps:
            before, accepted = child.progress._replace(entry=entry), Accepted(state, entry.value)
            self._steps.notes.accepted(child, before, accepted, End(state), None, self._steps.now)
        self._steps.end(child, state)

    def ran_ahead(self, child: Child, ahead: Ahead) -> None:
        """Take iterations for ended that went on in the future that came back."""
        self._steps.notes.ran_ahead(child, ahead, self._steps.now)
        before = child.progress
        self._steps.advance(child, RanAhead(ahead))
        child.reached = child.progress.iteration
        self._steps.chronicle.ran_ahead(child, ahead, child.worker or "")
        if before.payload is not None and not self._steps.notes.remembers:
            self._steps.turn.dropped.append(before.payload)

    def lose(self, child: Child, reason: str, charged: bool) -> None:
        """Go on with a child whose attempt will not come back."""
        self._steps.chronicle.lost(child, reason, charged)
        if charged:
            self._steps.notes.lost(child, reason, self._steps.now)
        self._steps.advance(child, Lost(reason, charged))

    def approve(self, child: Child, payload: Sealed | None) -> None:
        """Let a child go on that still is paused."""
        if child.progress.phase is Phase.PAUSED:
            self._steps.notes.approved(child, payload, self._steps.now)
            self._steps.advance(child, Approved(payload))
