"""Children that wait for somebody, some of them until a point in time at most."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from daskloop.run.progress import Phase
from daskloop.run.standing import Child

__all__ = ["Pauses"]


class Pauses:
    """The paused children of a run, in the order in which they began to wait."""

    def __init__(self) -> None:
        self._until: dict[Child, float | None] = {}
        self._heap: list[tuple[float, int, Child]] = []
        self._set = 0

    def add(self, child: Child, until: float | None) -> None:
        """Let a child wait; with a time, until then at most, in seconds since the epoch."""
        self._until.pop(child, None)
        self._until[child] = until
        if until is not None:
            self._set += 1
            heapq.heappush(self._heap, (until, self._set, child))

    @property
    def next_due(self) -> float | None:
        """The nearest point in time at which one goes on by itself."""
        # Those that were approved before their time have left their points in time behind.
        while self._heap and not self._is_meant(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _is_meant(self, entry: tuple[float, int, Child]) -> bool:
        at, _, child = entry
        return child.progress.phase is Phase.PAUSED and self._until.get(child) == at

    def due(self, now: float) -> Iterator[Child]:
        """Take off those whose time has come."""
        while (at := self.next_due) is not None and at <= now:
            child = heapq.heappop(self._heap)[2]
            self._until.pop(child, None)
            yield child

    def waiting(self) -> list[Child]:
        """List all that wait."""
        for child in [one for one in self._until if one.progress.phase is not Phase.PAUSED]:
            del self._until[child]
        return list(self._until)
