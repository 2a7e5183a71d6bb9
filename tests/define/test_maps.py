"""How a map is written down."""

import pytest

from daskloop.define.annotations import flatten, mapped, unmapped
from daskloop.define.decorator import task
from daskloop.define.parameter import Parameter
from daskloop.errors import MapError
from tests.define.writing import writing


@task
def add(x, y=0, **more):
    return x + y


def mapped_arguments(call):
    return [argument.name for argument in call.arguments if argument.mapped]


def test_m01_every_argument_that_is_not_unmapped_is_mapped():
    with writing() as graph:
        call = graph.call_of(add.map([1], y=unmapped([2]), z=[3], w=Parameter("w")))
    assert mapped_arguments(call) == ["x", "z", "w"]


def test_m01_defaults_are_no_arguments():
    with writing() as graph:
        call = graph.call_of(add.map([1]))
    assert [argument.name for argument in call.arguments] == ["x"]


def test_a_call_with_mapped_is_a_map():
    with writing() as graph:
        assert mapped_arguments(graph.call_of(add([1], [2], mapped=True))) == ["x", "y"]
        assert mapped_arguments(graph.call_of(add.copy().bind([1], mapped=True))) == ["x"]


def test_m02_strict_refuses_known_lengths_that_differ_at_once():
    with writing() as graph:
        xs = Parameter("xs")
        with pytest.raises(MapError, match=r"'add'.*'x' has 3, 'y' has 2"):
            add.map([1, 2, 3], [1, 2], strict=True)
        with pytest.raises(MapError, match="'x' has 2, 'y' has 1"):
            add.map([xs, 1], [1], strict=True)
        assert list(graph.tasks) == [xs]


def test_m02_strict_waits_where_a_length_is_not_known():
    with writing() as graph:
        for call in (
            add.map([1, 2], Parameter("p"), strict=True),
            add.map([1, 2], flatten([[1], [2, 3]]), strict=True),
            add.map([1, 2], unmapped([1]), strict=True),
            add.map([1, 2], "ab", strict=True),
        ):
            assert graph.call_of(call).strict


def test_m02_without_strict_different_lengths_are_left_to_the_run():
    with writing() as graph:
        assert not graph.call_of(add.map([1, 2, 3], [1])).strict


def test_a_parameter_named_strict_is_not_mixed_up_with_the_maps_own():
    @task
    def parse(text, strict=False):
        return text

    with writing() as graph:
        graph.call_of(parse.map(["a"]))
        with pytest.raises(ValueError, match="Rename the parameter"):
            parse.map(["a"], strict=True)


def test_m04_all_arguments_unmapped_make_one_plain_call():
    with writing() as graph:
        assert not graph.call_of(add.map(unmapped([1]), y=unmapped([2]))).is_mapped


def test_m07_upstream_tasks_of_a_map_are_mapped_unless_unmapped():
    with writing() as graph:
        one, two = add([1]), add([2])
        call = graph.call_of(add.map([1], upstream_tasks=[one, unmapped(two)]))
        plain = graph.call_of(add(1, upstream_tasks=[one, mapped(two)]))
    assert [a.mapped for a in call.arguments] == [True, True, False]
    assert [a.mapped for a in plain.arguments] == [False, False, True]
    assert [a.name for a in plain.arguments] == ["x", None, None]


def test_m09_flatten_is_kept_with_the_argument():
    with writing() as graph:
        call = graph.call_of(add.map(flatten([[1], [2]]), y=flatten(unmapped([[1]]))))
        reduce = graph.call_of(add(flatten([[1], [2]])))
    assert [(a.mapped, a.flattened) for a in call.arguments] == [(True, True), (False, True)]
    assert [(a.mapped, a.flattened) for a in reduce.arguments] == [(False, True)]


@pytest.mark.parametrize("given", ["text", 5, [5], [None], [[1, 2]]])
def test_upstream_tasks_that_are_no_tasks_are_refused(given):
    with writing() as graph:
        with pytest.raises(TypeError, match="upstream_tasks"):
            add(1, upstream_tasks=given)
        with pytest.raises(TypeError, match="give a list of tasks"):
            add(1, upstream_tasks=Parameter("p"))
    assert [one.name for one in graph.tasks] == ["p"]
