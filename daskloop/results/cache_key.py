"""The key of a cached value: a digest of what the value was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

from daskloop.errors import ResultError
from daskloop.results.content import token

__all__ = ["cache_key"]


def cache_key(source: str, serializer: object, arguments: Mapping[str, Any]) -> str:
    """Make the key.

    Parameters
    ----------
    source : str
        Digest of the task's source.
    serializer : Serializer
        How the value is written: others read the bytes as another value, or not at all.
    arguments : mapping
        The inputs, or what stands for them.

    Raises
    ------
    ResultError
        Naming the argument that cannot be told from others.

    Examples
    --------
    >>> cache_key("s", 0, {"x": 1, "y": 2}) == cache_key("s", 0, {"y": 2, "x": 1})
    True
    """
    tokens = []
    for name in sorted(arguments):
        try:
            tokens.append((name, token(arguments[name])))
        except ResultError as error:
            raise ResultError(
                f"its argument '{name}' cannot name a cached value: {error}. Give "
                "cache_key=, which takes the arguments and returns what tells them apart"
            ) from error
    text = repr((source, _kind(serializer), tokens)).encode("utf-8", "backslashreplace")
    return hashlib.blake2b(text, digest_size=20).hexdigest()


def _kind(serializer: object) -> str:
    """Name a serializer; the repr of other classes holds an address, which says nothing."""
    kind = type(serializer)
    return f"{kind.__module__}.{kind.__qualname__} {serializer if is_dataclass(serializer) else ''}"
