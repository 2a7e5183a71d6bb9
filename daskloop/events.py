"""What a run announces to those who watch it: views, logs, notifiers.

Events are sent after the record; whoever hears one can change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

from daskloop.keys import Address
from daskloop.states import State

__all__ = [
    "EVERY_ATTEMPT",
    "AttemptEnded",
    "AttemptFailed",
    "AttemptLost",
    "AttemptsSent",
    "ChildEnded",
    "ChildPaused",
    "ChildRestored",
    "Event",
    "IterationEnded",
    "Listener",
    "LogLine",
    "MapOpened",
    "RetryScheduled",
    "RunEnded",
    "RunStalled",
    "RunStarted",
    "RunStopping",
    "TaskLogged",
    "TaskTitle",
]


EVERY_ATTEMPT = 5
"""Level of `AttemptEnded`, below `logging.DEBUG`."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run."""

    run: str
    """Name of the run."""
    at: float
    """Seconds since the epoch."""


class TaskTitle(NamedTuple):
    """One task of a flow, for those who show it before anything of it has begun."""

    slug: str
    name: str
    mapped: bool


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """The run has its plan and its executor."""

    flow: str
    executor: str
    """How the executor describes itself, without secrets."""
    tasks: tuple[TaskTitle, ...] = ()
    """In the order of the flow, without parameters."""


@dataclass(frozen=True, slots=True)
class MapOpened(Event):
    """The width of a map is known; told again when a map over emitted items has grown."""

    slug: str
    name: str
    width: int
    names: Sequence[str] = ()
    """Of the children, if they have names of their own."""
    inside: bool = False
    """True if it is in the body of a loop flow."""
    grows: bool = False
    """True if more children may come."""


@dataclass(frozen=True, slots=True)
class ChildRestored(Event):
    """A driver has taken a child up where an earlier one left it."""

    address: Address
    name: str
    state: State | None
    """Its final state, or the one in which it waits; None if it goes on."""


@dataclass(frozen=True, slots=True)
class AttemptsSent(Event):
    """Attempts are on their way to workers."""

    addresses: Sequence[Address]


@dataclass(frozen=True, slots=True)
class IterationEnded(Event):
    """One iteration of a loop, or several in one future, is done and recorded; the loop goes on."""

    address: Address
    name: str
    message: str
    worker: str
    seconds: float
    """Time in user code."""
    count: int = 1
    """How many iterations ended in that time; the address and the message are of the last."""
    until: float | None = None
    """When the next one may begin, seconds since the epoch, if it waits for that."""


@dataclass(frozen=True, slots=True)
class AttemptEnded(Event):
    """An attempt came back, however it ended; handlers may make something else of it."""

    address: Address
    name: str
    run_count: int
    kind: str
    """How it ended, in a word: ``"looped"``, ``"success"``, ``"failed"``, ``"timed_out"`` ..."""
    message: str
    worker: str
    started: float
    """When its function was called, seconds since the epoch; zero if it never was."""
    ended: float
    ahead: int = 0
    """How many iterations of the loop had ended before it in the same future."""
    ahead_seconds: float = 0.0
    """Time in user code, of all of these."""


@dataclass(frozen=True, slots=True)
class AttemptFailed(Event):
    """One attempt failed."""

    address: Address
    name: str
    run_count: int
    attempts: int
    """How many attempts the task's budget allows in all."""
    message: str
    worker: str


@dataclass(frozen=True, slots=True)
class RetryScheduled(Event):
    """The failed attempt will be tried again; until then it holds no worker."""

    address: Address
    name: str
    run_count: int
    """Number of the attempt that comes next."""
    delay: float
    """Seconds from the failure to the next try."""
    message: str


@dataclass(frozen=True, slots=True)
class AttemptLost(Event):
    """A submitted attempt will not come back and is submitted again, or given up."""

    address: Address
    name: str
    reason: str
    charged: bool
    """True if the attempt was executing there and its loss budget pays."""


@dataclass(frozen=True, slots=True)
class ChildEnded(Event):
    """A task, or one child of a map, has its final state."""

    address: Address
    name: str
    state: State
    seconds: float
    """Time from its first start, zero if it never ran."""


@dataclass(frozen=True, slots=True)
class ChildPaused(Event):
    """A task, or one child of a map, waits for somebody's approval."""

    address: Address
    name: str
    message: str
    until: float | None
    """When it goes on by itself, seconds since the epoch; None if it never does."""


class LogLine(NamedTuple):
    """A line of a task's log."""

    at: float
    """Seconds since the epoch, by the worker's clock."""
    level: int
    """Of `logging`."""
    text: str
    """The message, as the task gave it."""
    trace: str = ""
    """The traceback that was logged with it."""
    path: str = ""
    """The file that logged it, on the worker; empty if it was printed."""
    number: int = 0
    """The line of that file."""
    logger: str = ""
    """The logger that it was given to; empty if that is the task's own."""
    extra: Mapping[str, str | int | float | bool] = MappingProxyType({})
    """What was given by ``extra=``."""


@dataclass(frozen=True, slots=True)
class TaskLogged(Event):
    """An attempt has ended that had logged something; told before what it ended with."""

    address: Address
    name: str
    run_count: int
    worker: str
    logger: str
    """Name of the task's own logger."""
    flow: str
    task: str
    lines: Sequence[LogLine]
    left_out: int
    """How many lines were left out, since there were too many."""
    after: int
    """After how many of these lines they were left out."""


@dataclass(frozen=True, slots=True)
class RunStalled(Event):
    """Nothing has moved for a while; the text says why."""

    text: str


@dataclass(frozen=True, slots=True)
class RunStopping(Event):
    """No iteration begins any more."""

    reason: str
    now: bool
    """True if those that run are given up."""


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """The flow has its final state."""

    flow: str
    state: State
    seconds: float
    iterations: int
    """Those that are done: they went on to another, or ended their loop well."""
    retries: int
    losses: int
    futures: int = 0
    """Futures that came back."""
    work: float = 0.0
    """Seconds in user code, of all attempts together."""
    batched: bool = False
    """True if ``batch`` was set for the run to something else than 1."""


class Listener(Protocol):
    """Anything that wants to hear of events.

    Notes
    -----
    Called on a thread of its own, one event after the other; what it raises is logged and
    stops nothing.

    Events are as grave as log lines: an attempt that ended `EVERY_ATTEMPT`, an iteration
    `logging.DEBUG`, a child that did not fail `logging.INFO`. A listener with an attribute `level`
    is content with those of that level and above; when no listener wants more, the others are not
    even made.

    One with a method ``close(timeout)`` has it called after the last event: to let go of what it
    holds within so many seconds.
    """

    def hear(self, event: Event) -> None:
        """Take note of one event."""
        ...
