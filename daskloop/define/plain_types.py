"""How a value becomes a plain type, such as int or datetime, when nothing is lost by it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

__all__ = ["PLAIN", "is_alike", "plain", "read_moment"]

_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "1"), True),
    **dict.fromkeys(("false", "no", "0"), False),
}


def plain(value: Any, kind: type) -> Any:
    """Make a value of a plain type, one of `PLAIN`.

    Raises
    ------
    ValueError
        If it is none, and cannot be made one without losing something.

    Examples
    --------
    >>> plain("3", int), plain(3.0, int), plain("no", bool), plain(3, float)
    (3, 3, False, 3.0)
    >>> plain(3.5, int)
    Traceback (most recent call last):
    ...
    ValueError: 3.5
    """
    if type(value) is kind:
        return value
    try:
        return PLAIN[kind](value)
    except (ArithmeticError, TypeError, ValueError):
        raise ValueError(repr(value)) from None


def is_alike(value: Any, kind: type) -> bool:
    """Tell whether code that expects a plain type can be given this value as it is.

    Examples
    --------
    >>> is_alike(3.0, int), is_alike(True, int), is_alike("3", int)
    (True, True, False)
    """
    if isinstance(value, kind):
        return True
    if isinstance(value, bool):
        value = int(value)
    if kind is complex:
        return isinstance(value, (int, float))
    if kind is bool:
        return isinstance(value, (int, float)) and value in (0, 1)
    if kind is float:  # of any size: Python adds and compares such numbers
        return isinstance(value, int)
    return kind is int and isinstance(value, float) and value.is_integer()


def read_moment(value: Any) -> datetime:
    """Read a point in time: a datetime, a date (its midnight), or a text in ISO 8601.

    Examples
    --------
    >>> read_moment("2026-03-01T12:00Z").isoformat(), read_moment(date(2026, 3, 1)).isoformat()
    ('2026-03-01T12:00:00+00:00', '2026-03-01T00:00:00')
    """
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    text = _text(value).strip()
    # `fromisoformat` takes any sign between date and time: 2026-03-01+02:00 would be two o'clock.
    if len(text) > len("2026-03-01") and not set("Tt ").intersection(text):
        raise ValueError
    # Python 3.10 reads no Z, which everybody writes for UTC, and fractions of six digits only.
    text = text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text
    return datetime.fromisoformat(re.sub(r"[.,](\d+)", _microseconds, text))


def _microseconds(fraction: re.Match[str]) -> str:
    return f".{fraction[1]:0<6.6}"


def _day(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return date.fromisoformat(_text(value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _data(value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray)):
        raise TypeError
    return bytes(value)


def _nothing(value: Any) -> None:
    if value is not None:
        raise TypeError


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (Integral, Real, str)):
        raise TypeError
    number = int(value)  # type: ignore[arg-type]
    return number if isinstance(value, str) else _same(number, value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (Real, str)):
        raise TypeError
    number = float(value)
    return number if isinstance(value, str) or number != number else _same(number, value)


def _complex(value: Any) -> complex:
    return value if isinstance(value, complex) else complex(_number(value))


def _same(made: Any, value: Any) -> Any:
    if made != value:
        raise ValueError
    return made


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        if value.strip().lower() not in _BOOLEANS:
            raise ValueError
        return _BOOLEANS[value.strip().lower()]
    if getattr(value, "ndim", 0) or value not in (0, 1):
        raise ValueError
    return bool(value)


def _made_by(kind: Callable[[Any], Any], *sources: type) -> Callable[[Any], Any]:
    def make(value: Any) -> Any:
        if isinstance(kind, type) and isinstance(value, kind):
            return value
        if isinstance(value, bool) or not isinstance(value, sources):
            raise TypeError
        return kind(value)

    return make


PLAIN: dict[type, Callable[[Any], Any]] = {
    type(None): _nothing,
    bool: _boolean,
    int: _whole,
    float: _number,
    complex: _complex,
    str: _text,
    bytes: _data,
    datetime: read_moment,
    date: _day,
    time: _made_by(time.fromisoformat, str),
    Decimal: _made_by(Decimal, str, int),
    Fraction: _made_by(Fraction, str, int),
    Path: _made_by(Path, str),
    PurePath: _made_by(PurePath, str),
    UUID: _made_by(UUID, str),
}
"""Plain types, and what makes a value one of them or raises."""
