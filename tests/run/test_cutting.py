"""What can be cut into elements, what cannot, and what flattening does."""

from __future__ import annotations

from collections import deque, namedtuple
from typing import Any

import numpy as np
import pandas as pd
import pytest

from daskloop.errors import MapError
from daskloop.run.cutting import elements, flattened, pieces

Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ([1, 1, 1], [1, 1, 1]),
        ((1, [2]), [1, [2]]),
        (range(3), [0, 1, 2]),
        ("añ🎈", ["a", "ñ", "🎈"]),
        (b"ab", [97, 98]),
        (bytearray(b"a"), [97]),
        (deque([1, 2]), [1, 2]),
        (Point(1, 2), [1, 2]),
        ([], []),
        ("", []),
        (memoryview(b"ab"), [97, 98]),
    ],
)
def test_m03_what_has_a_length_and_positions_is_cut(value: Any, wanted: list[Any]):
    assert list(elements(value, "x")) == wanted


def test_m03_arrays_are_cut_by_rows_and_series_by_values():
    rows = elements(np.arange(4).reshape(2, 2), "x")
    assert [row.tolist() for row in rows] == [[0, 1], [2, 3]]
    series = pd.Series([10, 20], index=[1, 0])
    assert list(elements(series, "x")) == [10, 20]


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ({"a": 1}, "items"),
        ({1}, "sorted"),
        (frozenset({1}), "sorted"),
        (iter([1]), "list"),
        ((n for n in ()), "list"),
        (5, "range"),
        (2.5, "sequence"),
        (None, "unmapped"),
        (np.float64(1), "sequence"),
        (np.array(5), "sequence"),
        (object(), "list"),
        (pd.DataFrame({"a": [1]}), "column"),
    ],
)
def test_m03_what_cannot_be_cut_is_refused_with_what_to_write(value: Any, advice: str):
    with pytest.raises(MapError, match="argument 'x'") as caught:
        elements(value, "argument 'x' of 'f'")
    assert advice in str(caught.value)


class Lying:
    """Says that it is longer than it is."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> int:
        return [1, 2][index]


class Broken:
    """Cannot say how long it is."""

    def __len__(self) -> int:
        raise ZeroDivisionError("no length today")

    def __getitem__(self, index: int) -> int:
        return 1


@pytest.mark.parametrize("value", [Lying(), Broken()])
def test_m03_a_sequence_that_breaks_while_it_is_cut_is_refused_as_a_map_error(value: Any):
    with pytest.raises(MapError, match="argument 'x'"):
        elements(value, "argument 'x' of 'f'")


def test_m09_one_level_is_un_nested():
    assert flattened([[1, [2]], (3,), [], 4, None, "ab", {"k": 1}], "x") == [
        1,
        [2],
        3,
        4,
        None,
        "ab",
        {"k": 1},
    ]
    assert flattened("ab", "x") == ["a", "b"]
    assert flattened([], "x") == []
    error = ValueError("a failed child")
    assert flattened([[1], error], "x") == [1, error]


def test_m09_sets_and_iterators_inside_are_un_nested():
    assert flattened([{1}, iter([2, 3])], "x") == [1, 2, 3]
    assert list(pieces(np.arange(2), "x")) == [0, 1]


@pytest.mark.parametrize("value", [5, None, {1: 2}])
def test_m09_what_is_flattened_must_be_a_sequence_itself(value: Any):
    with pytest.raises(MapError):
        flattened(value, "x")
