"""What one turn of the driver has to do, in the order in which it does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from daskloop.events import Event
from daskloop.executors.session import Key
from daskloop.record.entries import Recorded
from daskloop.record.sealed import Sealed
from daskloop.run.attempt_log import AttemptLog
from daskloop.run.envelope import Entry
from daskloop.run.packing import Pack
from daskloop.run.standing import Child
from daskloop.states import State

__all__ = [
    "Announcement",
    "Approve",
    "Asked",
    "Came",
    "Halt",
    "Handled",
    "Idle",
    "News",
    "Paced",
    "Question",
    "Reject",
    "Rest",
    "Room",
    "Turn",
    "Vanished",
    "Wrote",
]


@dataclass(frozen=True, slots=True)
class Announcement:
    """A change of state for the user's handlers and hooks."""

    child: Child
    old: State
    new: State
    final: bool
    iteration: int
    run_count: int
    last: bool = False
    """True for hooks that are called once the final state stands and that change nothing."""


@dataclass(frozen=True, slots=True)
class Question:
    """A trigger of the user's, to be asked whether a child may run."""

    child: Child
    upstream: dict[Any, State]


@dataclass(frozen=True, slots=True)
class Handled:
    """What the user's functions made of an announcement or a question."""

    asked: Announcement | Question
    state: State | None
    """The state that stands; for a question, None if the child may run."""
    final: bool = False
    """True if a failure must not be retried."""
    value: Sealed | None = None
    """The state's result, closed, if a handler changed it."""
    parts: dict[int, tuple[Sealed, ...] | str] = field(default_factory=dict)
    """The changed result, cut as the plan wants it."""


@dataclass(slots=True)
class Turn:
    """Everything that follows from what arrived since the last turn."""

    records: list[Recorded] = field(default_factory=list)
    """First: written down."""
    submissions: list[Child] = field(default_factory=list)
    """Those whose attempts are sent on their way."""
    packs: list[Pack] = field(default_factory=list)
    """Second: the same, as they travel together."""
    adopted: list[Child] = field(default_factory=list)
    """Sent by an earlier driver of the run: looked for."""
    released: list[Key] = field(default_factory=list)
    """Third: attempts that nothing needs any more."""
    dropped: list[Sealed] = field(default_factory=list)
    """Payloads that nothing needs any more."""
    questions: list[Announcement | Question] = field(default_factory=list)
    """Fourth: handed to the user's functions, on threads of their own."""
    events: list[Event] = field(default_factory=list)
    """Last: announced to those who watch."""


class Came(NamedTuple):
    """An attempt came back, and perhaps iterations that went ahead of it."""

    key: Key
    entry: Entry


class Idle(NamedTuple):
    """A future came back before some of its attempts had their turn in it."""

    keys: Sequence[Key]


class Wrote(NamedTuple):
    """An attempt that came back had logged something."""

    child: Child
    log: AttemptLog


class Paced(NamedTuple):
    """A future came back: how long it took."""

    pack: Pack
    children: int
    """How many had their turn."""
    seconds: float
    looped: bool
    """True if one of them made more than one attempt."""


@dataclass(frozen=True, slots=True)
class Vanished:
    """An attempt will not come back."""

    key: Key
    reason: str
    charged: bool
    """True if a worker was lost while it executed the attempt."""
    alone: int = 0
    """Through which iteration it travels alone, to find out whether that was its fault."""


@dataclass(frozen=True, slots=True)
class Halt:
    """The run is to be stopped."""

    reason: str
    now: bool
    """True if attempts in flight are given up too."""
    cleans: bool = True
    """False if what would put away what others have set up cannot be run either."""


@dataclass(frozen=True, slots=True)
class Room:
    """The number of slots has changed."""

    slots: int


class Asked(NamedTuple):
    """A pause that somebody is asked about: an answer is meant for it, and for no later one."""

    child: Child
    iteration: int
    run_count: int

    @classmethod
    def of(cls, child: Child) -> Asked:
        """Name the pause that a child is in."""
        return cls(child, child.progress.iteration, child.progress.run_count)

    @property
    def stands(self) -> bool:
        """Tell whether the child has not moved on meanwhile."""
        return self == Asked.of(self.child)


@dataclass(frozen=True, slots=True)
class Approve:
    """Paused children may go on."""

    asked: tuple[Asked, ...]
    payload: Sealed | None = None
    """What their iteration is given in place of its payload, if anything."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Paused children fail."""

    asked: tuple[Asked, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Rest:
    """The run is paused, or goes on."""

    on: bool
    """True to let no attempt begin."""


News = Came | Idle | Wrote | Paced | Vanished | Handled | Halt | Room | Approve | Reject | Rest
"""What the machine is told."""
