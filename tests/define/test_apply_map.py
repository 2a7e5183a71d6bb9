"""A function that writes several tasks, mapped: what each of them is mapped over."""

from __future__ import annotations

import pytest

from daskloop import Flow, Parameter, apply_map, flatten, task, unmapped
from daskloop.errors import MapError
from tests.define.writing import writing


@task
def add(x, y=0):
    return x + y


@task
def make():
    return 1


def maps(graph, one):
    """Tell which inputs of a task are mapped, and over what."""
    found = {}
    for argument in graph.call_of(one).arguments:
        source = getattr(argument.expression, "task", None)
        name = source.name if source is not None else "constant"
        found[argument.name] = (name, argument.mapped)
    return found


def test_every_task_of_the_function_becomes_a_map():
    def chain(x, y):
        first = add(x, y)
        return add(first, 1)

    with writing() as graph:
        xs = Parameter("xs")
        last = apply_map(chain, xs, y=unmapped(Parameter("y")))
    (first,) = graph.upstream_tasks(last)
    assert maps(graph, first) == {"x": ("xs", True), "y": ("y", False)}
    assert maps(graph, last) == {"x": ("add", True), "y": ("constant", False)}
    assert [one.name for one in graph.tasks] == ["xs", "y", "add", "add"]


def test_constants_are_mapped_over_as_well():
    with writing() as graph:
        made = apply_map(lambda x: add(x), [1, 2])
    (argument,) = graph.call_of(made).arguments
    assert argument.mapped
    assert argument.expression.value == [1, 2]


def test_a_task_that_takes_nothing_of_an_element_runs_for_each_all_the_same():
    with writing() as graph:
        made = apply_map(lambda x: make(), Parameter("xs"))
    assert maps(graph, made) == {None: ("xs", True)}


def test_tasks_outside_the_function_are_given_whole():
    with writing() as graph:
        outside = make()
        made = apply_map(lambda x: add(x, outside), [1, 2])
    assert maps(graph, made) == {"x": ("constant", True), "y": ("make", False)}
    assert len(graph.tasks) == 2


def test_collections_are_built_for_each_element():
    with writing() as graph:
        made = apply_map(lambda x: add([x, {"k": x}], (1, 2)), Parameter("xs"))
    assert [one.name for one in graph.tasks] == ["xs", "Dict", "List", "add"]
    assert maps(graph, made)["x"] == ("List", True)
    assert maps(graph, made)["y"] == ("constant", False)


def test_what_the_function_returns_may_be_anything_and_its_inputs_come_back_whole():
    with writing():
        xs = Parameter("xs")
        returned = apply_map(lambda x: {"all": [x, add(x)], "none": None}, xs)
    assert returned["all"][0] is xs
    assert returned["all"][1].name == "add"
    assert returned["none"] is None


def test_flattened_inputs_are_flattened_for_all():
    with writing() as graph:
        made = apply_map(lambda x: add(x), flatten(Parameter("nested")))
    (argument,) = graph.call_of(made).arguments
    assert (argument.mapped, argument.flattened) == (True, True)


def test_m04_with_everything_unmapped_the_function_is_called_and_nothing_is_mapped():
    with writing() as graph:
        made = apply_map(lambda x, y: add(x, y), unmapped(make()), unmapped(2))
    assert maps(graph, made) == {"x": ("make", False), "y": ("constant", False)}


def test_a_flow_may_be_given_instead_of_a_block():
    flow = Flow("f")
    made = apply_map(lambda x: add(x), [1, 2], flow=flow)
    assert made in flow.tasks


def test_a_function_that_raises_leaves_nothing_behind():
    def broken(x):
        add(x)
        raise ZeroDivisionError

    with writing() as graph:
        with pytest.raises(ZeroDivisionError):
            apply_map(broken, [1, 2])
        assert not graph.tasks
        add(1)  # and the block goes on
    assert len(graph.tasks) == 1


def test_what_has_no_meaning_for_one_element_is_refused():
    with writing():
        outside = make()
        with pytest.raises(ValueError, match="'add' is mapped inside apply_map"):
            apply_map(lambda x: add.map(x), [[1], [2]])
        with pytest.raises(ValueError, match="'make' stands outside the function"):
            apply_map(lambda x: outside.set_upstream(x), [1, 2])
        with pytest.raises(ValueError, match=r"flatten\(...\) of one element"):
            apply_map(lambda x: add(flatten(x)), [[1], [2]])
        with pytest.raises(MapError, match="'<lambda>' cannot map over its argument 'input-1'"):
            apply_map(lambda x: add(x), 5)
        with pytest.raises(TypeError, match="give a function that calls tasks"):
            apply_map(add, [1, 2])
    with pytest.raises(ValueError, match="outside a flow"):
        apply_map(lambda x: add(x), [1, 2])
