"""Read what the executor brought and say what it means for the run.

The only place that judges who is to blame for a lost attempt: the claim of its start tells.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from daskloop.errors import PayloadError
from daskloop.executors.session import Arrival, Gone, Key, Returned, Severed
from daskloop.record.claims import Claims
from daskloop.record.last_words import LastWords
from daskloop.record.sealed import ErrorText
from daskloop.run.envelope import Entry, decode_envelope
from daskloop.run.orders import key_text
from daskloop.run.standing import Child
from daskloop.run.turn import Came, Halt, News, Vanished

__all__ = ["NewsDesk", "refusal"]

logger = logging.getLogger("daskloop.run")

_WORDS = {
    "worker-lost": "the worker was lost",
    "cancelled": "the attempt was cancelled on the scheduler",
    "restarted": "the cluster was restarted",
    "disconnected": "the connection to the scheduler was lost",
    "forgotten": "the scheduler no longer knows the attempt",
    "left": "the driver before this one ended",
}


class NewsDesk:
    """Turns arrivals into news for the machine.

    Parameters
    ----------
    claims : Claims or None
        Where attempts claimed their start, if they did.
    child_of : callable
        Takes a key, returns the child whose attempt is in flight under it, or None.
    """

    def __init__(
        self,
        claims: Claims | None,
        child_of: Callable[[Key], Child | None],
    ) -> None:
        self._claims = claims
        self._words = None if claims is None else LastWords(claims.directory)
        self._child_of = child_of

    def read(self, arrival: Arrival) -> News:
        """Say what an arrival means."""
        match arrival:
            case Returned(key, envelope):
                return self._returned(key, envelope)
            case Gone():
                return self._gone(arrival)
            case Severed(detail):
                return Halt(detail, now=True)

    def _returned(self, key: Key, envelope: bytes) -> News:
        try:
            entry = decode_envelope(envelope)[0]
        # Bytes that are no envelope come from something that is not our wrapper.
        except Exception as error:
            return Came(key, refusal(f"attempt {key} brought back no envelope: {error!r}"))
        if entry.kind == "lost":
            # Dask started it again by itself, and the claim of the first start turned that away.
            return Vanished(key, self._lost_on(entry.message or ""), charged=True)
        return Came(key, entry)

    def _gone(self, gone: Gone) -> News:
        if gone.reason == "refused":
            return Came(gone.key, refusal(f"Dask could not execute the attempt: {gone.detail}"))
        reason = _WORDS.get(gone.reason, gone.reason)
        if self._claims is None:
            return Vanished(gone.key, f"{reason} ({gone.detail})", gone.reason == "worker-lost")
        taken = self._claims.read(key_text(gone.key))
        if taken is None:  # it never began: a bystander
            return Vanished(gone.key, reason, charged=False)
        if taken.outcome is not None:  # it had ended: only the news of it was lost
            return Came(gone.key, decode_envelope(taken.outcome)[0])
        if gone.reason == "worker-lost":
            return Vanished(gone.key, self._lost_on(taken.who), charged=True)
        child = self._child_of(gone.key)
        once = child is not None and child.rules.limits.at_most_once
        return Vanished(gone.key, f"{reason} while {taken.who} executed it", charged=once)

    def _lost_on(self, who: str) -> str:
        cause = "" if self._words is None else self._words.read(who)
        return f"worker {who} went away" + (f": {cause}" if cause else "")


def refusal(text: str, error: BaseException | None = None) -> Entry:
    """Make the entry of an attempt that could not be executed at all."""
    kind: Any = type(error) if error is not None else PayloadError
    return Entry(
        "failed",
        text,
        None,
        ErrorText(f"{kind.__module__}.{kind.__qualname__}", text, ""),
        retriable=False,
        worker="driver",
    )
