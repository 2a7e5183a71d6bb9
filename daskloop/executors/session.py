"""What the driver asks of an executor, and what it hears back.

::

    driver ── Job ──► Session ──► a Dask worker, or this very thread
    driver ◄── Returned | Gone | Severed ── Session
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from daskloop.keys import Key

__all__ = [
    "NO_DEMAND",
    "Arrival",
    "Demand",
    "Gone",
    "Job",
    "Key",
    "Post",
    "Reach",
    "Returned",
    "Session",
    "Severed",
]


@dataclass(frozen=True, slots=True)
class Demand:
    """What an attempt asks of the worker that runs it; nothing, mostly."""

    resources: tuple[tuple[str, float], ...] = ()
    """How much it takes of what, while it runs."""
    workers: tuple[str | int, ...] = ()
    """Names, addresses or hosts; all workers if there are none."""
    allow_other_workers: bool = False
    """True if those are only where it would run best."""

    @property
    def is_particular(self) -> bool:
        """Tell whether there may be workers that cannot run it."""
        return bool(self.resources or (self.workers and not self.allow_other_workers))


NO_DEMAND = Demand()
"""Any worker will do."""


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt to be executed: ``function(shared, own) -> envelope``, all opaque bytes."""

    key: Key
    function: Callable[[bytes, bytes], bytes]
    shared: bytes
    """What all attempts of a task have in common; the same object each time."""
    own: bytes
    """What this attempt alone needs."""
    priority: int
    """Higher goes first."""
    demand: Demand = NO_DEMAND
    """Which workers may run it."""


@dataclass(frozen=True, slots=True)
class Returned:
    """An attempt came back with its envelope."""

    key: Key
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Gone:
    """A submitted attempt will not come back."""

    key: Key
    reason: str
    """One of: worker-lost, cancelled, restarted, disconnected, forgotten, refused, left."""
    detail: str
    """What the executor said, for people."""


@dataclass(frozen=True, slots=True)
class Severed:
    """The executor itself is gone for good; nothing can be submitted any more."""

    detail: str


Arrival = Returned | Gone | Severed
Post = Callable[[Arrival], None]
"""Hands an arrival to the driver; may be called on any thread."""


class Reach(NamedTuple):
    """For how long whoever executes attempts has been within reach, in seconds of `monotonic`."""

    since: float
    """When the present connection was made."""
    until: float
    """When it was last asked something that it has answered."""


class Session(Protocol):
    """An executor at work for one run.

    Notes
    -----
    Called from the driver's thread alone. Nothing here blocks but `work`, `close` and
    `unpublish_others`.
    """

    description: str
    """How the executor calls itself, without secrets."""

    def slots(self) -> int:
        """Return how many attempts can execute at once, as far as is known now."""
        ...

    def submit(self, jobs: Sequence[Job]) -> None:
        """Send attempts on their way, all in one go."""
        ...

    def adopt(self, keys: Sequence[Key]) -> None:
        """Take up attempts that an earlier driver has sent; each comes back, or is `Gone`."""
        ...

    def release(self, keys: Sequence[Key]) -> None:
        """Let go of attempts, ended or not; what they still bring is ignored."""
        ...

    def unpublish(self, names: Sequence[str]) -> None:
        """Let go of datasets that attempts have published."""
        ...

    def unpublish_others(self, prefix: str, kept: Collection[str]) -> None:
        """Let go of all datasets whose names begin like this, but for some; waits for it."""
        ...

    def work(self) -> bool:
        """Execute one attempt in the calling thread, if this executor does so and has one."""
        ...

    def reach(self) -> Reach:
        """Say for how long what was said has been heard."""
        ...

    def explain(self, keys: Sequence[Key]) -> str:
        """Say why nothing moves, as far as can be told."""
        ...

    def close(self) -> None:
        """Let go of everything, clusters started for the run included."""
        ...
