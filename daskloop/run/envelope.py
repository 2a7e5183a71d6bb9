"""What an attempt sends back: a list of ended iterations, as bytes that run no code when read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import msgpack

from daskloop.record.sealed import ErrorText, Sealed

__all__ = ["Entry", "Kind", "decode_envelope", "encode_envelope"]

Kind = Literal[
    "looped", "success", "skipped", "failed", "timed_out", "trigger_failed", "retry", "lost"
]

_KINDS = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Entry:
    """How one attempt at one iteration ended."""

    kind: Kind
    message: str | None = None
    value: Sealed | None = None
    """Payload, result, signal or exception, closed."""
    error: ErrorText | None = None
    retriable: bool = True
    """False if `retry_on` or `retry_if` refuse, or if trying again cannot help."""
    start_time: float | None = None
    """For a retry that the task asked for: when, in seconds since the epoch."""
    parts: Mapping[int, tuple[Sealed, ...] | str] = field(default_factory=dict)
    """For each `Cut` that the plan wants: the elements of the result, or why there are none."""
    worker: str = ""
    started: float = 0.0
    """When the body began, seconds since the epoch; zero if it never did."""
    ended: float = 0.0


def encode_envelope(entries: Sequence[Entry]) -> bytes:
    """Pack entries as plain data."""
    return _pack([_plain(entry) for entry in entries])


def decode_envelope(envelope: bytes) -> tuple[Entry, ...]:
    """Read entries back; raises ValueError if the bytes are not an envelope."""
    try:
        rows = msgpack.unpackb(envelope, strict_map_key=False, unicode_errors="surrogatepass")
        return tuple(_entry(row) for row in rows)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"these bytes are no envelope: {error}") from error


def _plain(entry: Entry) -> tuple[Any, ...]:
    error = entry.error
    return (
        entry.kind,
        entry.message,
        entry.value and entry.value.wire(),
        error and (error.class_name, error.text, error.traceback),
        entry.retriable,
        entry.start_time,
        {cut: p if isinstance(p, str) else [x.wire() for x in p] for cut, p in entry.parts.items()},
        entry.worker,
        entry.started,
        entry.ended,
    )


def _entry(row: Sequence[Any]) -> Entry:
    kind, message, value, error, retriable, start, parts, worker, started, ended = row
    if kind not in _KINDS or not isinstance(message, (str, type(None))):
        raise ValueError(f"these bytes are no envelope: an entry of the kind {kind!r:.100}")
    return Entry(
        kind,
        message,
        value and Sealed.from_wire(value),
        error and ErrorText(*error),
        retriable,
        start,
        {cut: p if isinstance(p, str) else _sealed(p) for cut, p in parts.items()},
        worker,
        started,
        ended,
    )


def _sealed(wires: Sequence[Any]) -> tuple[Sealed, ...]:
    return tuple(Sealed.from_wire(wire) for wire in wires)


def _pack(data: Any) -> bytes:
    # Texts of users may hold lone surrogates, which strict UTF-8 refuses.
    return bytes(msgpack.packb(data, unicode_errors="surrogatepass"))
