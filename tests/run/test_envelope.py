"""Envelopes come back as they went, and what is no envelope is refused as a ValueError."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daskloop.record.sealed import ErrorText, Sealed
from daskloop.run.envelope import Entry, decode_envelope, encode_envelope

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
    st.floats(allow_nan=False),
    st.floats(allow_nan=False),
)


@given(st.lists(ENTRIES, max_size=4))
@settings(deadline=None)
def test_entries_come_back_as_they_went(entries: list[Entry]):
    assert decode_envelope(encode_envelope(entries)) == tuple(entries)


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_bytes_of_something_else_are_refused(data: bytes):
    try:
        entries = decode_envelope(data)
    except ValueError:
        return
    assert all(isinstance(entry, Entry) for entry in entries)


@pytest.mark.parametrize(
    "data",
    [
        5,
        None,
        "text",
        [1, 2],
        [["success"]],
        {"a": 1},
        [["success", None, 5, None, True, None, {}, "", 0.0, 0.0]],
        [["success", None, None, None, True, None, [], "", 0.0, 0.0]],
        [["surprise", None, None, None, True, None, {}, "", 0.0, 0.0]],
        [[5, None, None, None, True, None, {}, "", 0.0, 0.0]],
    ],
    ids=repr,
)
def test_data_of_another_shape_is_refused_as_a_value_error(data: Any):
    with pytest.raises(ValueError):  # noqa: PT011
        decode_envelope(msgpack.packb(data))
