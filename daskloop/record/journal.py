"""What a run writes down before it goes on, and the journal that keeps nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from daskloop.keys import Address
from daskloop.record.sealed import Sealed

__all__ = ["Journal", "NullJournal", "Recorded"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One ended attempt, as handlers left it."""

    address: Address
    run_count: int
    submission: int
    state: str
    """Name of the state's class."""
    message: str
    value: Sealed | None
    """The payload of a `Looped`, the result of a finished one, the exception of a failed one."""
    error: str
    """Class and text of the exception, empty if there is none."""
    worker: str
    started: float
    """Seconds since the epoch, by the worker's clock; zero if the body never began."""
    ended: float


class Journal(Protocol):
    """Where ended attempts are recorded, one commit for each turn of the driver.

    Notes
    -----
    The driver commits before it submits anything that follows from the entries.
    """

    def commit(self, entries: Sequence[Recorded]) -> None:
        """Write entries so that they survive the process, or raise."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


class NullJournal:
    """Keeps nothing; the same driver runs with it as with any other journal."""

    def commit(self, entries: Sequence[Recorded]) -> None:
        """Forget the entries."""

    def close(self) -> None:
        """Do nothing."""
