"""How many children of a map may fail before that counts, and what happens then."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any, SupportsFloat, cast

from daskloop.define.limits import count, remade

__all__ = ["Tolerance", "tolerance"]

_MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What failures of its children mean to a map."""

    tolerate: float | int = 0
    """Children that may fail: a share of all if it is a float, else a number."""
    fail_fast: bool = False
    """True to begin no more children once more have failed than that."""

    def allows(self, failed: int, width: int) -> bool:
        """Tell whether so many failures of so many children are tolerated.

        Examples
        --------
        >>> Tolerance(0.1).allows(10, 100), Tolerance(3).allows(4, 100)
        (True, False)
        """
        if isinstance(self.tolerate, float):
            return failed <= self.tolerate * width
        return failed <= self.tolerate

    def changed(self, changes: dict[str, Any]) -> Tolerance:
        """Make another with some parts replaced, for a copy of a task."""
        return remade(self, tolerance, changes)


def tolerance(tolerate: float | int | None = None, fail_fast: bool = False) -> Tolerance:
    """Check what the user gave and make a `Tolerance` of it.

    Raises
    ------
    TypeError, ValueError
        With a text that names the option.

    Examples
    --------
    >>> tolerance(0.05)
    Tolerance(tolerate=0.05, fail_fast=False)
    """
    if not isinstance(fail_fast, bool):
        raise TypeError(f"fail_fast={fail_fast!r}: give True or False")
    return Tolerance(0 if tolerate is None else _checked(tolerate), fail_fast)


def _checked(value: object) -> float | int:
    if isinstance(value, numbers.Integral):
        return count(value, "tolerate", 0, _MOST)
    if not isinstance(value, numbers.Real):
        raise TypeError(
            f"tolerate={value!r} ({type(value).__name__}): give a share of the children, like "
            "0.05, or a number of them, like 3"
        )
    share = float(cast(SupportsFloat, value))
    if not (math.isfinite(share) and 0 <= share <= 1):
        raise ValueError(
            f"tolerate={value!r}: give a share between 0.0 and 1.0, or a whole number of children"
        )
    return share
