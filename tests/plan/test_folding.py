"""Which tasks need no future of their own, as far as the flow tells."""

from __future__ import annotations

import pytest

from daskloop import triggers
from daskloop.define.annotations import flatten, unmapped
from daskloop.define.control_flow import merge
from daskloop.define.graph import TaskGraph
from daskloop.define.operators import Operators
from daskloop.plan.compile import compile_plan
from tests.run.driven import Plain


def take(graph, value, **options):
    return Plain(name="taker", **options).bind(value, flow=graph)


def expression(graph, **options) -> Operators:
    made = Plain(name="maker", **options).bind(flow=graph)
    return made + 1


def folded(graph: TaskGraph) -> list[str]:
    return [node.name for node in compile_plan(graph).nodes if node.folds]


CASES = {
    "taken": (lambda graph, x: take(graph, x), True),
    "taken within a collection": (lambda graph, x: take(graph, [{"k": x}]), True),
    "taken by two": (lambda graph, x: [take(graph, x), take(graph, x)], True),
    "taken flattened": (lambda graph, x: take(graph, flatten(x)), True),
    "taken when not all are skipped": (
        lambda graph, x: take(graph, x, trigger=triggers.not_all_skipped),
        True,
    ),
    "taken by another operator": (lambda graph, x: take(graph, x * 2), True),
    "not taken at all": (lambda graph, x: None, False),
    "only waited for": (
        lambda graph, x: Plain(name="w").bind(upstream_tasks=[x], flow=graph),
        False,
    ),
    "mapped over": (
        lambda graph, x: Plain(name="m").bind(x, mapped=True, flow=graph),
        False,
    ),
    "taken by each child": (
        lambda graph, x: Plain(name="m").bind([1, 2], unmapped(x), mapped=True, flow=graph),
        False,
    ),
    "failure wanted": (lambda graph, x: take(graph, x, trigger=triggers.any_failed), False),
    "trigger of the user's": (lambda graph, x: take(graph, x, trigger=lambda up: True), False),
    "decides the flow": (
        lambda graph, x: [take(graph, x), graph.set_reference_tasks([x])],
        False,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_is_folded_where_nothing_is_lost_by_it(name):
    write, wanted = CASES[name]
    graph = TaskGraph("f")
    write(graph, expression(graph))
    assert ("Add" in folded(graph)) is wanted


def test_an_operator_with_options_of_its_own_is_not_folded():
    for options in (
        {"max_retries": 1},
        {"trigger": triggers.all_finished},
        {"skip_on_upstream_skip": False},
        {"on_completion": lambda task, state: None},
        {"timeout": 1},
        {"batch": "auto"},
    ):
        graph = TaskGraph("f")
        made = expression(graph).copy(**options).bind(1, 2, flow=graph)
        take(graph, made)
        assert folded(graph) == [], options
    graph = TaskGraph("f")
    take(graph, (expression(graph).copy(name="sum", tags={"t"})).bind(1, 2, flow=graph))
    assert folded(graph) == ["sum"]


def test_a_merge_is_folded_unless_it_is_mapped_or_mapped_over():
    graph = TaskGraph("f")
    a, b = Plain(name="a").bind(flow=graph), Plain(name="b").bind(flow=graph)
    merge(a, b, flow=graph)
    merge(a, 5, flow=graph)
    merge(a, b, flow=graph, name="over", max_retries=1)
    spread = merge(a, b, flow=graph, name="spread")
    Plain(name="m").bind(spread, mapped=True, flow=graph)
    merge(a, b, mapped=True, flow=graph, name="mapped")
    assert folded(graph) == ["Merge", "Merge"]
