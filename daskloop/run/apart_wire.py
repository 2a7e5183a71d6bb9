"""What a worker and the processes of its runner say to each other.

::

    worker ── control ──► keeper     NEXT, KILL pid
    worker ◄── control ── keeper     NEW pid, with a socket to it · DIED pid, exit code
    worker ── socket ───► child      a request
    worker ◄── socket ─── child      BEGUN, LOGGED and a line, ENDED, ANSWER and an envelope

All of it goes through sockets that only these processes have: none has a name or a port.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgpack

__all__ = [
    "ANSWER",
    "BEGUN",
    "BEGUN_ASK",
    "DIED",
    "ENDED",
    "KILL",
    "LOGGED",
    "NEW",
    "NEXT",
    "NOTICE",
    "Change",
    "Request",
    "pack_request",
    "unpack_request",
]

NOTICE = struct.Struct("!cqi")
"""What goes over the control socket: a word, a process id, an exit code."""

NEXT, KILL = b"+", b"k"
NEW, DIED = b"n", b"d"

BEGUN, BEGUN_ASK, LOGGED, ENDED, ANSWER = b"b", b"B", b"l", b"e", b"a"
"""The function is called; so it is, and its task has predicates that judge failures; it has logged
the line that follows; it has returned or raised; the envelope follows."""


class Change(NamedTuple):
    """How the surroundings of a worker differ from what its runner was told last."""

    folder: str | None
    """The current folder; None if it is as before, or is gone."""
    path: Sequence[str] | None
    """`sys.path`; None if it is as before."""
    environment: Mapping[str, str | None]
    """Variables with another value, None for those that are gone."""


class Request(NamedTuple):
    """One attempt for a child to make."""

    slot: int
    """Where the child keeps the shared order."""
    shared: bytes | None
    """The packed `Shared` order; None if it is in the slot already."""
    own: bytes
    """A packed `Own` order of one attempt."""
    worker: str
    """Address of the worker."""
    who: str
    """How the worker is named in its claims."""
    change: Change | None
    late: float | None
    """If given: the attempt ran out of time, and had begun then. It is judged, not made."""


def pack_request(request: Request) -> bytes:
    """Pack a request as plain data."""
    # The environment may hold bytes that are no text, which Python reads as lone surrogates.
    return bytes(msgpack.packb(request, unicode_errors="surrogatepass"))


def unpack_request(data: bytes) -> Request:
    """Read a request back."""
    request = Request(*msgpack.unpackb(data, unicode_errors="surrogatepass"))
    return request if request.change is None else request._replace(change=Change(*request.change))
