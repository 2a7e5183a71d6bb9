"""Iterations packed into one record, and unfolded; whatever is damaged is refused."""

from __future__ import annotations

import random
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daskloop.keys import Place
from daskloop.record import rows
from daskloop.record.entries import Recorded
from daskloop.record.sealed import Sealed
from daskloop.record.stretch import Turn, length, pack_turns, unfolded

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)  # surrogates included
SEALED = st.builds(
    Sealed,
    st.none() | st.binary(max_size=20),
    st.none() | st.just("0" * 32 + "-tag"),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    TEXTS,
)
TIMES = st.floats(allow_nan=False)
TURNS = st.lists(st.builds(Turn, st.integers(1, 2**40), TEXTS, SEALED, TIMES, TIMES), max_size=8)
PAYLOAD = Sealed(b"last", None, 0, 4, "last")


def record(iteration: int, stretch: bytes) -> Recorded:
    """Make the record of the last iteration of a stretch."""
    address = (Place("fib-1", 3, iteration),)
    return Recorded(
        *(address, 1, 2, "Looped", "the last", PAYLOAD),
        worker="tcp://w:1",
        at=7.0,
        stretch=stretch,
    )


@given(TURNS, st.integers(0, 10**6))
@settings(deadline=None)
def test_b2_a_stretch_unfolds_into_one_record_for_each_iteration(turns: list[Turn], before: int):
    last = record(before + len(turns) + 1, pack_turns(turns))
    assert length(last) == len(turns) + 1
    *told, end = unfolded(last)
    assert end == record(before + len(turns) + 1, b"")
    assert [one.address[-1] for one in told] == [
        Place("fib-1", 3, before + n) for n in range(1, len(turns) + 1)
    ]
    for one, turn in zip(told, turns, strict=True):
        assert Turn(one.run_count, one.message, one.value, one.started, one.ended) == turn
        assert (one.state, one.submission, one.worker, one.at) == ("Looped", 2, "tcp://w:1", 7.0)
        assert not one.stretch


@given(TURNS)
@settings(deadline=None)
def test_b2_a_stretch_passes_through_the_row_of_its_record(turns: list[Turn]):
    one = record(len(turns) + 1, pack_turns(turns))
    assert rows.record_of(rows.record_row(1, 1, one)) == one


PACKED = pack_turns([Turn(1, f"at {n}", PAYLOAD, 1.0, 2.0) for n in range(5)])


def opened(stretch: bytes) -> None:
    """Unfold whatever it is; only what callers expect may come of it."""
    try:
        list(unfolded(record(100, stretch)))
    except (ValueError, TypeError):
        return


@given(st.binary(min_size=1, max_size=60))
@settings(deadline=None)
def test_b2_bytes_of_something_else_are_refused_as_such(stretch: bytes):
    opened(stretch)


@pytest.mark.parametrize("seed", range(20))
def test_b2_damaged_bytes_are_refused_as_such(seed: int):
    draw = random.Random(seed)
    for _ in range(200):
        damaged = bytearray(PACKED)
        for _ in range(draw.randint(1, 4)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        opened(bytes(damaged[: draw.randint(1, len(damaged))]))


WIRE = [b"x", None, 0, 1, "x"]


@pytest.mark.parametrize(
    "data",
    [
        5,
        None,
        "text",
        {"a": 1},
        [5],
        [None],
        [[1, "m", WIRE, 1.0]],
        [[1, "m", WIRE, 1.0, 2.0, 3.0]],
        [["1", "m", WIRE, 1.0, 2.0]],
        [[1, 5, WIRE, 1.0, 2.0]],
        [[1, "m", 5, 1.0, 2.0]],
        [[1, "m", None, 1.0, 2.0]],
        [[1, "m", [*WIRE, 1], 1.0, 2.0]],
        [[1, "m", WIRE, None, 2.0]],
        [[1, "m", WIRE, 1.0, "2"]],
    ],
    ids=repr,
)
def test_b2_data_of_another_shape_is_refused(data: Any):
    with pytest.raises((ValueError, TypeError)):
        list(unfolded(record(100, msgpack.packb(data))))
