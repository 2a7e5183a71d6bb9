"""Children that wait for a point in time: a heap in the driver, so that no worker waits."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from daskloop.run.standing import Child

__all__ = ["Timers"]


class Timers:
    """Points in time, the nearest first; of equal ones the first that was set."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Child]] = []
        self._set = 0

    @property
    def next_due(self) -> float | None:
        """The nearest point in time, seconds since the epoch."""
        return self._heap[0][0] if self._heap else None

    def push(self, at: float, child: Child) -> None:
        """Have a child wait until `at`, seconds since the epoch."""
        self._set += 1
        heapq.heappush(self._heap, (at, self._set, child))

    def move(self, by: float) -> None:
        """Have all wait so many seconds longer."""
        self._heap = [(at + by, number, child) for at, number, child in self._heap]

    def due(self, now: float) -> Iterator[Child]:
        """Take off those whose time has come."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[2]

    def waiting(self) -> list[Child]:
        """List all that wait."""
        return [child for _, _, child in self._heap]
