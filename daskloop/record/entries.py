"""What a journal keeps of a run, as frozen data: its header, its ended attempts, what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple

from daskloop.keys import Address
from daskloop.record.sealed import ErrorText, Sealed

__all__ = [
    "APPROVED",
    "EMITTED",
    "FORGOTTEN",
    "LOST",
    "TAKEN_BACK",
    "Given",
    "Header",
    "Mark",
    "Owner",
    "Past",
    "Recorded",
    "Status",
    "Submitted",
    "Summary",
    "Wire",
]

LOST = "Lost"
"""Stands for a state where a worker was lost under an attempt, which is made again."""

TAKEN_BACK = "TakenBack"
"""Stands for a state where a child was set back to the iteration of its address, to do it again."""

APPROVED = "Approved"
"""Stands for a state where somebody let a paused child go on; its value is the payload it got."""

FORGOTTEN = 0
"""The iteration to which a child is taken back that is to be as if it had never begun."""

EMITTED = 4
"""Where the items that an iteration emitted lie among the parts of its record."""

Status = Literal["running", "interrupted", "stopped", "failed", "success", "damaged"]
"""How a run stands: under way; its process died; stopped, or ended with failures (both can be
resumed); ended well; not readable."""

_NO_PARTS: Mapping[int, tuple[Sealed, ...] | str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Recorded:
    """One state that stands, as handlers left it: of an ended attempt, or without one."""

    address: Address
    run_count: int
    """Number of the attempt at this iteration, counted from 1."""
    submission: int
    """Number of its submission, counted from 0."""
    state: str
    """Name of the state's class, or `LOST`, or `TAKEN_BACK`."""
    message: str
    value: Sealed | None = None
    """The payload of a `Looped`, the result of a finished one, the exception of a failed one."""
    error: ErrorText | None = None
    """The exception in words."""
    retriable: bool = True
    """False if trying again cannot help, or `retry_on` or `retry_if` refused."""
    final: bool = False
    """True if a failure must not be retried, whatever the budget."""
    attempted: bool = True
    """False for a state that followed without an attempt: skipped, mapped, waiting for a retry."""
    start_time: float | None = None
    """For `Retrying`: when the next attempt may start, seconds since the epoch."""
    parts: Mapping[int, tuple[Sealed, ...] | str] = field(default_factory=lambda: _NO_PARTS)
    """The result cut into elements, or why it cannot be cut, for each way to cut it."""
    width: int | None = None
    """For `Mapped`: how many children there are."""
    worker: str = ""
    started: float = 0.0
    """Seconds since the epoch, by the worker's clock; zero if the body never began."""
    ended: float = 0.0
    at: float = 0.0
    """When the driver took it for standing, seconds since the epoch."""
    stretch: bytes = b""
    """The iterations just before it that ended in the same future, see `record.stretch`."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """The newest attempt of one child that was sent on its way."""

    address: Address
    run_count: int
    submission: int
    at: float
    leader: tuple[int, int, int, int] | None = None
    """The child in whose future it travelled, by the numbers of its key; None for its own."""


@dataclass(frozen=True, slots=True)
class Given:
    """The value of one parameter."""

    name: str
    digest: str
    """Tells values apart without opening them; empty for a secret one."""
    value: Sealed | None
    """None for a secret one, which is never written."""
    length: int | None
    """How many elements it has, if it has a length."""


class Wire(NamedTuple):
    """One way into a task: whose result goes where."""

    slug: str
    """Of the task or parameter that the result is of."""
    argument: str | None
    """None if the task only waits for it."""
    mapped: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """By what one task of the flow is known again."""

    slug: str
    name: str
    source: str
    """Digest of the function's source."""
    call: str
    """Digest of its inputs: constants, and which task's result goes where."""
    mapped: bool
    wires: tuple[Wire, ...] = ()
    """Which results go into it, for pictures."""


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of a run when it begins."""

    run: str
    """Its name."""
    flow: str
    begun: float
    """Seconds since the epoch."""
    parameters: tuple[Given, ...] = ()
    tasks: tuple[Mark, ...] = ()
    origin: str | None = None
    """``FILE:FLOW`` where the flow is found again; None for a run begun in Python."""
    store: str | None = None
    """URL of the payload store, if it does not lie in the journal."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of daskloop, python, dask and distributed."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that drives a run, or drove it last."""

    pid: int
    host: str
    since: float
    """Seconds since the epoch."""
    executor: str = ""
    """How its executor describes itself, without secrets."""
    scheduler: str | None = None
    """Address of a scheduler that lives longer than the run."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One run, for lists; reading it opens no value."""

    header: Header
    status: Status
    epoch: int
    """How often the run was begun or resumed."""
    updated: float
    """When something was written last, seconds since the epoch."""
    owner: Owner | None
    message: str = ""
    """Of the flow's state, or what is wrong with a damaged one."""
    children: int = 0
    """Tasks and children of maps that have their final state."""
    iterations: int = 0
    """Those that are done: they went on to another, or ended their loop well; not what ended
    inside of one, in the body of a loop flow."""
    attempts: int = 0
    failures: int = 0
    """Failed attempts."""


@dataclass(frozen=True, slots=True)
class Past:
    """All that was written down of a run."""

    summary: Summary
    records: tuple[Recorded, ...] = ()
    """In the order in which they came to stand."""
    submitted: tuple[Submitted, ...] = ()
    """One for each child that was ever sent on its way."""
