"""Times of many iterations in a few bytes each: three, of which a browser makes numbers again.

::

    12 bits: when it began, as a part of its child's whole time
    12 bits: how long it took, on a scale where each step is 0.9 % more than the one before
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable

from daskloop.page.cells import Cell

__all__ = ["LEAST", "STEP", "as_text", "pack_times"]

_STEPS = 4095

LEAST = 1e-7
"""Seconds that the lowest step stands for; zero is its own."""

STEP = 16 * math.log(10) / _STEPS
"""Natural logarithm of the ratio of two steps: the highest stands for 30 years."""


def pack_times(cells: Iterable[Cell], begun: float, ended: float) -> bytes:
    """Pack when each of a child's cells began and how long it took.

    Parameters
    ----------
    cells : iterable of Cell
        Of one child.
    begun, ended : float
        The child's whole time, seconds since the epoch.

    Examples
    --------
    >>> from daskloop.page.kinds import Kind
    >>> pack_times([Cell(Kind.DONE, 1, 15.0, 0.0)], 10.0, 20.0).hex()
    '800000'
    """
    whole = max(ended - begun, 1e-9)
    packed = bytearray()
    for cell in cells:
        part = min(1.0, max(0.0, (cell.started - begun) / whole))
        took = 0
        if cell.seconds > 0:
            took = round(math.log(cell.seconds / LEAST) / STEP) if cell.seconds > LEAST else 0
            took = min(_STEPS, took + 1)
        packed += (round(part * _STEPS) << 12 | took).to_bytes(3, "big")
    return bytes(packed)


def as_text(packed: bytes) -> str:
    """Write bytes as text.

    Examples
    --------
    >>> as_text(bytes([128, 0, 0]))
    'gAAA'
    """
    return base64.b64encode(packed).decode("ascii")
