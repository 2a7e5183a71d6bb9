"""Tasks are found in collections, and nothing else is touched."""

from collections import OrderedDict, namedtuple

import numpy
import pytest

from daskloop.define.expression import Collection, Constant, Output, express, outputs
from daskloop.define.task import Task

Point = namedtuple("Point", "x y")
a, b = Task(name="a"), Task(name="b")


@pytest.mark.parametrize(
    "value",
    [None, 5, "text", [1, [2]], {"k": [1]}, Point(1, 2), OrderedDict(k=1), numpy.arange(3), int],
    ids=repr,
)
def test_what_holds_no_task_is_one_constant(value):
    expression = express(value)
    assert isinstance(expression, Constant)
    assert expression.value is value


def test_constants_of_any_depth_and_shape_are_taken():
    deep = []
    for _ in range(5_000):
        deep = [deep]
    assert isinstance(express(deep), Constant)
    loop = []
    loop.append(loop)
    assert isinstance(express(loop), Constant)


@pytest.mark.parametrize(
    ("value", "kind"),
    [([a, 1], "list"), ((a, 1), "tuple"), ({a}, "set"), (frozenset([a]), "set")],
)
def test_f06_collections_that_hold_tasks_are_taken_apart(value, kind):
    expression = express(value)
    assert isinstance(expression, Collection)
    assert expression.kind == kind
    assert expression.keys is None
    assert outputs(expression) == (a,)


def test_f06_dicts_keep_their_keys_and_order():
    expression = express({"one": a, 2: [b, a], "c": 3})
    assert isinstance(expression, Collection)
    assert expression.keys == ("one", 2, "c")
    assert expression.items[0] == Output(a)
    assert outputs(expression) == (a, b)


def test_a_task_as_key_is_refused():
    with pytest.raises(TypeError, match="key"):
        express({a: 1})
    with pytest.raises(TypeError, match="key"):
        express([{("x", a): 1}])


@pytest.mark.parametrize("value", [Point(a, 1), OrderedDict(k=a)])
def test_a_subclass_that_holds_a_task_is_refused_by_name(value):
    with pytest.raises(TypeError, match=f"A {type(value).__name__} holds a task"):
        express([value])


def test_a_collection_that_holds_a_task_and_itself_is_refused():
    loop = [a]
    loop.append(loop)
    with pytest.raises(ValueError, match="itself"):
        express(loop)
