"""Tell values apart by their content, in every process alike.

Dask's `tokenize` knows arrays, tables and most of the rest. It names a class that travels by value
(one of a script, or of a function) by a number that each process draws anew, so objects of such
classes are looked into here: what pickle would keep of them, and the name of the class.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from contextvars import ContextVar
from enum import Enum
from typing import Any

from daskloop.errors import ResultError

__all__ = ["token"]

_ATOMS = frozenset([type(None), bool, int, float, complex, str, bytes, bytearray, range])
_SCRIPTS = ("__main__", "__mp_main__")

_around: ContextVar[tuple[int, ...]] = ContextVar("daskloop-content", default=())
"""The containers that are being read, from the outside in."""


def token(value: Any) -> str:
    """Make a text that is equal for values of equal content only.

    Raises
    ------
    ResultError
        If a part has no content that can be read, such as a lock or an open connection.

    Examples
    --------
    >>> token([1, 2]) == token([1, 2]), token(1) == token(1.0), token("1") == token(1)
    (True, False, False)
    """
    try:
        return hashlib.blake2b(_content(value), digest_size=20).hexdigest()
    except RecursionError:
        raise _refused(value, "it is nested too deeply") from None


def _content(value: Any) -> bytes:
    kind = type(value)
    name = _name(kind)
    if kind in _ATOMS:
        if kind is int:  # as text it may have too many digits for Python
            return name + hex(value).encode()
        return name + repr(value).encode("utf-8", "backslashreplace")
    if isinstance(value, type):
        return b"class " + _name(value)
    from daskloop.results.functions import FUNCTIONS, Reader  # late: it asks for tokens in turn

    if isinstance(value, FUNCTIONS):
        return name + Reader(True).value(value)
    if isinstance(value, Enum):
        return name + value.name.encode("utf-8", "backslashreplace")
    outside = _around.get()
    if id(value) in outside:  # a list that holds itself
        return name + b"again %d" % outside.index(id(value))
    inside = _around.set((*outside, id(value)))
    try:
        return name + _parts(value, kind)
    finally:
        _around.reset(inside)


def _parts(value: Any, kind: type) -> bytes:
    if kind is list or kind is tuple:
        return b"[" + b",".join(map(_whole, value)) + b"]"
    if kind is dict:
        return b"{" + b",".join(_whole(pair) for pair in value.items()) + b"}"
    if kind is set or kind is frozenset:  # of no order that all processes share
        return b"{" + b",".join(sorted(map(_whole, value))) + b"}"
    try:
        if hasattr(kind, "__dask_tokenize__"):
            return _whole(value.__dask_tokenize__())
        if _travels_by_value(kind):
            return _pickled(value)
        from dask.base import tokenize  # late: tasks are defined without Dask

        return str(tokenize(value, ensure_deterministic=True)).encode()
    except (ResultError, RecursionError):
        raise
    # Reading a value runs code of its class, which may raise anything.
    except Exception as error:
        raise _refused(value, str(error)) from error


def _whole(value: Any) -> bytes:
    """Write a part so that it is clear where it ends."""
    data = _content(value)
    return b"%d:%b" % (len(data), data)


def _pickled(value: Any) -> bytes:
    """Write what pickle would keep: how the object is made, its state, what it contains."""
    parts = value.__reduce_ex__(4)
    if isinstance(parts, str):
        return parts.encode()
    make: Callable[..., Any] = parts[0]
    made = _name(make) if _is_found(make) else _whole(make)
    return made + b"|".join(
        _whole(list(part) if number > 2 and part is not None else part)
        for number, part in enumerate(parts)
        if number
    )


def _travels_by_value(kind: type) -> bool:
    if kind.__module__ == "builtins":  # some, like that of functions, have no name there
        return False
    return kind.__module__ in _SCRIPTS or not _is_found(kind)


def _is_found(one: Any) -> bool:
    """Tell whether a class or function is found by its name, as pickle needs it."""
    found: Any = sys.modules.get(getattr(one, "__module__", None) or "")
    for part in getattr(one, "__qualname__", "<no name>").split("."):
        found = getattr(found, part, None)
    return found is one


def _name(one: Any) -> bytes:
    return f"{one.__module__}.{one.__qualname__} ".encode("utf-8", "backslashreplace")


def _refused(value: Any, reason: str) -> ResultError:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    return ResultError(f"a {kind} cannot be told from others by its content ({reason:.200})")
