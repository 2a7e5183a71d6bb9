"""Pass events on to listeners, on a thread of their own."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Sequence

from daskloop.events import (
    EVERY_ATTEMPT,
    AttemptEnded,
    AttemptsSent,
    ChildEnded,
    Event,
    IterationEnded,
    Listener,
)

__all__ = ["Announcer"]

logger = logging.getLogger("daskloop.run")

_PATIENCE = 10.0  # seconds that listeners have left when the run has ended
_GRAVE = logging.CRITICAL + 1  # of events that every listener hears
_LEVELS = {
    AttemptEnded: EVERY_ATTEMPT,
    IterationEnded: logging.DEBUG,
    AttemptsSent: logging.DEBUG,
    ChildEnded: logging.INFO,
}
"""Of the events of which there are many: who is content with graver ones is not even asked."""


class Announcer:
    """Tells listeners what happened; what they raise is logged and stops nothing.

    Parameters
    ----------
    listeners : sequence of Listener
        Told in order, one event after the other.
    """

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners
        self._queue: queue.SimpleQueue[Sequence[Event] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        if listeners:
            self._thread = threading.Thread(target=self._pass_on, name="daskloop-listeners")
            self._thread.daemon = True  # a listener that hangs must not keep the process
            self._thread.start()

    @property
    def level(self) -> int:
        """Of `logging`: the least grave events that any listener wants to hear of."""
        return min(map(_level, self._listeners), default=100)

    def tell(self, events: Sequence[Event]) -> None:
        """Queue events."""
        if self._thread is not None and events:
            self._queue.put(events)

    def close(self) -> None:
        """Let listeners hear the rest and end, for ten seconds at most."""
        if self._thread is None:
            return
        deadline = time.monotonic() + _PATIENCE
        self._queue.put(None)
        self._thread.join(_PATIENCE)
        for listener in self._listeners:
            close = getattr(listener, "close", None)
            if close is None:
                continue
            try:
                close(max(0.0, deadline - time.monotonic()))
            # As for `hear`: whatever it raises is its own.
            except BaseException:
                logger.exception("%s raised when it was closed", listener)

    def _hearing(self) -> dict[int, Sequence[Listener]]:
        """Say who hears of events of which there are many, by their level; that may change."""
        levels = [(_level(one), one) for one in self._listeners]
        return {
            gravity: [one for level, one in levels if level <= gravity]
            for gravity in _LEVELS.values()
        }

    def _pass_on(self) -> None:
        while True:
            events = self._queue.get()
            if events is None:
                return
            hearing = self._hearing()
            for event in events:
                for listener in hearing.get(_gravity(event), self._listeners):
                    try:
                        listener.hear(event)
                    # Listeners are not part of the run: whatever they raise is theirs.
                    except BaseException:
                        logger.exception("%s raised on %s", listener, type(event).__name__)


def _level(listener: Listener) -> int:
    level: int = getattr(listener, "level", logging.DEBUG)
    return level


def _gravity(event: Event) -> int:
    if isinstance(event, ChildEnded) and event.state.is_failed():
        return _GRAVE
    return _LEVELS.get(type(event), _GRAVE)
