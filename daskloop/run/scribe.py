"""Write the run down, turn by turn, before anything that follows is sent.

A disk that fails ends the run softly: what runs may end, its states are in hand, and what could
not be written down is executed again when the run is resumed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from daskloop.errors import JournalError, StoreError
from daskloop.executors.session import Gone
from daskloop.record.entries import Recorded, Status, Submitted
from daskloop.record.in_cluster import PREFIX, forget_here, is_in_cluster
from daskloop.record.memory_claims import forget_memory_claims
from daskloop.record.sealed import Sealed
from daskloop.run.packing import Pack
from daskloop.run.register import Registered
from daskloop.run.standing import Child, Standing
from daskloop.run.turn import Halt, Turn
from daskloop.run.workplace import Workplace
from daskloop.states import State

__all__ = ["Scribe", "status_of"]

logger = logging.getLogger("daskloop.run")

_LOOK = 1.0  # seconds between looks whether somebody asked for a stop


class Scribe:
    """Keeps the ledger of one run.

    Parameters
    ----------
    registered : Registered
        The run and its ledger.
    post : callable
        Takes what the driver has to hear.
    """

    def __init__(self, registered: Registered, post: Callable[[Any], None]) -> None:
        self._registered = registered
        self._ledger = registered.ledger
        self._post = post
        self._broken = False
        self._next_look = 0.0

    @property
    def keeps(self) -> bool:
        """True if what is written is kept anywhere."""
        return self._ledger.place is not None

    @property
    def patience(self) -> float:
        """Seconds after which the driver should come by again."""
        return _LOOK if self.keeps else float("inf")

    def connected(self, place: Workplace) -> None:
        """Note where attempts are executed."""
        self._try(lambda: self._ledger.connected(place.session.description, place.scheduler))

    def begin_with(self, records: Sequence[Recorded]) -> None:
        """Write down what a new run is given to start from."""
        if records:
            self._try(lambda: self._ledger.commit(records, ()))

    def write(self, turn: Turn) -> bool:
        """Write down what ended and what is about to be sent; False if that failed."""
        if not self.keeps or not (turn.records or turn.packs):
            return True
        now = time.time()
        submitted = [
            _submitted(pack, child, now) for pack in turn.packs for child in pack.members.values()
        ]
        if self._try(lambda: self._ledger.commit(turn.records, submitted)):
            return True
        for pack in turn.packs:
            self._post(Gone(pack.key, "it could not be written down", "the journal failed"))
        # What was not written down is executed again, or taken from its claim: both have to stay.
        turn.dropped.clear()
        turn.released.clear()
        return False

    def look_for_stop(self) -> None:
        """Stop the run if somebody asked for that."""
        now = time.monotonic()
        if self._broken or now < self._next_look:
            return
        self._next_look = now + _LOOK
        if self._ledger.stop_asked():
            self._next_look = float("inf")
            self._post(Halt("stopped by request (daskloop cancel)", now=False))

    def finish(self, found: State, state: State, place: Workplace, standing: Standing) -> None:
        """Note how the run ended, and remove what nothing refers to any more.

        What was found of a stopped run counts, whatever its handlers made of it: it can go on.
        """
        status = status_of(found if found.is_cancelled() else state)
        self._try(lambda: self._ledger.finish(status, state.message or ""))
        if status != "stopped":
            used = [one.name or "" for one in _kept_payloads(standing) if is_in_cluster(one.name)]
            place.session.unpublish_others(f"{PREFIX}{self._registered.run}-", used)
        forget_here(f"{PREFIX}{self._registered.run}-")
        if not self.keeps or self._broken or status == "stopped":
            return
        try:
            if place.store is not None:
                self._tidy(place, _names_in_use(standing))
        except StoreError as error:  # what is left is removed with the run
            logger.warning("run %s: %s", self._registered.run, error)

    def _tidy(self, place: Workplace, used: set[str]) -> None:
        assert place.store is not None
        for name in place.store.names():
            if name not in used:
                place.store.remove(name)
        if place.claims is not None:
            place.claims.remove_all()
        forget_memory_claims(self._registered.run)  # a driver before this one may have made some

    def _try(self, write: Callable[[], None]) -> bool:
        if self._broken:
            return False
        try:
            write()
        except JournalError as error:
            self._broken = True
            logger.error(
                "run %s can no longer be recorded, so it begins no iteration any more: %s",
                self._registered.run,
                error,
            )
            halt = Halt(f"the run could not be recorded: {error}", now=False, cleans=False)
            self._post(halt)
            return False
        return True

    def close(self) -> None:
        """Let go of the ledger."""
        self._ledger.close()


def _submitted(pack: Pack, child: Child, now: float) -> Submitted:
    progress = child.progress
    leader = None if child.key == pack.key else pack.key[1:5]
    return Submitted(child.address, progress.run_count, progress.submission, now, leader)


def status_of(state: State) -> Status:
    """Say how a run stands that ended in a state."""
    if state.is_cancelled():
        return "stopped"
    return "failed" if state.is_failed() else "success"


def _kept_payloads(standing: Standing) -> Iterator[Sealed]:
    """List the payloads of loops that did not end well, and may be gone on with."""
    for node in standing.nodes:
        for child in (node.child, *node.children):
            yield from child.payloads


def _names_in_use(standing: Standing) -> set[str]:
    """List the stored values that the final states of a run refer to."""
    names: set[str] = set()
    for node in standing.nodes:
        names.update(one.name for one in node.emitted if one.name is not None)
        for child in (node.child, *node.children):
            found = [child.value, *child.payloads]
            for parts in child.parts.values():
                found += () if isinstance(parts, str) else parts
            names.update(one.name for one in found if one is not None and one.name is not None)
    return names
