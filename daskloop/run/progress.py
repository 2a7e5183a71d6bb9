"""How far one child has come, what can happen to it, and what the engine does about it.

::

    WAITING ─► READY ─► RUNNING ─► (iteration ended) ─► READY ...
                 ▲          │
                 ├─ DELAYED ┤
                 └─ PAUSED ◄┴─► ENDED
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from daskloop.record.sealed import Sealed
from daskloop.run.converging import Best
from daskloop.run.envelope import Ahead, Entry
from daskloop.states import State

__all__ = [
    "ADMITTED",
    "ENQUEUE",
    "MESSAGES",
    "READY",
    "SUBMIT",
    "Accepted",
    "Admitted",
    "Announce",
    "Approved",
    "Due",
    "End",
    "Ended",
    "Enqueue",
    "Happening",
    "Lost",
    "Pause",
    "Phase",
    "Progress",
    "RanAhead",
    "Ready",
    "Rejected",
    "Settled",
    "Step",
    "Stopped",
    "Submit",
    "TakenBack",
    "Unbegun",
    "Wake",
    "ended_at",
    "later",
]


class Phase(Enum):
    """Where a child stands."""

    WAITING = "waiting for upstream tasks"
    READY = "waiting for its turn"
    RUNNING = "announced or submitted"
    DELAYED = "waiting for a point in time, on no worker"
    PAUSED = "waiting for somebody's approval, on no worker"
    ENDED = "has its final state"


class Progress(NamedTuple):
    """Everything about one child that decisions depend on.

    A tuple, since it is copied with a change several times in each iteration: `_replace` of a
    tuple takes a fifth of the time that `dataclasses.replace` takes.
    """

    phase: Phase = Phase.WAITING
    iteration: int = 1
    run_count: int = 1
    """Number of the attempt at this iteration, counted from 1."""
    failures: int = 0
    """Attempts at this iteration that the retry budget paid for."""
    losses: int = 0
    """Workers lost under this attempt."""
    submission: int = 0
    """Number of the submission of this attempt."""
    idle: int = 0
    """Submissions of this attempt whose future came back before its turn."""
    since: int = 0
    """Number that the first submission of each attempt has; above zero once a run was resumed."""
    payload: Sealed | None = None
    """The payload of the iteration before; None in the first one."""
    messages: tuple[str, ...] = ()
    """Messages of the last few iterations, oldest first."""
    begun: float | None = None
    """When the first iteration was submitted, seconds since the epoch."""
    entry: Entry | None = None
    """How the attempt under judgement ended, until its state is accepted."""
    resumed: bool = False
    """True if the iteration has been paused, and goes on."""
    paused: float | None = None
    """Since when it is paused, seconds since the epoch."""
    best: Best | None = None
    """The iteration with the best metric so far, where the task has a goal."""
    failed: State | None = None
    """How the attempt before this one at the same iteration ended, if it failed."""
    over: str = ""
    """Why the loop is over, once it is: the next attempt makes a result of a payload."""


MESSAGES = 3
"""Messages of iterations that a child remembers."""


def later(
    progress: Progress,
    iterations: int,
    payload: Sealed | None,
    messages: tuple[str, ...],
    phase: Phase = Phase.READY,
) -> Progress:
    """Make what a child is so many iterations later."""
    return Progress(
        phase=phase,
        iteration=progress.iteration + iterations,
        payload=payload,
        messages=(*progress.messages, *messages)[-MESSAGES:],
        begun=progress.begun,
        submission=progress.since,
        since=progress.since,
    )


@lru_cache(maxsize=256)
def ended_at(iteration: int, begun: float | None) -> Progress:
    """Make what is left of children that ended; those that ended alike share it."""
    return Progress(Phase.ENDED, iteration, begun=begun)


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything before it has ended and its trigger is met."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Its state follows without an attempt: skipped, refused by its trigger, a map's own."""

    state: State


@dataclass(frozen=True, slots=True)
class Admitted:
    """The child's turn has come: there is room in flight."""


class Ended(NamedTuple):
    """The attempt came back."""

    entry: Entry
    state: State
    """What the entry says, as a state."""


class RanAhead(NamedTuple):
    """Iterations went on in the same future, before the one that came back as its last."""

    ahead: Ahead


@dataclass(frozen=True, slots=True)
class Unbegun:
    """The future came back before the child had its turn in it."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The attempt will not come back."""

    reason: str
    charged: bool
    """True if a worker was lost while it executed the attempt."""


class Accepted(NamedTuple):
    """A proposed state has been through the handlers, if there are any."""

    state: State
    value: Sealed | None = None
    """Its result, closed; for `Looped` the payload of the next iteration."""
    final: bool = False
    """True if a failure must not be retried, as when a handler raised it."""
    runs: bool = True
    """False if there is nothing to run: it is skipped, refused by its trigger, a map itself, or a
    handler would have an attempt run that has ended."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The iteration that its progress has reached is to be done again, from its first attempt."""

    submission: int
    """A number above that of every submission so far."""


@dataclass(frozen=True, slots=True)
class Due:
    """The point in time that the child waited for has come."""


@dataclass(frozen=True, slots=True)
class Approved:
    """Somebody lets a paused child go on."""

    payload: Sealed | None = None
    """What the iteration is given in place of its payload, if anything."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Somebody says no to a paused child."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The run is being stopped."""

    reason: str
    now: bool = False
    """True if attempts in flight are given up too."""


Happening = (
    Ready
    | Settled
    | Admitted
    | RanAhead
    | Ended
    | Unbegun
    | Lost
    | Accepted
    | Due
    | TakenBack
    | Approved
    | Rejected
    | Stopped
)


class Announce(NamedTuple):
    """Propose a state to the handlers; it comes back as `Accepted`."""

    state: State
    final: bool = False
    """True if a failure must not be retried."""


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Wait for a turn."""


@dataclass(frozen=True, slots=True)
class Submit:
    """Send the attempt on its way."""


@dataclass(frozen=True, slots=True)
class Wake:
    """Come back with `Due` at a point in time."""

    at: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Come back with `Approved` or `Rejected`, or with `Due` at a point in time, if one is set."""

    until: float | None


class End(NamedTuple):
    """The child has its final state."""

    state: State


READY = Ready()
ADMITTED = Admitted()
ENQUEUE = Enqueue()
SUBMIT = Submit()

Step = Announce | Enqueue | Submit | Wake | Pause | End
"""What the engine does about one child; at most one step follows from one happening."""
