"""A flow, frozen: order, edges, inputs, and into what results are cut."""

from __future__ import annotations

from typing import Any

import pytest

from daskloop.define.annotations import flatten, unmapped
from daskloop.define.graph import TaskGraph
from daskloop.define.parameter import Parameter
from daskloop.plan.compile import compile_plan
from daskloop.plan.plan import Constant, Cut, Group, Node, Plan, Ref
from tests.run.driven import Plain


def nodes_of(plan: Plan) -> dict[str, Node]:
    """Index a plan by task names."""
    return {node.name: node for node in plan.nodes}


def test_an_empty_flow_compiles():
    assert compile_plan(TaskGraph("f")) == Plan("f", (), ())


def test_every_node_comes_after_those_it_waits_for():
    graph = TaskGraph("f")
    tasks = [Plain(name=f"t{n}") for n in range(30)]
    for task in reversed(tasks):
        graph.add_task(task)
    for n in range(1, 30):
        graph.add_edge(tasks[n // 2], tasks[n])
    plan = compile_plan(graph)
    for node in plan.nodes:
        assert plan.nodes[node.number] is node
        assert all(above < node.number for above in node.upstream)
        assert all(node.number in plan.nodes[above].downstream for above in node.upstream)
        assert all(node.number in plan.nodes[below].upstream for below in node.downstream)


def test_compiling_twice_gives_the_same_plan_and_changes_nothing():
    graph = TaskGraph("f")
    a = Plain(name="a").bind(flow=graph)
    Plain(name="b").bind(a, [a, {"k": a}], flow=graph)
    before = list(graph.sorted_tasks())
    first, second = compile_plan(graph), compile_plan(graph)
    assert [n.slug for n in first.nodes] == [n.slug for n in second.nodes]
    assert [n.edges for n in first.nodes] == [n.edges for n in second.nodes]
    assert list(graph.sorted_tasks()) == before


def test_f06_collections_become_groups():
    graph = TaskGraph("f")
    a = Plain(name="a").bind(flow=graph)
    Plain(name="b").bind([a, 1], {"k": (a,)}, flow=graph)
    plan = compile_plan(graph)
    x, y = nodes_of(plan)["b"].inputs
    assert isinstance(x.source, Group) and x.source.kind == "list"
    assert isinstance(x.source.items[0], Ref) and isinstance(x.source.items[1], Constant)
    assert isinstance(y.source, Group) and y.source.keys == ("k",)
    assert isinstance(y.source.items[0], Group) and y.source.items[0].kind == "tuple"
    assert nodes_of(plan)["b"].upstream == (0,)


@pytest.mark.parametrize(
    ("use", "cuts"),
    [
        (lambda a: {"x": a}, (Cut.ELEMENTS,)),
        (lambda a: {"x": flatten(a)}, (Cut.FLATTENED,)),
        (lambda a: {"x": a, "y": flatten(a)}, (Cut.ELEMENTS, Cut.FLATTENED)),
        (lambda a: {"x": [1], "y": unmapped(a)}, ()),
        (lambda a: {"x": [a, 1]}, ()),
        (lambda a: {"x": flatten([a, [1]])}, (Cut.LOOSE,)),
    ],
)
def test_m11_results_are_cut_as_they_are_mapped_over(use: Any, cuts: tuple[Cut, ...]):
    graph = TaskGraph("f")
    a = Plain(name="a").bind(flow=graph)
    Plain(name="m").map(**use(a), flow=graph)
    assert nodes_of(compile_plan(graph))["a"].cuts == cuts


def test_m05_children_of_a_map_are_cut_only_if_they_are_flattened():
    graph = TaskGraph("f")
    a = Plain(name="a").map([1], flow=graph)
    Plain(name="b").map(a, flow=graph)
    c = Plain(name="c").map([1], flow=graph)
    Plain(name="d").map(flatten(c), flow=graph)
    nodes = nodes_of(compile_plan(graph))
    assert nodes["a"].cuts == () and nodes["c"].cuts == (Cut.LOOSE,)


def test_m04_a_map_with_nothing_to_map_over_is_one_plain_run():
    graph = TaskGraph("f")
    Plain(name="a").map(unmapped([1, 2]), flow=graph)
    assert not nodes_of(compile_plan(graph))["a"].mapped


def test_f03_the_terminal_tasks_are_the_reference_unless_others_are_named():
    graph = TaskGraph("f")
    a = Plain(name="a").bind(flow=graph)
    b = Plain(name="b").bind(a, flow=graph)
    assert compile_plan(graph).reference == (1,)
    graph.set_reference_tasks([a])
    assert compile_plan(graph).reference == (0,)
    assert b is compile_plan(graph).nodes[1].task


def test_parameters_are_known_by_their_name():
    graph = TaskGraph("f")
    p = Parameter("rate")
    Plain(name="a").bind(p, flow=graph)
    assert [node.parameter for node in compile_plan(graph).nodes] == ["rate", None]


def test_f01_a_cycle_is_refused_with_its_names():
    graph = TaskGraph("f")
    a, b = Plain(name="a"), Plain(name="b")
    with pytest.raises(ValueError, match="a -> b -> a|b -> a -> b"):
        graph.chain(a, b, a)
        compile_plan(graph)


def test_a_deep_chain_compiles_without_recursion():
    graph = TaskGraph("f")
    tasks = [Plain(name=f"t{n}") for n in range(5_000)]
    graph.chain(*tasks)
    plan = compile_plan(graph)
    assert [node.task for node in plan.nodes] == tasks
