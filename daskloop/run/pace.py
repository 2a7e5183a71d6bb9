"""How many children one future of a task should hold, by how long children have taken so far.

The worker stops by itself when a future's time is up, so an estimate that is wrong costs little:
children whose turn did not come are sent again. What must not happen is that slots have nothing
to do while children wait behind others; so a future never takes more than its part of those
that wait, unless all of them together are not worth the price of another future.
"""

from __future__ import annotations

import math

from daskloop.define.batch import Batch

__all__ = ["BUDGET", "Pace"]

BUDGET = 0.050
"""Seconds for which a future may begin attempts."""

_AIM = 0.040  # seconds that a future should take, so that the budget is seldom spent early
_LEAST = 0.002  # seconds of work that are not worth being divided between futures
_GROWTH = 64  # times as many children as the largest future so far that came back
_KEPT = 0.9  # of what is known, each time that another future comes back
_FUTURES = 2  # futures in flight for each slot, and two more
_UNLIMITED = 10**9


class Pace:
    """The pace of one task.

    Parameters
    ----------
    batch : int or "auto"
        What the user asked for.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self._seconds = 0.0  # that the last futures took, older ones counting less
        self._children = 0.0  # that had their share in that time
        self._largest = 1
        self._loops = False

    @property
    def most(self) -> int:
        """Attempts that one future may make."""
        return _UNLIMITED if self.batch == "auto" else self.batch

    @property
    def seconds(self) -> float:
        """For how long one future may begin attempts."""
        return BUDGET if self.batch == "auto" else math.inf

    def size(self, waiting: int, slots: int) -> int:
        """Return how many children the next future holds at most.

        Parameters
        ----------
        waiting : int
            Children that wait for their turn.
        slots : int
            How many futures can execute at once.
        """
        # For a moment there may be no worker at all.
        part = math.ceil(waiting / (2 * max(slots, 1)))
        if self.batch != "auto":
            return 1 if self._loops else max(1, min(self.batch, part))
        if not self._children:
            return 1
        seconds = max(self._seconds / self._children, 1e-9)
        part = max(part, int(_LEAST / seconds))
        return max(1, min(int(_AIM / seconds), part, _GROWTH * self._largest))

    def futures(self, slots: int, window: int) -> int:
        """Return how many futures of this task are wanted in flight."""
        return min(window, _FUTURES * slots + 2) if self.batch == "auto" else window

    def note(self, children: int, seconds: float, looped: bool) -> None:
        """Take note of a future that came back.

        Parameters
        ----------
        children : int
            How many had their share.
        seconds : float
            How long it took.
        looped : bool
            True if one of them made more than one attempt.
        """
        # Summed up, not averaged: one child that had to wait for the interpreter says little.
        self._seconds = _KEPT * self._seconds + seconds
        self._children = _KEPT * self._children + children
        self._largest = max(self._largest, children)
        self._loops = self._loops or looped
