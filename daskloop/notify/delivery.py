"""Send messages on a thread of its own: bounded in number, in tries and in time.

::

    hear ─► digest ─┬─ at once ─► outbox ─► send ─► again, a few times ─► given up, and logged
                    └─ when due ─────┘
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from daskloop.events import Event
from daskloop.notify.digest import Digest
from daskloop.notify.message import Message
from daskloop.notify.sending import NotSent

__all__ = ["Delivery"]

logger = logging.getLogger("daskloop.notify")

_WAITING = 50  # messages that may wait to be sent
_DELAYS = (0.5, 2.0)  # seconds before the second and the third try


class Delivery:
    """Hears of one run, and sends messages about it.

    Parameters
    ----------
    send : callable
        Sends a message; raises `NotSent` if it was not taken.
    digest : Digest
        Says what is sent, and when.
    name : str
        How the receiver is called in the log; without secrets.

    Notes
    -----
    A `Listener`. `hear` never waits for the network. The thread begins when there is something to
    tell, and ends after `close`, or at the latest when what it sends then comes to an end.
    """

    level = logging.CRITICAL + 1
    """What is told of is announced in any case: failures, retries, pauses, the end."""

    def __init__(self, send: Callable[[Message], None], digest: Digest, name: str) -> None:
        self._send = send
        self._digest = digest
        self._name = name
        self._changed = threading.Condition()
        self._outbox: deque[Message] = deque()
        self._lost = 0
        self._is_closing = False
        self._gives_up = threading.Event()
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<notifications to {self._name}>"

    def hear(self, event: Event) -> None:
        """Take note of an event."""
        with self._changed:
            due = self._digest.next_due
            self._put(self._digest.hear(event))
            if self._outbox or self._digest.next_due != due:
                self._wake()

    def close(self, timeout: float) -> None:
        """Send what waits, for so many seconds at most."""
        with self._changed:
            self._is_closing = True
            if timeout > 0:  # else nobody had the time to hear of its end
                self._put(self._digest.broke_off(time.time()))
            if self._outbox or self._thread is not None:
                self._wake()
        if self._thread is None:
            return
        self._thread.join(timeout)
        self._gives_up.set()
        with self._changed:
            unsent, self._lost = len(self._outbox) + self._lost, 0
            self._outbox.clear()
        if self._thread.is_alive():
            logger.warning("%s takes too long: left to itself", self._name)
        if unsent:
            logger.warning("%s: %d message(s) were not sent", self._name, unsent)

    def _wake(self) -> None:
        """Have the thread look what is to be done; there is none before there is something."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="daskloop-notify", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _put(self, messages: list[Message]) -> None:
        for message in messages:
            if len(self._outbox) == _WAITING:
                self._outbox.popleft()  # the newest say how things stand
                self._lost += 1
            self._outbox.append(message)

    def _work(self) -> None:
        while True:
            message = self._next()
            if message is None:
                return
            self._deliver(message)

    def _next(self) -> Message | None:
        """Wait for a message; None once there will be no more."""
        with self._changed:
            while not self._outbox:
                if self._is_closing:
                    return None
                due = self._digest.next_due
                self._changed.wait(None if due is None else max(0.0, due - time.time()))
                self._put(self._digest.due(time.time()))
            return self._outbox.popleft()

    def _deliver(self, message: Message) -> None:
        for delay in (*_DELAYS, None):
            try:
                self._send(message)
                return
            except NotSent as trouble:
                if delay is None or not trouble.again or self._gives_up.wait(trouble.wait or delay):
                    logger.warning("%s: %s", self._name, trouble)
                    return
            # Of an error that is not ours the class is told and no more: its text may hold the
            # address, and with it the token.
            except Exception as error:
                logger.warning("%s: %s while sending", self._name, type(error).__name__)
                return
