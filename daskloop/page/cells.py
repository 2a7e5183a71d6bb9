"""The iterations of one child as cells: how each ended, how often it was tried, when, how long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from daskloop.page.kinds import LETTERS, Kind, kind_of
from daskloop.record.entries import APPROVED, LOST, TAKEN_BACK, Recorded

__all__ = ["Cell", "Track", "cells_of", "letters", "track_of"]


class Cell(NamedTuple):
    """One iteration, or several that follow each other."""

    kind: Kind
    tries: int
    """The number of the attempt that it ended with, from 1."""
    started: float
    """When that attempt began, seconds since the epoch; zero if it never did."""
    seconds: float
    """Time in user code, of all its attempts."""


class Track(NamedTuple):
    """The iterations of one child, in their order."""

    first: int
    """Number of the iteration that the first cell begins with."""
    size: int
    """How many iterations each cell holds."""
    cells: tuple[Cell, ...]


_NOTHING = Cell(Kind.UNKNOWN, 1, 0.0, 0.0)
_BEGINS = Cell(Kind.UNDER_WAY, 1, 0.0, 0.0)


def cells_of(records: Iterable[Recorded]) -> dict[int, Cell]:
    """Say of each iteration of a child how it ended, by its number.

    Parameters
    ----------
    records : iterable of Recorded
        Of one child, oldest first. Of a loop flow also those of the tasks in its body: their time
        is that of the iteration that they are in.

    Notes
    -----
    An iteration that was taken back is as if it had not been.
    """
    cells: dict[int, Cell] = {}
    for record in records:
        iteration, is_own = record.address[0].iteration, len(record.address) == 1
        if is_own and record.state == TAKEN_BACK:
            for number in [one for one in cells if one >= iteration]:
                del cells[number]
        elif record.state not in (LOST, APPROVED, TAKEN_BACK):
            before = cells.get(iteration, _BEGINS)
            cells[iteration] = (_ended if is_own else _within)(before, record)
    return cells


def _ended(before: Cell, record: Recorded) -> Cell:
    """Say how an iteration stands after a record of its own."""
    started = record.started or before.started
    if before.kind is Kind.UNDER_WAY and before.started:  # its body began earlier
        started = before.started
    tries = max(record.run_count, before.tries)
    return Cell(kind_of(record.state), tries, started, before.seconds + _took(record))


def _within(before: Cell, record: Recorded) -> Cell:
    """Say how an iteration stands after a record of a task in its body."""
    return Cell(
        before.kind,
        max(record.run_count, before.tries),
        before.started or record.started,
        before.seconds + _took(record),
    )


def _took(record: Recorded) -> float:
    if not record.attempted or not record.started:
        return 0.0
    return max(0.0, record.ended - record.started)


def track_of(cells: dict[int, Cell], most: int) -> Track:
    """Put cells in a row, no more than so many of them.

    Of a longer loop each cell holds several iterations: it shows the worst of them.

    Examples
    --------
    >>> gone = Cell(Kind.WENT_ON, 1, 5.0, 0.5)
    >>> track = track_of({1: gone, 2: gone, 3: Cell(Kind.FAILED, 3, 6.0, 1.0)}, 2)
    >>> track.size, [cell.kind.name for cell in track.cells], track.cells[0].seconds
    (2, ['WENT_ON', 'FAILED'], 1.0)
    """
    if not cells:
        return Track(1, 1, ())
    first, last = min(cells), max(cells)
    size = -(-(last - first + 1) // most)
    places: list[list[Cell]] = [[] for _ in range((last - first) // size + 1)]
    for number in sorted(cells):
        places[(number - first) // size].append(cells[number])
    return Track(first, size, tuple(_joined(place) for place in places))


def _joined(cells: Sequence[Cell]) -> Cell:
    if len(cells) == 1:
        return cells[0]
    if not cells:
        return _NOTHING
    return Cell(
        max(cell.kind for cell in cells),
        max(cell.tries for cell in cells),
        min((cell.started for cell in cells if cell.started), default=0.0),
        sum(cell.seconds for cell in cells),
    )


def letters(cells: Iterable[Cell]) -> str:
    """Write how iterations ended, one letter each, in capitals if they were tried again.

    Examples
    --------
    >>> letters([Cell(Kind.WENT_ON, 2, 0.0, 0.0), Cell(Kind.DONE, 1, 0.0, 0.0)])
    'Gd'
    """
    return "".join(
        LETTERS[cell.kind].upper() if cell.tries > 1 else LETTERS[cell.kind] for cell in cells
    )
