"""How the children of one task stand, counted on from change to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from daskloop.dashboard.standings import Standing
from daskloop.keys import full_name

__all__ = ["Going", "TaskTally"]

_WAITING, _UNDER_WAY = Standing.WAITING, Standing.UNDER_WAY
_ENDED = (Standing.DONE, Standing.SKIPPED, Standing.FAILED, Standing.CANCELLED)


class Going:
    """One child that has begun and not ended."""

    __slots__ = (
        "attempts",
        "begun",
        "due",
        "failed",
        "iteration",
        "message",
        "run_count",
        "standing",
    )

    def __init__(self, begun: float) -> None:
        self.begun = begun
        """Seconds since the epoch."""
        self.standing = _UNDER_WAY
        self.iteration = 1
        self.run_count = 1
        self.attempts = 0
        """How many attempts its budget allows in all; 0 if that is not known."""
        self.due: float | None = None
        """When it goes on by itself, if it waits for that."""
        self.message = ""
        self.failed = False
        """True if its last attempt failed, which its message tells of."""


class TaskTally:
    """One task, or all children of a map.

    Parameters
    ----------
    slug, name : str
        What it is called.
    mapped : bool
        True if it is a map.
    """

    def __init__(self, slug: str, name: str, mapped: bool) -> None:
        self.slug = slug
        self.name = name
        self.mapped = mapped
        self.width: int | None = None if mapped else 1
        """How many children there are; None until the map has opened."""
        self.grows = False
        """True if more children may come."""
        self.labels: Sequence[str] = ()
        """The names of the children, if they have some."""
        self.counts = [0] * len(Standing)
        """How many children stand in each way; those that wait are not counted."""
        self.iterations = 0
        """Iterations that are done."""
        self.retries = 0
        self.losses = 0
        self.message = ""
        """The newest one, of an iteration, a retry, a pause or a failure."""
        self.going: dict[int, Going | float] = {}
        """Those that have begun and not ended, by index, the oldest first; of those of which no
        more is known than that their first iteration began, when that was: see `child`."""
        self.farthest = ("", 0)
        """Of those that have ended: who made the most iterations, and how many."""
        self.slowest = ("", 0.0)
        """Of those that have ended: who took longest, and how long, in seconds."""
        self._standings = bytearray()

    def name_of(self, index: int) -> str:
        """Return the full name of a child."""
        if not self.mapped:
            return self.name
        return full_name(self.name, self.labels[index] if index < len(self.labels) else index)

    @property
    def ended(self) -> int:
        """How many children have ended."""
        return sum(self.counts[one] for one in _ENDED)

    @property
    def is_over(self) -> bool:
        """True once all of it has ended."""
        return self.width is not None and self.ended >= self.width and not self.grows

    def opens_never(self) -> None:
        """Take note that the map as a whole has ended before it had children."""
        if self.width is None:
            self.mapped, self.width = False, 1

    def knows(self, index: int) -> bool:
        """Tell whether something was heard of a child."""
        return index < len(self._standings) and self._standings[index] != _WAITING

    def opened(self, width: int, names: Sequence[str], grows: bool = False) -> None:
        """Take note of how wide the map is, or has become."""
        self.mapped, self.width, self.labels, self.grows = True, width, names, grows

    def moved(self, index: int, standing: Standing) -> bool:
        """Let a child stand in another way; False if it stood so."""
        standings, width = self._standings, self.width
        if width is not None and index >= width:
            self.width, self.grows = index + 1, True  # a journal does not say that it would grow
        if index >= len(standings):
            standings.extend(bytes(index + 1 - len(standings)))
        before = standings[index]
        if before == standing:
            return False
        if before:  # those that wait are not counted
            self.counts[before] -= 1
        if standing:
            self.counts[standing] += 1
        standings[index] = standing
        return True

    def child(self, index: int) -> Going:
        """Return what is known of a child that has begun and not ended."""
        found = self.going[index]
        return found if isinstance(found, Going) else Going(found)

    def sent(self, index: int, iteration: int, at: float) -> None:
        """Let an attempt at an iteration of a child be under way."""
        known = self.going.get(index)
        if known is None and iteration == 1:
            # A number is nothing that Python's garbage collector looks through: of a wide map,
            # tens of thousands of objects would have it go through all that there are.
            self.going[index] = at
            self.moved(index, _UNDER_WAY)
            return
        going = self.goes(index, _UNDER_WAY, at)
        going.iteration, going.due, going.failed = iteration, None, False

    def goes(self, index: int, standing: Standing, at: float) -> Going:
        """Let a child be among those that have begun and not ended."""
        found = self.going.get(index)
        if not isinstance(found, Going):
            found = self.going[index] = Going(at if found is None else found)
        found.standing = standing
        self.moved(index, standing)
        return found

    def those(self, standing: Standing) -> Iterator[int]:
        """Go through those that have begun and stand so, the oldest first."""
        some = self.counts[standing]  # tells whether there is any, and when there is no more
        indices = (
            index
            for index, one in self.going.items()
            if (one.standing if isinstance(one, Going) else _UNDER_WAY) is standing
        )
        return islice(indices, some)

    def says(self, going: Going, message: str) -> None:
        """Take note of what a child says; if that is nothing, the newest message stays."""
        going.message = message
        self.message = message or self.message

    def over(self, index: int, standing: Standing, iteration: int, seconds: float) -> None:
        """Let a child have ended."""
        self.going.pop(index, None)
        if not self.moved(index, standing):
            return
        if standing is Standing.DONE:
            self.iterations += 1
        if iteration > self.farthest[1]:
            self.farthest = (self.name_of(index), iteration)
        if seconds > self.slowest[1]:
            self.slowest = (self.name_of(index), seconds)

    def begin_again(self, index: int) -> None:
        """Let a child be as if it had not begun."""
        self.going.pop(index, None)
        self.moved(index, _WAITING)
