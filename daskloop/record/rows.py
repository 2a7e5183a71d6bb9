"""Rows of a run file made of what a journal keeps, and read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgpack

from daskloop.keys import Address, Place
from daskloop.record.checksums import Row
from daskloop.record.entries import Given, Header, Mark, Recorded, Submitted, Wire
from daskloop.record.pickling import as_json, from_json
from daskloop.record.row_kinds import check_kinds
from daskloop.record.sealed import ErrorText, Sealed

__all__ = [
    "RECORD_COLUMNS",
    "SUBMITTED_COLUMNS",
    "Child",
    "child_of",
    "given_of",
    "given_row",
    "header_of",
    "header_row",
    "mark_of",
    "mark_row",
    "record_of",
    "record_row",
    "submitted_of",
    "submitted_row",
    "text_of",
]

RECORD_COLUMNS = (
    "id slug child iteration run_count submission state message value stored_name stored_offset "
    "size preview error_class error_text traceback retriable final attempted start_time parts "
    "width stretch worker started ended at epoch outer"
).replace(" ", ", ")
SUBMITTED_COLUMNS = "id, slug, child, iteration, run_count, submission, at, leader, epoch, outer"

Child = tuple[Address, str, "int | None"]
"""Which child of which task, whatever the iteration: the places around it, slug and index."""

_NOTHING: Row = (None, None, None, None, None)
_NO_ERROR: Row = (None, None, None)


def child_of(address: Address) -> Child:
    """Name the child that an address belongs to."""
    place = address[-1]
    return address[:-1], place.slug, place.child


# Parts of rows


def text_of(value: str | bytes) -> str:
    """Return a text; one that is no Unicode was kept as bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogatepass")
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is no text")
    return value


def _time(seconds: float) -> float:
    # A whole number, or minus zero, would come back as another value than the one signed.
    return float(seconds) + 0.0


def _inline(data: bytes) -> str | bytes:
    """Return JSON as text, if exactly these bytes can be made of it again."""
    try:
        text = as_json(data)
    except ValueError:
        return data
    return data if text is None or from_json(text) != data else text


def _value_row(sealed: Sealed | None) -> Row:
    if sealed is None:
        return _NOTHING
    value = None if sealed.data is None else _inline(sealed.data)
    return value, sealed.name, sealed.offset, sealed.size, sealed.preview


def _value_of(value: Any, name: Any, offset: Any, size: Any, preview: Any) -> Sealed | None:
    if size is None:
        return None
    if offset is None or preview is None:
        raise TypeError("a value has no place, or no preview")
    if type(value) is str:
        value = from_json(value)
    if type(preview) is bytes:
        preview = text_of(preview)
    return Sealed(value, name, offset, size, preview)


def _outer_row(address: Address) -> str | None:
    return json.dumps(address[:-1]) if len(address) > 1 else None


def _address_of(slug: Any, child: Any, iteration: Any, outer: Any) -> Address:
    place = Place(slug if type(slug) is str else text_of(slug), child, iteration)
    if outer is None:
        return (place,)
    return (*(Place(*one) for one in json.loads(outer)), place)


def _parts_row(parts: Mapping[int, tuple[Sealed, ...] | str]) -> bytes | None:
    if not parts:
        return None
    plain = {key: cut if isinstance(cut, str) else list(cut) for key, cut in parts.items()}
    packed: bytes = msgpack.packb(plain, unicode_errors="surrogatepass")
    return packed


def _parts_of(packed: bytes) -> dict[int, tuple[Sealed, ...] | str]:
    plain = msgpack.unpackb(packed, strict_map_key=False, unicode_errors="surrogatepass")
    return {
        key: cut if isinstance(cut, str) else tuple(Sealed.from_wire(one) for one in cut)
        for key, cut in plain.items()
    }


# Rows of each table, without their checksums


def record_row(number: int, epoch: int, one: Recorded) -> Row:
    """Make the row of a state that stands."""
    slug, child, iteration = one.address[-1]
    error = one.error
    return (
        number,
        slug,
        child,
        iteration,
        one.run_count,
        one.submission,
        one.state,
        one.message,
        *_value_row(one.value),
        *(_NO_ERROR if error is None else (error.class_name, error.text, error.traceback)),
        int(one.retriable),
        int(one.final),
        int(one.attempted),
        None if one.start_time is None else _time(one.start_time),
        _parts_row(one.parts),
        one.width,
        one.stretch or None,
        one.worker,
        _time(one.started),
        _time(one.ended),
        _time(one.at),
        epoch,
        _outer_row(one.address),
    )


def record_of(row: Sequence[Any]) -> Recorded:
    """Read the row of a state that stands."""
    check_kinds("records", row, RECORD_COLUMNS)
    (
        _, slug, child, iteration, run_count, submission, state, message,
        value, name, offset, size, preview,
        error_class, error_text, traceback,
        retriable, final, attempted, start_time, parts, width, stretch, worker,
        started, ended, at, _, outer,
    ) = row  # fmt: skip
    return Recorded(
        _address_of(slug, child, iteration, outer),
        run_count,
        submission,
        text_of(state),
        message if type(message) is str else text_of(message),
        None if size is None else _value_of(value, name, offset, size, preview),
        None
        if error_class is None
        else ErrorText(text_of(error_class), text_of(error_text), text_of(traceback)),
        retriable == 1,
        final == 1,
        attempted == 1,
        start_time,
        {} if parts is None else _parts_of(parts),
        width,
        worker if type(worker) is str else text_of(worker),
        started,
        ended,
        at,
        b"" if stretch is None else bytes(stretch),
    )


def submitted_row(number: int, epoch: int, one: Submitted) -> Row:
    """Make the row of an attempt that was sent on its way."""
    slug, child, iteration = one.address[-1]
    outer = _outer_row(one.address)
    counts = (one.run_count, one.submission)
    leader = None if one.leader is None else json.dumps(one.leader)
    return (number, slug, child, iteration, *counts, _time(one.at), leader, epoch, outer)


def submitted_of(row: Sequence[Any]) -> Submitted:
    """Read the row of an attempt that was sent on its way."""
    check_kinds("submitted", row, SUBMITTED_COLUMNS)
    _, slug, child, iteration, run_count, submission, at, leader, _, outer = row
    address = _address_of(slug, child, iteration, outer)
    return Submitted(
        address, run_count, submission, at, None if leader is None else _leader(leader)
    )


def _leader(text: str) -> tuple[int, int, int, int]:
    index, iteration, run_count, submission = (int(one) for one in json.loads(text))
    return index, iteration, run_count, submission


def header_row(header: Header, signed: bool) -> Row:
    """Make the row of a header."""
    return (
        1,
        header.run,
        header.flow,
        _time(header.begun),
        header.origin,
        header.store,
        json.dumps(dict(header.versions)),
        int(signed),
    )


def header_of(row: Sequence[Any], given: Sequence[Any], marks: Sequence[Any]) -> Header:
    """Read a header, with the rows of its parameters and tasks."""
    check_kinds("header", row)
    _, run, flow, begun, origin, store, versions, _ = row
    return Header(
        text_of(run),
        text_of(flow),
        begun,
        tuple(given_of(one) for one in given),
        tuple(mark_of(one) for one in marks),
        None if origin is None else text_of(origin),
        None if store is None else text_of(store),
        json.loads(versions),
    )


def given_row(number: int, given: Given) -> Row:
    """Make the row of a parameter."""
    return (number, given.name, given.digest, *_value_row(given.value), given.length)


def given_of(row: Sequence[Any]) -> Given:
    """Read the row of a parameter."""
    check_kinds("parameters", row)
    _, name, digest, *value, length = row
    return Given(text_of(name), text_of(digest), _value_of(*value), length)


def mark_row(number: int, mark: Mark) -> Row:
    """Make the row of a task."""
    wires = json.dumps(mark.wires)
    return (number, mark.slug, mark.name, mark.source, mark.call, int(mark.mapped), wires)


def mark_of(row: Sequence[Any]) -> Mark:
    """Read the row of a task."""
    check_kinds("tasks", row)
    _, slug, name, source, call, mapped, packed = row
    wires = tuple(Wire(*one) for one in json.loads(packed))
    return Mark(text_of(slug), text_of(name), text_of(source), text_of(call), mapped == 1, wires)
