"""Whether attempts that have ended are collected now, or wait for others to end."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Sized

from daskloop.executors.session import Key
from daskloop.executors.stranded import slug_of

__all__ = ["Company"]

_ENOUGH = 16  # attempts that are worth a gather of their own while all slots are busy
_LONGEST = 0.048  # seconds; then those that have ended are gathered, however few


class Company:
    """Counts the attempts on their way, to know whether slots have something to do meanwhile.

    What comes back together is gathered, recorded, submitted and released together, which takes
    two thirds of the time that it takes one by one.

    Parameters
    ----------
    bound : container of str
        Slugs of tasks whose attempts only some workers may take. They do not count: while many of
        them wait, other workers may have nothing to do.
    """

    def __init__(self, bound: Container[str]) -> None:
        self._bound = bound
        self._running = 0
        self._missing = 0
        self._late = False
        self._woken = asyncio.Event()

    def joined(self, key: Key) -> None:
        """Count an attempt that was sent."""
        self._running += slug_of(key) not in self._bound

    def left(self, key: Key) -> None:
        """Count an attempt no more: it has ended."""
        self._running -= slug_of(key) not in self._bound
        self._missing -= 1
        if self._missing == 0:  # one turn for all of them: each turn costs what an end does
            self._woken.set()

    async def gathers(self, ended: Sized, slots: int) -> None:
        """Wait until more have ended, as long as workers have attempts that they can go on with."""
        if self._missed(ended, slots) <= 0:
            return
        self._late = False
        # Not `wait_for`: before Python 3.12 that may lose a cancel, and it makes a task each time.
        timer = asyncio.get_running_loop().call_later(_LONGEST, self._give_up)
        try:
            while not self._late and (missing := self._missed(ended, slots)) > 0:
                self._missing = missing
                self._woken.clear()
                await self._woken.wait()
        finally:
            timer.cancel()

    def _missed(self, ended: Sized, slots: int) -> int:
        """Count how many more have to end."""
        return min(self._running - slots, _ENOUGH - len(ended))

    def _give_up(self) -> None:
        self._late = True
        self._woken.set()
