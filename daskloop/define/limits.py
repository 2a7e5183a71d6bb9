"""How long a task may take and how often it may go round; and how durations are read."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    SupportsFloat,
    SupportsIndex,
    TypeVar,
    cast,
    get_args,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Duration", "Limits", "OnLimit", "count", "duration", "limits", "remade"]

Duration = timedelta | float | str
"""A length of time as users write it: ``timedelta(seconds=2)``, ``2``, ``2.0``, ``"2s"``."""

OnLimit = Literal["fail", "return"]

LONGEST = timedelta(days=30).total_seconds()


def duration(value: object, what: str, longest: float = LONGEST) -> float:
    """Read a length of time, in seconds.

    Parameters
    ----------
    value : timedelta, float or str
        Seconds, a timedelta, or a text like ``"2s"`` or ``"1 hour"``.
    what : str
        How the thing is called in the error, like ``"retry_delay"``.
    longest : float
        More seconds than this are refused.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If it cannot be read, is negative, not finite, or too long.

    Examples
    --------
    >>> duration("2s", "retry_delay"), duration(timedelta(minutes=1), "retry_delay")
    (2.0, 60.0)
    >>> duration(-1, "retry_delay")
    Traceback (most recent call last):
    ...
    ValueError: retry_delay=-1: give 0 seconds or more
    """
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, str):
        seconds = _read_text(value, what)
    elif isinstance(value, numbers.Real) and not isinstance(value, bool):
        seconds = float(cast(SupportsFloat, value))
    else:
        raise TypeError(
            f"{what}={value!r} ({type(value).__name__}): "
            'give a number of seconds, a timedelta, or a text like "2s"'
        )
    if not math.isfinite(seconds):
        raise ValueError(f"{what}={value!r}: give a finite number of seconds")
    if seconds < 0:
        raise ValueError(f"{what}={value!r}: give 0 seconds or more")
    if seconds > longest:
        raise ValueError(f"{what}={value!r}: give at most {longest:.0f} seconds")
    return seconds


def _read_text(value: str, what: str) -> float:
    # dask.utils is imported here because it is slow and few tasks need it.
    from dask.utils import parse_timedelta

    try:
        return float(parse_timedelta(value))
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError):
        raise ValueError(
            f'{what}={value!r} cannot be read as a length of time; write "2s", "5m", "1h"'
        ) from None


def count(value: object, what: str, least: int, most: int) -> int:
    """Read a whole number between two bounds, both included.

    Raises
    ------
    TypeError
        If it is not a whole number; True and False are not.
    ValueError
        If it lies outside the bounds.

    Examples
    --------
    >>> count(3, "max_loops", 1, 10)
    3
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise TypeError(f"{what}={value!r} ({type(value).__name__}): give a whole number")
    number = operator.index(cast(SupportsIndex, value))
    if not least <= number <= most:
        raise ValueError(f"{what}={value!r}: give a whole number from {least} to {most:,}")
    return number


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a task that takes too long, loops too often or loses too many workers."""

    timeout: float | None = None
    """Seconds that one attempt may take."""
    max_loops: int | None = None
    """Iterations after which a loop is ended as Failed."""
    max_time: float | None = None
    """Seconds after which a loop is ended as Failed."""
    max_worker_losses: int = 3
    """How many workers may be lost under it before it is Crashed."""
    at_most_once: bool = False
    """True if an attempt whose worker was lost must not be run again."""
    on_limit: OnLimit = "fail"
    """What `max_loops` and `max_time` make of a loop: a failure, or its last payload."""

    def changed(self, changes: dict[str, Any]) -> Limits:
        """Make limits with some replaced, for a copy of a task.

        Examples
        --------
        >>> Limits(timeout=1.0).changed({"max_loops": 5}).max_loops
        5
        """
        return remade(self, limits, changes)


Options = TypeVar("Options", bound="DataclassInstance")


def remade(options: Options, make: Callable[..., Options], changes: dict[str, Any]) -> Options:
    """Make options anew with some replaced, checked as they were the first time.

    Parameters
    ----------
    options : dataclass
        Those to begin with.
    make : callable
        Takes the fields of it by name, checks them and makes it.
    changes : dict
        What to replace, by name.
    """
    kept = {field.name: getattr(options, field.name) for field in fields(options)}
    return make(**{**kept, **changes})


def limits(
    timeout: Duration | None = None,
    max_loops: int | None = None,
    max_time: Duration | None = None,
    max_worker_losses: int | None = None,
    at_most_once: bool = False,
    on_limit: OnLimit = "fail",
) -> Limits:
    """Check what the user gave and make `Limits` of it.

    Raises
    ------
    TypeError, ValueError
        With a text that names the option.

    Examples
    --------
    >>> limits(timeout="30s", max_loops=100).timeout
    30.0
    """
    if not isinstance(at_most_once, bool):
        raise TypeError(f"at_most_once={at_most_once!r}: give True or False")
    return Limits(
        timeout=_positive(timeout, "timeout"),
        max_loops=None if max_loops is None else count(max_loops, "max_loops", 1, 10**15),
        max_time=_positive(max_time, "max_time"),
        max_worker_losses=Limits().max_worker_losses
        if max_worker_losses is None
        else count(max_worker_losses, "max_worker_losses", 0, 1_000_000),
        at_most_once=at_most_once,
        on_limit=_on_limit(on_limit, max_loops, max_time),
    )


def _on_limit(value: object, max_loops: object, max_time: object) -> OnLimit:
    if value not in get_args(OnLimit):
        raise ValueError(
            f'on_limit={value!r}: give "fail" to fail a loop at its limit, or "return" to end it '
            "with its last payload"
        )
    if value == "return" and max_loops is None and max_time is None:
        raise ValueError('on_limit="return" needs a limit: give max_loops= or max_time= as well')
    return cast("OnLimit", value)


def _positive(value: Duration | None, what: str) -> float | None:
    if value is None:
        return None
    seconds = duration(value, what, longest=timedelta(days=3650).total_seconds())
    if seconds == 0:
        raise ValueError(f"{what}={value!r}: give more than 0 seconds, or None for no limit")
    return seconds
