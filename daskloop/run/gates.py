"""What holds children of a task back though there is room: its own limits, kept before submitting.

::

    ready ─► gate of its task (max_running, rate, max_branches) ─► queue ─► window ─► in flight
                 ▲                                                                        │
                 └──────────────── leaves, and gives its place to the next ◄──────────────┘
"""

from __future__ import annotations

from collections import deque

from daskloop.define.throttle import Throttle
from daskloop.run.standing import Child

__all__ = ["Gate"]

_BURST = 0.05
"""Seconds' worth of attempts that may make up for moments in which the driver was busy."""


class Gate:
    """The gate of one task.

    Parameters
    ----------
    limits : Throttle
        What the user asked for.

    Notes
    -----
    The rate is kept by the generic cell rate algorithm: each attempt moves the time at which the
    next one would be on schedule, and one may be ahead of it by a twentieth of a second's worth.
    As few are in flight as can begin at once, or as a twentieth of a second brings.
    """

    def __init__(self, limits: Throttle) -> None:
        self._limits = limits
        self._inside = 0
        self._branches: set[Child] = set()
        self._continuing: deque[Child] = deque()
        self._beginning: deque[Child] = deque()
        self._due = 0.0
        step = 0.0 if limits.rate is None else 1 / limits.rate
        self._step = step
        self._early = max(_BURST - step, 0.0)

    @property
    def waiting(self) -> int:
        """How many wait before it."""
        return len(self._continuing) + len(self._beginning)

    def push(self, child: Child) -> None:
        """Let a child wait before the gate."""
        begun = child.progress.begun is not None
        if begun:
            self.begin_branch(child)
        # One that a full number of branches holds back must not stand before one that is begun.
        first = child.continuing if self._limits.max_branches is None else begun
        (self._continuing if first else self._beginning).append(child)

    def enter(self, child: Child) -> None:
        """Let a child take a place behind the gate, once."""
        if not child.inside:
            child.inside = True
            self._inside += 1
            self.begin_branch(child)

    def leave(self, child: Child) -> None:
        """Let a child give its place up, if it has one."""
        if child.inside:
            child.inside = False
            self._inside -= 1

    def has_branch(self, child: Child) -> bool:
        """Tell whether a child has begun, or may begin though its branches are limited."""
        most = self._limits.max_branches
        return most is None or child in self._branches or len(self._branches) < most

    def begin_branch(self, child: Child) -> None:
        """Note that a child has begun, if that is limited."""
        if self._limits.max_branches is not None:
            self._branches.add(child)

    def branch_over(self, child: Child) -> None:
        """Note that a child, and all that follows from it, has ended."""
        self._branches.discard(child)

    def opens(self, now: float, slots: int) -> list[Child]:
        """Take those off that may go now, in order."""
        going: list[Child] = []
        while (queue := self._next()) and self._has_room(queue[0], slots) and self._is_time(now):
            child = queue.popleft()
            self._due = max(now, self._due) + self._step
            self.enter(child)
            going.append(child)
        return going

    def opens_at(self, now: float, slots: int) -> float | None:
        """Return when the rate lets the next one go, if nothing else holds it back."""
        queue = self._next()
        if not queue or not self._has_room(queue[0], slots):
            return None
        return max(now, self._due - self._early)

    def move(self, by: float) -> None:
        """Let the next one go so many seconds later."""
        self._due += by

    def drain(self) -> list[Child]:
        """Take everybody off."""
        waiting = [*self._continuing, *self._beginning]
        self._continuing.clear()
        self._beginning.clear()
        return waiting

    def _next(self) -> deque[Child]:
        for queue in (self._continuing, self._beginning):
            while queue and queue[0].ended:
                queue.popleft()
        return self._continuing or self._beginning

    def _has_room(self, child: Child, slots: int) -> bool:
        limits = self._limits
        # What waits at workers, which start slowly at first, would begin there in a bunch.
        if limits.rate is not None and self._inside >= max(slots, int(limits.rate * _BURST)):
            return False
        if limits.max_running is not None and self._inside >= limits.max_running:
            return False
        return self.has_branch(child)

    def _is_time(self, now: float) -> bool:
        return now >= self._due - self._early
