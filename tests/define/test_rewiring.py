"""Flows that are copied, joined, and get other tasks."""

from __future__ import annotations

import pytest

from daskloop.define.decorator import task
from daskloop.define.edge import Edge
from daskloop.define.graph import TaskGraph
from daskloop.define.parameter import Parameter
from daskloop.define.scope import tags
from daskloop.define.task import Task
from tests.define.writing import writing


@task
def one(x):
    return x


@task
def two(x, y=0):
    return x + y


def pair(name="f", parameter="p", slug=None):
    with writing(name) as graph:
        p = Parameter(parameter)
        a = one.map(p, task_args={"slug": slug})
        b = two([a, p], y=a)
        graph.set_reference_tasks([a])
    return graph, p, a, b


def calls(graph):
    return {slug: repr(graph.call_of(task)) for task, slug in graph.slugs.items()}


def test_f15_a_copy_is_joined_as_the_original_is():
    graph, p, a, _ = pair(slug="mine")
    new = graph.copy()
    assert calls(new) == calls(graph)
    assert new.name == graph.name
    assert list(new.slugs.values()) == list(graph.slugs.values())
    assert set(new.tasks) & set(graph.tasks) == {p}
    (copied,) = new.get_tasks(slug=graph.slugs[a])
    assert list(new.reference_tasks()) == [copied]


def test_f15_a_copy_and_its_original_grow_apart():
    graph, *_ = pair()
    new = graph.copy()
    before = calls(graph)
    new.add_task(Task(name="more"))
    new.set_reference_tasks([])
    assert calls(graph) == before and len(new.tasks) == len(graph.tasks) + 1
    assert graph.reference_tasks() != new.reference_tasks()


def test_f15_a_copy_has_the_tags_of_its_original_alone():
    with writing() as graph:
        made = one(1, task_args={"tags": ["a"]})
    with tags("around"):
        (copied,) = graph.copy().tasks
    assert copied.tags == made.tags == {"a"}
    copied.tags.add("b")
    assert made.tags == {"a"}


def test_f16_update_adds_copies_and_leaves_the_other_flow_as_it_is():
    graph, *_ = pair("f", "p")
    other, q, a, b = pair("g", "q")
    before, apart = calls(other), calls(graph)
    made = graph.update(other)
    assert calls(other) == before
    assert made[q] is q and made[a] is not a
    assert graph.upstream_tasks(made[b]) == {made[a], q}
    assert apart.items() <= calls(graph).items()
    assert len(graph.tasks) == 6


def test_f16_a_flow_may_be_added_to_itself():
    graph, _, a, b = pair()
    made = graph.update(graph)
    assert len(graph.tasks) == 5
    assert graph.upstream_tasks(made[b]) == {made[a], *graph.parameters()}
    assert graph.edges_to(b) != graph.edges_to(made[b])


def test_f16_parameters_of_one_name_are_merged_only_if_asked():
    graph, p, *_ = pair()
    other, q, a, _ = pair("g")
    before = calls(graph)
    with pytest.raises(ValueError, match="both have a Parameter 'p'.*merge_parameters=True"):
        graph.update(other)
    assert calls(graph) == before
    made = graph.update(other, merge_parameters=True)
    assert made[q] is p and p in graph.upstream_tasks(made[a])
    assert list(graph.parameters()) == [p]


def test_f16_a_slug_that_both_have_is_refused_before_anything_changes():
    graph, *_ = pair("f", "p", slug="mine")
    other, *_ = pair("g", "q", slug="mine")
    before = calls(graph)
    with pytest.raises(ValueError, match="Flows 'f' and 'g' both have a task with the slug 'mine'"):
        graph.update(other)
    assert calls(graph) == before
    with pytest.raises(TypeError, match="can be updated with a flow, got 5"):
        graph.update(5)


def test_f17_a_task_takes_the_place_of_another():
    graph, p, a, b = pair()
    new = one.copy(name="new")
    graph.replace(a, new)
    assert list(graph.tasks) == [p, new, b]
    assert graph.edges() == {
        Edge(p, new, "x", mapped=True),
        Edge(new, b, "x"),
        Edge(new, b, "y"),
        Edge(p, b, "x"),
    }
    assert list(graph.reference_tasks()) == [new]
    assert graph.slugs[new] == "new-1"
    assert graph.downstream_tasks(p) == {new, b}
    assert TaskGraph("another").add_task(a) is a  # it is free now


def test_f17_a_parameter_is_exchanged():
    graph, p, *_ = pair()
    graph.replace(p, Parameter("p", default=1))
    (new,) = graph.parameters()
    assert new is not p and new.default == 1
    graph.replace(new, Task(name="made"))
    assert not graph.parameters()
    graph.validate()


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (
            lambda graph: Task(name="none"),
            "'none' cannot take the place of 'one': it does not take",
        ),
        (lambda graph: task(lambda x, z: x, name="more"), "'more'.*needs 'z' as well"),
        (lambda graph: Parameter("q"), "Parameter 'q' cannot take the place of 'one'"),
        (lambda graph: list(graph.tasks)[-1], "is in flow 'f' already"),
        (lambda graph: list(pair("g", "q")[0].tasks)[1], "is bound in flow 'g'"),
        (lambda graph: one.copy(slug="taken"), "has a task with the slug 'taken' already"),
    ],
)
def test_f17_what_does_not_fit_is_refused_and_nothing_changes(new, says):
    graph, _, a, _ = pair()
    graph.add_task(Task(name="beside", slug="taken"))
    before = calls(graph)
    with pytest.raises(ValueError, match=says):
        graph.replace(a, new(graph))
    assert calls(graph) == before


def test_f17_the_old_task_has_to_be_there():
    graph, *_ = pair()
    with pytest.raises(ValueError, match="is not in flow 'f'"):
        graph.replace(one, two)
    with pytest.raises(TypeError, match="takes tasks, got 'x'"):
        graph.replace(graph.sorted_tasks()[0], "x")


def test_edges_are_found_by_either_end():
    graph, p, a, b = pair()
    assert graph.edges_to(a) == {Edge(p, a, "x", mapped=True)}
    assert graph.edges_from(p) == {Edge(p, a, "x", mapped=True), Edge(p, b, "x")}
    with pytest.raises(ValueError, match="is not in flow"):
        graph.edges_to(one)
