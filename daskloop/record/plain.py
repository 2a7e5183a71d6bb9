"""Values that JSON gives back exactly: written as JSON they run no code when they are read."""

from __future__ import annotations

import json
import math
from typing import Any

__all__ = ["read", "written"]

_MOST_PARTS = 10_000  # parts that are looked through; a larger value is pickled, which is quicker
_DEEPEST = 100  # containers in one another
_LARGEST = 2**63  # whole numbers that every reader of JSON takes


_KINDS = frozenset({type(None), bool, int, float, str, list, dict})

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().decode


def written(value: Any) -> bytes | None:
    """Write a value as JSON in UTF-8; None if JSON would not give back the very same.

    Notes
    -----
    Refused are all types but None, bool, int, float, str, list and dict with texts as keys;
    subclasses; numbers that are not finite; texts that are no Unicode; a list or dict that occurs
    twice, since two copies would come back.

    Examples
    --------
    >>> written({"n": 4, "fib": [1, 1, 2]})
    b'{"n":4,"fib":[1,1,2]}'
    >>> written((1, 2)) is None
    True
    """
    kind = type(value)
    if kind is int:  # what most loops count with
        return b"%d" % value if -_LARGEST <= value < _LARGEST else None
    if kind not in _KINDS:
        return None
    try:
        return _encode(value).encode() if _is_exact(value) else None
    except UnicodeEncodeError:
        return None


def read(text: bytes | bytearray | memoryview) -> Any:
    """Read what `written` wrote."""
    if type(text) is bytes and text.isdigit():
        return int(text)
    return _decode(str(text, "utf-8"))


def _is_exact(value: Any) -> bool:
    pending: list[tuple[Any, int]] = [(value, 0)]
    seen: set[int] = set()
    looked = 0
    while pending:
        one, depth = pending.pop()
        looked += 1
        kind = type(one)
        if kind is str or kind is bool or one is None:
            continue  # a text that is no Unicode is told when it is encoded
        if kind is int:
            if not -_LARGEST <= one < _LARGEST:
                return False
        elif kind is float:
            if not math.isfinite(one):
                return False
        elif kind is list or kind is dict:
            if id(one) in seen or depth >= _DEEPEST or looked + len(one) > _MOST_PARTS:
                return False
            seen.add(id(one))
            if kind is dict:
                if not all(type(key) is str for key in one):
                    return False
                one = one.values()
            pending.extend((part, depth + 1) for part in one)
        else:
            return False
    return True
