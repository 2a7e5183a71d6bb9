"""Whether attempts that have ended are collected now, or wait for others to end."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Sized

from daskloop.executors.session import Key
from daskloop.executors.stranded import slug_of

__all__ = ["Company"]

_ENOUGH = 16  # attempts that are worth a gather of their own while all slots are busy
_WAIT = 0.004  # seconds between looks at how many have ended
_LOOKS = 12  # then those that have ended are gathered, however few


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

    def joined(self, key: Key) -> None:
        """Count an attempt that was sent."""
        self._running += slug_of(key) not in self._bound

    def left(self, key: Key) -> None:
        """Count an attempt no more: it has ended."""
        self._running -= slug_of(key) not in self._bound

    async def gathers(self, ended: Sized, slots: int) -> None:
        """Wait until more have ended, as long as workers have attempts that they can go on with."""
        for _ in range(_LOOKS):
            if self._running <= slots or len(ended) >= _ENOUGH:
                return
            await asyncio.sleep(_WAIT)
