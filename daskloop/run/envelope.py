"""What a future sends back, as bytes that run no code when they are read.

An envelope holds a report of each child that had its turn in the future, and each report is how
its last attempt ended, with what went before it in the same future::

    seconds | index, entry (with the iterations ahead of it) | index, entry | ... | logs

Logs are there only if something was logged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

import msgpack

from daskloop.record.sealed import ErrorText, Sealed
from daskloop.run.attempt_log import AttemptLog, log_from_wire, log_to_wire

__all__ = [
    "NO_PARTS",
    "Ahead",
    "Entry",
    "Envelope",
    "Kind",
    "Parts",
    "Report",
    "decode_envelope",
    "encode_envelope",
]

Kind = Literal[
    "looped",
    "success",
    "cached",
    "skipped",
    "failed",
    "timed_out",
    "trigger_failed",
    "retry",
    "paused",
    "lost",
]

_KINDS = frozenset(get_args(Kind))

Parts = Mapping[int, "tuple[Sealed, ...] | str"]

NO_PARTS: Parts = MappingProxyType({})


class Ahead(NamedTuple):
    """Iterations of one loop that ended, one after the other, before the last of a future."""

    iterations: int
    messages: tuple[str, ...]
    """Of the last few, oldest first."""
    payload: Sealed
    """What the last of them handed on."""
    seconds: float
    """Time in user code, of all of them."""
    started: float
    """When the last of them began, seconds since the epoch."""
    ended: float
    """When it ended."""
    packed: bytes = b""
    """All but the last, see `daskloop.record.stretch`; empty where they are only counted."""


class Entry(NamedTuple):
    """How one attempt at one iteration ended."""

    kind: Kind
    message: str | None = None
    value: Sealed | None = None
    """Payload, result, signal or exception, closed."""
    error: ErrorText | None = None
    retriable: bool = True
    """False if `retry_on` or `retry_if` refuse, or if trying again cannot help."""
    start_time: float | None = None
    """For a retry or a pause that the task asked for: until when, in seconds since the epoch."""
    parts: Parts = NO_PARTS
    """For each `Cut` that the plan wants: the elements of the result, or why there are none."""
    worker: str = ""
    started: float = 0.0
    """When the body began, seconds since the epoch; zero if it never did."""
    ended: float = 0.0
    ahead: Ahead | None = None
    """The iterations that went before this one in the same future."""


Report = tuple["int | None", Entry]
"""The index of a child, and how its last attempt in the future ended."""


class Envelope(NamedTuple):
    """What came of a future."""

    seconds: float
    """How long it took in all."""
    reports: Sequence[Report]
    """Of the children whose turn came, in that order."""
    logs: Sequence[AttemptLog] = ()
    """Of the attempts that logged something."""


def encode_envelope(envelope: Envelope) -> bytes:
    """Pack an envelope as plain data."""
    rows = [(index, _plain(entry)) for index, entry in envelope.reports]
    # Texts of users may hold lone surrogates, which strict UTF-8 refuses.
    fields: tuple[Any, ...] = (envelope.seconds, rows)
    if envelope.logs:
        fields += ([log_to_wire(log) for log in envelope.logs],)
    return bytes(msgpack.packb(fields, unicode_errors="surrogatepass"))


def decode_envelope(data: bytes) -> Envelope:
    """Read an envelope back; raises ValueError if the bytes are not one."""
    try:
        seconds, rows, *rest = msgpack.unpackb(
            data, strict_map_key=False, unicode_errors="surrogatepass"
        )
        reports = [(_index(index), _entry(row)) for index, row in rows]
        if not rest:
            return Envelope(float(seconds), reports)
        (logs,) = rest
        return Envelope(float(seconds), reports, [log_from_wire(log) for log in logs])
    except (TypeError, AttributeError) as error:
        raise ValueError(f"these bytes are no envelope: {error}") from error


def _plain(entry: Entry) -> tuple[Any, ...]:
    error, parts = entry.error, entry.parts
    if error is None and not parts:  # as nearly always
        return (*entry[:6], None, *entry[7:])
    return (
        *entry[:3],
        error and (error.class_name, error.text, error.traceback),
        *entry[4:6],
        dict(parts) if parts else None,
        *entry[7:],
    )


def _index(index: Any) -> int | None:
    if index is not None and type(index) is not int:
        raise ValueError(f"these bytes are no envelope: {index!r:.100} is the index of no child")
    return index


def _entry(row: Sequence[Any]) -> Entry:
    kind, message, value, error, retriable, start, parts, worker, started, ended, ahead = row
    if kind not in _KINDS or not isinstance(message, (str, type(None))):
        raise ValueError(f"these bytes are no envelope: an entry of the kind {kind!r:.100}")
    return Entry(
        kind,
        message,
        None if value is None else Sealed(*value),
        None if error is None else ErrorText(*error),
        retriable,
        start,
        NO_PARTS if parts is None else _parts(parts),
        worker,
        started,
        ended,
        None if ahead is None else _ahead(*ahead),
    )


def _parts(parts: Mapping[int, Any]) -> Parts:
    return {
        cut: found if isinstance(found, str) else tuple(Sealed.from_wire(one) for one in found)
        for cut, found in parts.items()
    }


def _ahead(count: int, messages: Sequence[str], payload: Any, *rest: Any) -> Ahead:
    if type(count) is not int or count < 1:
        raise ValueError(f"these bytes are no envelope: {count!r:.100} iterations")
    return Ahead(count, tuple(messages), Sealed(*payload), *rest)
