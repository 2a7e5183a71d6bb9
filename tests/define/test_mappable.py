"""What can be mapped over, and what is refused where the flow is written."""

import enum
import itertools
import warnings
from collections import OrderedDict

import dask.array
import dask.bag
import numpy
import pandas
import pytest

from daskloop.define.annotations import flatten, mapped, unmapped
from daskloop.define.decorator import task
from daskloop.define.mappable import why_not_mappable
from daskloop.errors import MapError
from tests.define.writing import writing


@task
def add(x, y=0):
    return x + y


class Endless:
    """Would hang whoever drew all of it."""

    def __iter__(self):
        return itertools.count()


class Colour(enum.Enum):
    """Has a length and members, and no positions."""

    RED = 1


@pytest.mark.parametrize(
    "value",
    [
        [],
        [1, 1, 1],
        (1, 2),
        range(3),
        "abc",
        b"abc",
        bytearray(b"abc"),
        numpy.arange(6).reshape(3, 2),
        pandas.Series([1, 2], index=["a", "b"]),
        pandas.Index([1, 2]),
        [None, {"a": 1}],
    ],
    ids=lambda value: type(value).__name__,
)
def test_m03_what_has_a_length_and_positions_maps(value):
    assert why_not_mappable(value) is None
    with writing() as graph, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*characters", UserWarning)
        assert graph.call_of(add.map(value)).is_mapped


REFUSED = [
    (None, "None"),
    (5, r"\[5\] or range\(5\)"),
    (2.5, r"\[2.5\]"),
    (True, "True"),
    (numpy.int64(5), "number"),
    (numpy.array(5), "array without dimensions"),
    ({"a": 1}, r"list\(x.items\(\)\)"),
    (OrderedDict(a=1), r"an OrderedDict; say"),
    ({}.items(), r"a dict_items, which has no positions; give list\(x\)$"),
    ({}.values(), r"a dict_values, which has no positions; give list\(x\)$"),
    (enumerate([1]), r"an enumerate, whose"),
    (Colour, "the class Colour; give a list"),
    ({1, 2}, r"sorted\(x\)"),
    (frozenset([1]), r"list\(x\)"),
    ((n for n in [1]), r"generator.*list\(x\)"),
    (itertools.count(), r"count.*list\(x\)"),
    (iter([1]), r"list\(x\)"),
    (zip([1], [2], strict=True), r"list\(x\)"),
    (Endless(), "no length"),
    (object(), "no length"),
    (pandas.DataFrame({"a": [1]}), "column"),
    (dask.array.ones(3), "Dask Array; compute it"),
    (dask.bag.from_sequence([1]), "Dask Bag; compute it"),
]


@pytest.mark.parametrize(("value", "says"), REFUSED, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("place", ["position", "keyword", "mapped", "flattened"])
def test_m03_what_has_not_is_refused_by_name_where_the_flow_is_written(value, says, place):
    refused = pytest.raises(MapError, match=rf"'add'.*argument '[xy]': it is .*{says}")
    with writing() as graph, refused:
        if place == "position":
            add.map(value)
        elif place == "keyword":
            add.map([1], y=value)
        elif place == "mapped":
            add(mapped(value))
        else:
            add.map(flatten(value))
    assert not graph.tasks


def test_m03_a_set_or_a_dict_that_holds_tasks_is_refused_too():
    with writing():
        one = add(1)
        with pytest.raises(MapError, match=r"sorted\(x\)"):
            add.map({one})
        with pytest.raises(MapError, match=r"list\(x.values\(\)\)"):
            add.map({"k": one})


def test_m03_nothing_is_drawn_from_a_refused_iterator():
    numbers = itertools.count()
    with writing(), pytest.raises(MapError):
        add.map(numbers)
    assert next(numbers) == 0


def test_m03_what_is_unmapped_may_be_anything():
    with writing() as graph:
        for value, _ in REFUSED:
            graph.call_of(add.map([1], y=unmapped(value)))


def test_m03_one_text_as_the_only_mapped_argument_gets_a_warning():
    with writing():
        with pytest.warns(UserWarning, match=r"characters of 'abc'.*write") as caught:
            add.map("abc")
        add.map("abc", [1, 2, 3])
        add.map("a")
        add.map(["abc"])
    assert caught[0].filename == __file__
