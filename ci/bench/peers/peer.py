"""What a peer has to be able to do, and the reason where it is not able to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

from workloads import Pair

__all__ = ["NO_DELAY", "NO_RECORD", "NO_RETRIES", "Peer", "Timed"]

NO_RETRIES = "no retries"
NO_DELAY = "retries without a delay"
NO_RECORD = "keeps no record"


class Timed(NamedTuple):
    """A result of a peer that reads the clock by itself."""

    result: Any
    seconds: float


class Peer:
    """One system, driven in the way that its documentation shows.

    Each method returns the plain result of its work, once that is in the driver's hands.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions are noted."""

    def cannot(self) -> dict[str, str]:
        """Return, for each workload that the system has nothing for, the reason in a few words."""
        return {}

    @contextmanager
    def started(self, slots: int, folder: str) -> Iterator[None]:
        """Start what the system needs, and end it: `slots` tasks at once, files in `folder`."""
        yield

    def chain(self, seed: int, end: int) -> Pair:
        """Run one loop from `begin(seed)` until its number is `end`."""
        raise NotImplementedError

    def loops(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        """Run many such loops at once."""
        raise NotImplementedError

    def work(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        """Run many loops of `sleepy_step` at once."""
        raise NotImplementedError

    def wide(self, numbers: range) -> list[int]:
        """Apply `add_one` to each number, each in a task of its own."""
        raise NotImplementedError

    def retry(self, count: int, folder: str) -> list[int]:
        """Apply `fail_once` to each number below `count`, with one retry after a second."""
        raise NotImplementedError

    def payload(self, megabytes: int, iterations: int) -> float:
        """Carry an array through a loop of `grow` until it is `grown`; return its last number."""
        raise NotImplementedError

    def resume(self, folder: str, iterations: int) -> int:
        """Run, or go on with, a recorded loop of `noted_step`; return the count at its end."""
        raise NotImplementedError
