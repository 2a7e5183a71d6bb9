"""The driver's one queue: everything that happens arrives here."""

from __future__ import annotations

import queue
from typing import Any

__all__ = ["Inbox"]


class Inbox:
    """Collects arrivals from any thread for one reader."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def post(self, arrival: Any) -> None:
        """Add an arrival; may be called on any thread."""
        self._queue.put(arrival)

    def take(self, timeout: float | None) -> list[Any]:
        """Return everything that has arrived, waiting for the first if there is nothing.

        Parameters
        ----------
        timeout : float or None
            Seconds to wait; None waits for ever.
        """
        try:
            if timeout is not None and timeout <= 0:
                arrivals = [self._queue.get_nowait()]
            else:
                arrivals = [self._queue.get(timeout=timeout)]
        except queue.Empty:
            return []
        while True:
            try:
                arrivals.append(self._queue.get_nowait())
            except queue.Empty:
                return arrivals
