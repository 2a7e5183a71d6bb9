"""What a driver tells the dashboard of its run, as frozen data of bounded size, and as bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from itertools import chain
from typing import Any

import msgpack

__all__ = [
    "CELLS",
    "MOST_BYTES",
    "NOBODY",
    "STRIPS",
    "TASKS",
    "Asked",
    "Cells",
    "ChildLine",
    "RunView",
    "Strip",
    "TaskView",
    "pack",
    "unpack",
    "unpack_asked",
]

CELLS = 2_000
"""Children of a task that are shown one by one; of more there are strips."""

STRIPS = 200
"""Strips that a wider map is cut into."""

TASKS = 100
"""Tasks of a run that are shown."""

MOST_BYTES = 1_000_000
"""Size of a view that is told; a larger one is refused."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Every child of a task, by index, held as closely as can be."""

    standings: bytes
    """One `Standing` each."""
    packed_iterations: bytes
    """The iteration that each is at, or ended at; 0 for one that never began."""
    packed_failed: bytes
    """Index and iteration of attempts that failed; the first of them, if there are many."""

    @classmethod
    def of(
        cls, standings: bytes, iterations: Iterable[int], failed: Iterable[tuple[int, int]]
    ) -> Cells:
        """Hold cells.

        Examples
        --------
        >>> cells = Cells.of(bytes([5, 2]), [7, 3], [(1, 2)])
        >>> cells.iterations, cells.failed
        ((7, 3), [(1, 2)])
        """
        return cls(standings, _numbers(iterations), _numbers(chain.from_iterable(failed)))

    @property
    def iterations(self) -> tuple[int, ...]:
        """The iteration that each child is at, or ended at; 0 for one that never began."""
        return _read(self.packed_iterations)

    @property
    def failed(self) -> list[tuple[int, int]]:
        """Index and iteration of attempts that failed."""
        numbers = _read(self.packed_failed)
        return list(zip(numbers[::2], numbers[1::2], strict=True))


def _numbers(values: Iterable[int]) -> bytes:
    held = [min(value, 0xFFFFFFFF) for value in values]
    return struct.pack(f"<{len(held)}I", *held)


def _read(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 4}I", data)


@dataclass(frozen=True, slots=True)
class Strip:
    """Children of a wide map that follow each other, counted."""

    first: int
    """Index of the first one."""
    counts: tuple[int, ...]
    """How many of them stand how, by `Standing`."""


@dataclass(frozen=True, slots=True)
class ChildLine:
    """A child that is worth a look."""

    name: str
    standing: int
    iteration: int
    attempt: int
    """Number of the attempt at this iteration; 0 of a child that ended."""
    attempts: int
    """How many the retry budget allows."""
    begun: float | None
    """When its first iteration was sent, seconds since the epoch."""
    until: float | None
    """When it is tried again, if it waits for that."""
    message: str


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task of a run."""

    slug: str
    name: str
    mapped: bool
    width: int | None
    """How many children; None while that is not known, 1 for a task that is not mapped."""
    counts: tuple[int, ...]
    """How many children stand how, by `Standing`."""
    iterations: int
    """Iterations that ended and went on to another."""
    retries: int
    """Attempts that failed and were scheduled again."""
    losses: int
    """Workers lost under an attempt."""
    cells: Cells | None = None
    """Only of a task that somebody looks at, and of an ended run."""
    strips: tuple[Strip, ...] = ()
    """In place of cells where there are more than `CELLS` children."""
    lines: tuple[ChildLine, ...] = ()
    """The children that are worth a look."""


@dataclass(frozen=True, slots=True)
class RunView:
    """A run, as of a moment."""

    run: str
    flow: str
    executor: str
    begun: float
    """Seconds since the epoch."""
    at: float
    """When this was true, seconds since the epoch."""
    state: str
    """``Running``, or the class of the flow's final state."""
    ended: bool
    message: str
    iterations: int
    """Iterations that ended and went on to another."""
    retries: int
    losses: int
    more_tasks: int = 0
    """Tasks that are not among those below."""
    tasks: tuple[TaskView, ...] | None = None
    """None if nobody looks: those told before are kept."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the scheduler answers: who is looked at."""

    page: bool
    """Whether there is a page at all."""
    looking: bool
    """Whether somebody looks at this run."""
    slugs: tuple[str, ...] = ()
    """The tasks of which somebody looks at the children."""


NOBODY = Asked(page=False, looking=False)
"""The answer where there is no page."""


def pack(view: RunView | Asked) -> bytes:
    """Write a view as bytes."""
    if isinstance(view, Asked):
        packed: bytes = msgpack.packb(astuple(view))
        return packed
    tasks = None if view.tasks is None else [_task_parts(task) for task in view.tasks]
    packed = msgpack.packb([*_values(view)[:-1], tasks])
    return packed


def unpack(data: bytes) -> RunView:
    """Read what `pack` wrote of a run.

    Raises
    ------
    ValueError
        If it is larger than `MOST_BYTES`, or nothing that `pack` writes.
    """
    if len(data) > MOST_BYTES:
        raise ValueError(f"a view of a run has {len(data):,} bytes, at most {MOST_BYTES:,}")
    try:
        *parts, tasks = msgpack.unpackb(data, use_list=False)
        view = RunView(*parts)
        return view if tasks is None else replace(view, tasks=tuple(map(_task, tasks)))
    except (TypeError, ValueError, msgpack.UnpackException) as error:
        raise ValueError(f"this is no view of a run: {error}") from error


def unpack_asked(data: bytes) -> Asked:
    """Read what `pack` wrote of an answer."""
    return Asked(*msgpack.unpackb(data, use_list=False))


def _values(one: Any) -> list[Any]:
    return [getattr(one, name) for name in one.__dataclass_fields__]


def _task_parts(task: TaskView) -> list[Any]:
    *parts, cells, strips, lines = _values(task)
    return [
        *parts,
        None if cells is None else _values(cells),
        [_values(strip) for strip in strips],
        [_values(line) for line in lines],
    ]


def _task(parts: tuple[Any, ...]) -> TaskView:
    *first, cells, strips, lines = parts
    return replace(
        TaskView(*first),
        cells=None if cells is None else Cells(*cells),
        strips=tuple(Strip(*strip) for strip in strips),
        lines=tuple(ChildLine(*line) for line in lines),
    )
