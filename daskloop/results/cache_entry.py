"""What a file of a cache looks like: damage is found, and age is told.

::

    DLCACHE1 | checksum 32 | length 4 | head: JSON | value ...
             └──── over all that follows ─────────────────┘
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import asdict, dataclass

from daskloop.errors import ResultError

__all__ = ["Head", "pack_entry", "unpack_entry"]

_MAGIC = b"DLCACHE1"
_SUM = 32
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a cached value without opening it."""

    key: str
    """Digest of the task's source and its inputs."""
    task: str
    """Full name of the child that made it."""
    created: float
    """When it was written, seconds since the epoch."""
    expires: float | None
    """From when on it is too old; None if never."""

    def is_fresh(self, now: float, cache_for: float | None) -> bool:
        """Tell whether it is young enough, for who wrote it and for who reads it.

        Examples
        --------
        >>> head = Head("k", "t", created=100.0, expires=160.0)
        >>> head.is_fresh(159.0, None), head.is_fresh(160.0, None), head.is_fresh(120.0, 10.0)
        (True, False, False)
        """
        if self.expires is not None and now >= self.expires:
            return False
        return cache_for is None or now < self.created + cache_for


def pack_entry(head: Head, value: bytes) -> bytes:
    """Make the file of a value.

    Examples
    --------
    >>> unpack_entry(pack_entry(Head("k", "t", 0.0, None), b"value"), "k", "somewhere")[1]
    b'value'
    """
    text = json.dumps(asdict(head)).encode()
    rest = b"".join([_LENGTH.pack(len(text)), text, value])
    return b"".join([_MAGIC, hashlib.blake2b(rest, digest_size=_SUM).digest(), rest])


def unpack_entry(data: bytes, key: str, path: str) -> tuple[Head, bytes]:
    """Read the file of a value.

    Raises
    ------
    ResultError
        If it is cut off, damaged, or the value of another key.
    """
    start = len(_MAGIC) + _SUM
    rest = memoryview(data)[start:]
    if data[: len(_MAGIC)] != _MAGIC:
        raise _damaged(path, "it does not begin as a file of a cache does")
    if hashlib.blake2b(rest, digest_size=_SUM).digest() != data[len(_MAGIC) : start]:
        raise _damaged(path, "its content does not fit its checksum; it was cut off or changed")
    try:
        (length,) = _LENGTH.unpack_from(rest)
        head = Head(**json.loads(bytes(rest[_LENGTH.size : _LENGTH.size + length])))
    except (struct.error, ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, f"its head is not what daskloop writes: {error}") from error
    if head.key != key:
        raise _damaged(path, f"it holds the value of another key, {head.key}")
    return head, bytes(rest[_LENGTH.size + length :])


def _damaged(path: str, reason: str) -> ResultError:
    return ResultError(
        f"Cannot use the cached value {path!r}: {reason}. Remove the file to compute it again"
    )
