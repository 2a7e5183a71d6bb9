"""Whose turn it is: what continues something begun goes before what begins."""

from __future__ import annotations

import heapq

from daskloop.run.standing import Child

__all__ = ["Admission"]

_SLOTS_AHEAD = 4  # attempts in flight for each slot
_AHEAD = 32  # and this many more, so that short attempts travel in company


class Admission:
    """A queue of ready children and a bounded window of those in flight.

    The window keeps the scheduler's memory independent of the width of a map. Among equals,
    children go in the order in which they became ready, so that started loops take turns.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.out = 0
        """Children that are announced or in flight."""
        self._queue: list[tuple[bool, int, Child]] = []
        self._pushed = 0

    @property
    def window(self) -> int:
        """How many may be in flight at once."""
        return self.slots * _SLOTS_AHEAD + _AHEAD

    def enter(self, child: Child) -> None:
        """Let a child take a place in the window, once."""
        if not child.admitted:
            child.admitted = True
            self.out += 1

    def leave(self, child: Child) -> None:
        """Let a child give its place up, if it has one."""
        if child.admitted:
            child.admitted = False
            self.out -= 1

    def push(self, child: Child) -> None:
        """Queue a child that is ready."""
        self._pushed += 1
        heapq.heappush(self._queue, (not child.continuing, self._pushed, child))

    def pop(self) -> Child | None:
        """Take the next child whose turn it is, if there is room for one."""
        while self._queue and self.out < self.window:
            child = heapq.heappop(self._queue)[2]
            if not child.ended:
                return child
        return None

    def drain(self) -> list[Child]:
        """Take everybody off the queue."""
        queue, self._queue = self._queue, []
        return [child for _, _, child in queue if not child.ended]
