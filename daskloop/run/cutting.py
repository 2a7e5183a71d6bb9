"""Cut a sequence into its elements, and say what cannot be cut and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any

from daskloop.define.mappable import why_not_mappable
from daskloop.errors import MapError

__all__ = ["elements", "flattened", "pieces"]

_SMALL = (list, tuple, range, str, bytes, bytearray)


def elements(value: Any, name: str) -> Sequence[Any]:
    """Return the elements of what is mapped over, by position.

    Parameters
    ----------
    value : Any
        A list, tuple, range, str, bytes, NumPy array (by rows), pandas Series (by values), or
        anything else with a length and positions.
    name : str
        How to call it in an error, such as "argument 'x' of 'f'".

    Raises
    ------
    MapError
        If it has no length or no positions.

    Examples
    --------
    >>> elements("ab", "x"), elements(range(2), "x")
    (['a', 'b'], [0, 1])
    """
    if isinstance(value, _SMALL):
        return list(value)
    reason = why_not_mappable(value)
    if reason is not None:
        raise MapError(f"cannot map over {name}: it is {reason}")
    try:
        # pandas has labels where others have positions.
        positions = getattr(value, "iloc", value)
        return [positions[i] for i in range(len(value))]
    # Length and positions are code of the value's class, which may raise anything.
    except Exception as error:
        what = f"taking the elements of this {type(value).__name__} raised {error!r}"
        raise MapError(f"cannot map over {name}: {what}") from error


def pieces(value: Any, name: str) -> Sequence[Any]:
    """Return what one value adds to a flattened map: its elements, or itself if it has none."""
    # Texts have elements too, but nobody who flattens means their characters.
    if isinstance(value, (str, bytes)) or why_not_mappable(value) is not None:
        if isinstance(value, (Set, Iterator)):
            return list(value)
        return [value]
    return elements(value, name)


def flattened(value: Any, name: str) -> list[Any]:
    """Un-nest one level; elements that hold no others pass as they are.

    Examples
    --------
    >>> flattened([[0, 1], [], 2, "ab"], "x")
    [0, 1, 2, 'ab']
    """
    return [piece for element in elements(value, name) for piece in pieces(element, name)]
