"""Envelopes come back as they went, and what is no envelope is refused as a ValueError."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daskloop.events import LogLine
from daskloop.record.sealed import ErrorText, Sealed
from daskloop.run.attempt_log import AttemptLog
from daskloop.run.envelope import Ahead, Entry, Envelope, decode_envelope, encode_envelope

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)  # surrogates included
SEALED = st.builds(
    Sealed,
    st.none() | st.binary(max_size=20),
    st.none() | st.just("0" * 32 + "-tag"),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    TEXTS,
)
PARTS = st.dictionaries(
    st.sampled_from([1, 2, 3]), st.lists(SEALED, max_size=3).map(tuple) | TEXTS, max_size=3
)
TIMES = st.floats(allow_nan=False)
AHEAD = st.builds(
    Ahead,
    st.integers(1, 2**40),
    st.lists(TEXTS, max_size=3).map(tuple),
    SEALED,
    TIMES,
    TIMES,
    TIMES,
    st.binary(max_size=20),
)
ENTRIES = st.builds(
    Entry,
    st.sampled_from(["looped", "success", "skipped", "failed", "timed_out", "retry", "lost"]),
    st.none() | TEXTS,
    st.none() | SEALED,
    st.none() | st.builds(ErrorText, TEXTS, TEXTS, TEXTS),
    st.booleans(),
    st.none() | st.floats(allow_nan=False),
    PARTS,
    TEXTS,
    TIMES,
    TIMES,
    st.none() | AHEAD,
)
REPORTS = st.lists(st.tuples(st.none() | st.integers(0, 2**40), ENTRIES), max_size=4)


COUNTS = st.integers(0, 2**40)
EXTRA = st.dictionaries(
    st.sampled_from(["page", "site"]), TEXTS | st.booleans() | COUNTS | TIMES, max_size=2
)
LINES = st.builds(LogLine, TIMES, st.integers(0, 60), TEXTS, TEXTS, TEXTS, COUNTS, TEXTS, EXTRA)
LOGS = st.lists(
    st.builds(
        AttemptLog,
        st.none() | COUNTS,
        COUNTS,
        COUNTS,
        TEXTS,
        st.lists(LINES, max_size=3),
        COUNTS,
        COUNTS,
    ),
    max_size=3,
).map(lambda logs: logs or ())


@given(st.builds(Envelope, TIMES, REPORTS, st.just(())))
@settings(deadline=None)
def test_reports_come_back_as_they_went(envelope: Envelope):
    assert decode_envelope(encode_envelope(envelope)) == envelope


@given(st.builds(Envelope, TIMES, st.just([(None, Entry("success"))]), LOGS))
@settings(deadline=None)
def test_logs_come_back_as_they_went(envelope: Envelope):
    assert decode_envelope(encode_envelope(envelope)) == envelope


def test_without_logs_there_is_no_byte_of_them():
    envelope = Envelope(0.5, [(None, Entry("success"))])
    assert len(msgpack.unpackb(encode_envelope(envelope))) == 2


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_bytes_of_something_else_are_refused(data: bytes):
    try:
        envelope = decode_envelope(data)
    except ValueError:
        return
    assert all(isinstance(entry, Entry) for _, entry in envelope.reports)


def row(**changes: Any) -> list[Any]:
    """Make the row of an entry as it travels, with some fields replaced."""
    fields = dict.fromkeys(Entry._fields)
    plain = {"kind": "success", "retriable": True, "parts": {}, "worker": "", "started": 0.0}
    return list({**fields, **plain, "ended": 0.0, **changes}.values())


AHEAD_ROW = [2, ["one"], [b"x", None, 0, 1, "x"], 0.1, 1.0, 2.0, b""]


def test_a_row_made_by_hand_is_one():
    envelope = decode_envelope(msgpack.packb([0.5, [[None, row()], [3, row(ahead=AHEAD_ROW)]]]))
    assert [index for index, _ in envelope.reports] == [None, 3]
    ahead = envelope.reports[1][1].ahead
    assert ahead is not None and ahead.iterations == 2


@pytest.mark.parametrize(
    "data",
    [
        5,
        None,
        "text",
        [1, 2],
        [["success"]],
        {"a": 1},
        [0.0, [["success"]]],
        [0.0, [row()]],
        [0.0, [["0", row()]]],
        [0.0, [[True, row()]]],
        [None, [[0, row()]]],
        [0.0, [[0, row(value=5)]]],
        [0.0, [[0, row(parts=[])]]],
        [0.0, [[0, row(parts=[1])]]],
        [0.0, [[0, row(kind="surprise")]]],
        [0.0, [[0, row(kind=5)]]],
        [0.0, [[0, row(message=5)]]],
        [0.0, [[0, row()[:-1]]]],
        [0.0, [[0, row(ahead=5)]]],
        [0.0, [], 5],
        [0.0, [], [], []],
        [0.0, [], [5]],
        [0.0, [], [[None, 1, 1, "w", [], 0]]],
        [0.0, [], [["0", 1, 1, "w", [], 0, 0]]],
        [0.0, [], [[0, None, 1, "w", [], 0, 0]]],
        [0.0, [], [[0, 1, 1, "w", [5], 0, 0]]],
        [0.0, [], [[0, 1, 1, "w", [[0.0, 20, "", "", "", 0, "", []]], 0, 0]]],
        [0.0, [], [[0, 1, 1, "w", [[0.0, "INFO", "", "", "", 0, "", {}]], 0, 0]]],
        [0.0, [], [[0, 1, 1, "w", [[0.0, 20, "", "", "", None, "", {}]], 0, 0]]],
        [0.0, [[0, row(ahead=[0, *AHEAD_ROW[1:]])]]],
        [0.0, [[0, row(ahead=[True, *AHEAD_ROW[1:]])]]],
        [0.0, [[0, row(ahead=AHEAD_ROW[:3])]]],
        [0.0, [[0, row(ahead=[*AHEAD_ROW[:2], 5, *AHEAD_ROW[3:]])]]],
    ],
    ids=repr,
)
def test_data_of_another_shape_is_refused_as_a_value_error(data: Any):
    with pytest.raises(ValueError):  # noqa: PT011
        decode_envelope(msgpack.packb(data))
