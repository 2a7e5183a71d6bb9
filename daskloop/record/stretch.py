"""Iterations that ended one after the other in one future, as one record: packed, and unfolded.

A row of its own for each would cost more than the iteration. The record is that of the last one;
those before it lie in it as plain data, and reading unfolds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgpack

from daskloop.record.entries import Recorded
from daskloop.record.sealed import Sealed

__all__ = ["Turn", "changed_turns", "length", "pack_turns", "unfolded"]


class Turn(NamedTuple):
    """One iteration that went on."""

    run_count: int
    message: str
    value: Sealed
    """The payload."""
    started: float
    """Seconds since the epoch."""
    ended: float


def pack_turns(turns: Sequence[Turn]) -> bytes:
    """Pack iterations in order; nothing for none of them.

    Examples
    --------
    >>> pack_turns([])
    b''
    """
    if not turns:
        return b""
    return bytes(msgpack.packb(turns, unicode_errors="surrogatepass"))


def changed_turns(packed: bytes, change: Callable[[Turn], Turn]) -> bytes:
    """Change each of the packed iterations; nothing stays nothing."""
    return pack_turns([change(_turn(*row)) for row in _rows(packed)]) if packed else b""


def unfolded(record: Recorded) -> Iterator[Recorded]:
    """Give the record of each iteration that a record stands for, in order.

    Raises
    ------
    ValueError, TypeError
        If what is packed in it is not what `pack_turns` makes.
    """
    if not record.stretch:
        yield record
        return
    turns = [_turn(*row) for row in _rows(record.stretch)]
    first = record.address[-1].iteration - len(turns)
    for number, turn in enumerate(turns):
        place = record.address[-1]._replace(iteration=first + number)
        yield replace(
            record,
            address=(*record.address[:-1], place),
            run_count=turn.run_count,
            message=turn.message,
            value=turn.value,
            started=turn.started,
            ended=turn.ended,
            stretch=b"",
        )
    yield replace(record, stretch=b"")


def length(record: Recorded) -> int:
    """Tell for how many iterations a record stands; opens no more than the first bytes."""
    if not record.stretch:
        return 1
    unpacker = msgpack.Unpacker()
    unpacker.feed(record.stretch[:5])
    return int(unpacker.read_array_header()) + 1


def _rows(packed: bytes) -> Sequence[Sequence[object]]:
    rows: Sequence[Sequence[object]] = msgpack.unpackb(packed, unicode_errors="surrogatepass")
    return rows


def _turn(run_count: object, message: object, value: object, *times: object) -> Turn:
    if not isinstance(run_count, int) or not isinstance(message, str):
        raise TypeError(f"{run_count!r:.80}, {message!r:.80} is no iteration")
    started, ended = times
    if not isinstance(started, float) or not isinstance(ended, float):
        raise TypeError(f"{times!r:.80} are no times")
    return Turn(run_count, message, Sealed.from_wire(value), started, ended)
