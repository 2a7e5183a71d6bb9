"""What can be mapped over, and what to write instead of what cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MappingView, Set
from numbers import Number
from typing import Any

__all__ = ["why_not_mappable"]


def why_not_mappable(value: Any) -> str | None:
    """Tell why a value cannot be mapped over and what to write instead; None if it can.

    Parameters
    ----------
    value : Any
        The value. Nothing is taken out of it: an endless iterator is safe here.

    Notes
    -----
    Mapped over is what has a length and positions: list, tuple, range, str, bytes, NumPy
    arrays by rows, pandas Series by values.

    Examples
    --------
    >>> why_not_mappable([1, 2]) is None
    True
    >>> why_not_mappable(5)
    'a number (5); give a sequence, like [5] or range(5), or wrap it in unmapped(...)'
    """
    kind = type(value).__name__
    article = "an" if kind[0] in "aeiouAEIOU" else "a"
    if value is None:
        return "None; give a sequence, or wrap it in unmapped(...)"
    if isinstance(value, type):
        return f"the class {value.__name__}; give a list, or unmapped(...)"
    if isinstance(value, Mapping):
        keys = "list(x.keys()), list(x.values()) or list(x.items())"
        return f"{article} {kind}; say what to map over: {keys}"
    if isinstance(value, MappingView):
        return f"{article} {kind}, which has no positions; give list(x)"
    if isinstance(value, Set):
        return f"{article} {kind}, which has no order; give list(x) or sorted(x)"
    if isinstance(value, Iterator):
        return f"{article} {kind}, whose length is not known; give list(x)"
    if isinstance(value, Number) and getattr(value, "ndim", 0) == 0:
        like = f"[{value!r}]" + (f" or range({value!r})" if isinstance(value, int) else "")
        return f"a number ({value!r}); give a sequence, like {like}, or wrap it in unmapped(...)"
    if hasattr(type(value), "__dask_graph__"):
        return f"a Dask {kind}; compute it first, or give a list of its parts"
    if kind == "DataFrame" and hasattr(value, "columns"):
        return 'a DataFrame; say what to map over: a column, or its rows by x.to_dict("records")'
    if getattr(value, "ndim", None) == 0:
        return "an array without dimensions; give a sequence, or wrap it in unmapped(...)"
    if not (hasattr(type(value), "__len__") and hasattr(type(value), "__getitem__")):
        lacks = "has no length or no positions"
        return f"{article} {kind}, which {lacks}; give a list, or unmapped(...)"
    return None
