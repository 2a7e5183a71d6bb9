"""Leave out of a record what nobody can make sense of.

A journal may be written by other programs. Its checksums tell that a row is as it was written, not
that a number is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from daskloop.keys import Address
from daskloop.record.entries import (
    Given,
    Header,
    Mark,
    Owner,
    Past,
    Recorded,
    Status,
    Submitted,
    Summary,
)
from daskloop.record.names_of_children import names_by_slug
from daskloop.record.sealed import ErrorText, Sealed

__all__ = ["sound"]

_LARGEST = 2**53  # whole numbers that JavaScript takes exactly
_LATEST = 253_402_300_799.0  # the last second that a datetime has


def sound(past: Past) -> tuple[Past, int]:
    """Return what is known of a run with only what can be shown in it.

    Parameters
    ----------
    past : Past
        As a journal gave it, from whomever.

    Returns
    -------
    past : Past
        With records, names and times that are what they are said to be.
    left_out : int
        How many records and submissions were not.
    """
    records = tuple(one for one in past.records if _is_record(one))
    submitted = tuple(one for one in past.submitted if _is_submitted(one))
    left_out = len(past.records) - len(records) + len(past.submitted) - len(submitted)
    names = tuple(_with_sound_names(one) if one.width is not None else one for one in records)
    return Past(_summary(past.summary), names, submitted), left_out


def _is_record(one: Any) -> bool:
    return (
        isinstance(one, Recorded)
        and _is_address(one.address)
        and _is_count(one.run_count)
        and isinstance(one.state, str)
        and isinstance(one.message, str)
        and (one.width is None or _is_count(one.width))
        and _is_time(one.started)
        and _is_time(one.ended)
        and _is_time(one.at)
        and type(one.attempted) is type(one.final) is bool
        and isinstance(one.parts, Mapping)
        and (one.value is None or isinstance(one.value, Sealed))
        and (one.error is None or _is_error(one.error))
    )


def _is_submitted(one: Any) -> bool:
    return (
        isinstance(one, Submitted)
        and _is_address(one.address)
        and _is_count(one.run_count)
        and _is_time(one.at)
    )


def _is_address(address: Address) -> bool:
    return (
        isinstance(address, tuple)
        and len(address) > 0
        and all(
            isinstance(place, tuple)
            and len(place) == 3
            and isinstance(place[0], str)
            and (place[1] is None or _is_count(place[1]))
            and _is_count(place[2])
            for place in address
        )
    )


def _is_count(number: Any) -> bool:
    return type(number) is int and 0 <= number <= _LARGEST


def _is_time(seconds: Any) -> bool:
    return type(seconds) in (float, int) and 0 <= seconds <= _LATEST  # nan is neither


def _is_error(error: Any) -> bool:
    return isinstance(error, ErrorText) and all(
        isinstance(text, str) for text in (error.class_name, error.text, error.traceback)
    )


def _with_sound_names(record: Recorded) -> Recorded:
    try:
        names_by_slug([record])
    except (ValueError, TypeError, RecursionError):
        return replace(record, parts={})
    return record


def _summary(summary: Summary) -> Summary:
    return replace(
        summary,
        header=_header(summary.header),
        status=cast("Status", _text(summary.status)),
        message=_text(summary.message),
        epoch=summary.epoch if _is_count(summary.epoch) else 1,
        updated=_time(summary.updated),
        owner=summary.owner if isinstance(summary.owner, Owner) else None,
    )


def _header(header: Header) -> Header:
    versions = header.versions if isinstance(header.versions, Mapping) else {}
    return replace(
        header,
        run=_text(header.run),
        flow=_text(header.flow),
        begun=_time(header.begun),
        parameters=tuple(
            _given(one) for one in _items(header.parameters) if isinstance(one, Given)
        ),
        tasks=tuple(one for one in _items(header.tasks) if _is_mark(one)),
        origin=None if header.origin is None else _text(header.origin),
        versions={_text(name): _text(version) for name, version in versions.items()},
    )


def _given(one: Given) -> Given:
    value = one.value if isinstance(one.value, Sealed) else None
    if value is not None and not isinstance(value.preview, str):
        value = value._replace(preview="")
    length = one.length if _is_count(one.length) else None
    return Given(_text(one.name), _text(one.digest), value, length)


def _is_mark(one: Any) -> bool:
    return (
        isinstance(one, Mark)
        and isinstance(one.slug, str)
        and isinstance(one.name, str)
        and isinstance(one.wires, tuple)
        and all(map(_is_wire, one.wires))
    )


def _is_wire(wire: Any) -> bool:
    return (
        isinstance(wire, tuple)
        and len(wire) == 3
        and isinstance(wire[0], str)
        and (wire[1] is None or isinstance(wire[1], str))
    )


def _items(found: Any) -> Sequence[Any]:
    return found if isinstance(found, (tuple, list)) else ()


def _text(text: Any) -> str:
    return text if isinstance(text, str) else f"{text!r:.80}"


def _time(seconds: Any) -> float:
    return float(seconds) if _is_time(seconds) else 0.0
