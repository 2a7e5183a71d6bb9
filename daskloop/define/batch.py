"""How many iterations and children one Dask future may hold, as users ask for it."""

from __future__ import annotations

from typing import Literal, cast

from daskloop.define.limits import count

__all__ = ["Batch", "checked_batch"]

Batch = int | Literal["auto"]
"""A number of attempts, or ``"auto"``: as many as are short against what a future costs."""

_MOST = 1_000_000


def checked_batch(value: object, what: str) -> Batch:
    """Read what the user gave.

    Parameters
    ----------
    value : int or str
        ``"auto"``, or how many attempts one future holds at most.
    what : str
        How the option is called in the error, like ``"batch"``.

    Raises
    ------
    TypeError, ValueError
        If it is neither.

    Examples
    --------
    >>> checked_batch("auto", "batch"), checked_batch(20, "batch")
    ('auto', 20)
    >>> checked_batch("fast", "batch")
    Traceback (most recent call last):
    ...
    ValueError: batch='fast': give "auto", or a whole number of 1 or more
    """
    if isinstance(value, str):
        if value != "auto":
            raise ValueError(f'{what}={value!r}: give "auto", or a whole number of 1 or more')
        return cast("Batch", value)
    return count(value, what, 1, _MOST)
