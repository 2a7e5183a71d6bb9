"""How many children of a task may be under way at once, and how often one may begin."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any, SupportsFloat, cast

from daskloop.define.limits import count, duration, remade

__all__ = ["Rate", "Throttle", "throttle"]

Rate = str | float
"""Attempts in a time: ``"10/s"``, ``"100/min"``, ``"3/10s"``; a number is per second."""

_MOST = 1_000_000_000
_UNITS = {"s": "1s", "sec": "1s", "second": "1s", "m": "1m", "min": "1m", "minute": "1m"}
_UNITS |= {"h": "1h", "hour": "1h", "d": "1d", "day": "1d"}


@dataclass(frozen=True, slots=True)
class Throttle:
    """What holds children of a task back though there would be slots for them.

    Kept by the driver before it submits, over all children of the task, retries included.
    """

    max_running: int | None = None
    """Attempts that may be in flight at once."""
    rate: float | None = None
    """Attempts that may begin in a second."""
    max_branches: int | None = None
    """Children that may be begun and not be done with, all that follows from them included."""

    def changed(self, changes: dict[str, Any]) -> Throttle:
        """Make another with some limits replaced, for a copy of a task."""
        return remade(self, throttle, changes)


def throttle(
    max_running: int | None = None,
    rate: Rate | None = None,
    max_branches: int | None = None,
) -> Throttle:
    """Check what the user gave and make a `Throttle` of it.

    Raises
    ------
    TypeError, ValueError
        With a text that names the option.

    Examples
    --------
    >>> throttle(max_running=3, rate="30/min")
    Throttle(max_running=3, rate=0.5, max_branches=None)
    """
    return Throttle(
        None if max_running is None else count(max_running, "max_running", 1, _MOST),
        None if rate is None else _per_second(rate),
        None if max_branches is None else count(max_branches, "max_branches", 1, _MOST),
    )


def _per_second(rate: object) -> float:
    if isinstance(rate, str):
        return _read(rate)
    if not isinstance(rate, numbers.Real) or isinstance(rate, bool):
        raise TypeError(
            f"rate={rate!r} ({type(rate).__name__}): give attempts in a second, like 10, or a text "
            'like "10/s" or "100/min"'
        )
    return _checked(float(cast(SupportsFloat, rate)), rate)


def _read(rate: str) -> float:
    often, stroke, time = rate.replace(" ", "").partition("/")
    try:
        if not stroke:
            raise ValueError
        number = float(often)
        seconds = duration(_UNITS.get(time.lower(), time), "rate")
        return _checked(number / seconds, rate)
    except (ValueError, ZeroDivisionError):
        raise ValueError(
            f'rate={rate!r}: write how many in which time, like "10/s", "100/min" or "3/10s"'
        ) from None


def _checked(value: float, rate: object) -> float:
    if not (math.isfinite(value) and 1e-6 <= value <= 1e6):
        raise ValueError(f"rate={rate!r}: give between 0.000001 and 1,000,000 in a second")
    return value
