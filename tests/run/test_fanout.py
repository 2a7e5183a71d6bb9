"""How wide a map is and which element is whose; what cannot be mapped over fails that map alone."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from daskloop.define.annotations import flatten, unmapped
from daskloop.define.graph import TaskGraph
from daskloop.define.parameter import Parameter
from daskloop.errors import MapError
from daskloop.states import Failed, Mapped, Skipped, TriggerFailed
from tests.run.driven import Driven, Plain
from tests.run.test_cutting import Broken, Lying


def over(value: Any, **arguments: Any) -> Driven:
    """Start a flow that maps over a parameter's value, beside another task."""
    graph = TaskGraph("f")
    given = Parameter("p")
    graph.add_task(given)
    Plain(name="m").map(given, flow=graph, **arguments)
    Plain(name="beside").bind(flow=graph)
    return Driven(graph, {"p": value}).start()


@pytest.mark.parametrize("value", [5, None, {"a": 1}, {1}, iter([1])])
def test_m03_what_cannot_be_mapped_over_fails_that_map_alone(value: Any):
    run = over(value)
    state = run.state("m")
    assert type(state) is Failed and isinstance(state.result, MapError)
    assert "argument 'x' of 'm'" in state.message
    assert run.flying() == ["beside"]


@pytest.mark.parametrize("value", [Lying(), Broken()])
def test_m03_a_sequence_that_breaks_fails_that_map_and_not_the_run(value: Any):
    run = over(value)
    assert type(run.state("m")) is Failed and isinstance(run.state("m").result, MapError)
    assert run.flying() == ["beside"]


def test_m02_the_shortest_decides_and_it_is_said(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        run = over([1, 2, 3], y=[1, 2])
    assert len(run.child("m").node.children) == 2
    assert "x has 3, y has 2" in caplog.text


def test_m02_strict_makes_it_an_error():
    state = over([1, 2, 3], y=[1, 2], strict=True).state("m")
    assert type(state) is Failed and "strict=True" in state.message


def test_m03_equal_elements_are_separate_children():
    assert over([1, 1, 1]).flying() == ["m[0]", "m[1]", "m[2]", "beside"]


def test_m08_a_failed_upstream_of_a_map_leaves_no_children_whatever_the_trigger():
    graph = TaskGraph("f")
    a = Plain(name="a").bind(flow=graph)
    Plain(name="m", trigger=lambda upstream: True).map(a, flow=graph)
    run = Driven(graph).start()
    run.come("a", kind="failed")
    assert type(run.state("m")) is Failed and not run.child("m").node.children


def test_m08_a_failed_unmapped_upstream_fails_every_child_by_its_trigger():
    graph = TaskGraph("f")
    a = Plain(name="a").bind(flow=graph)
    Plain(name="m").map([1, 2], unmapped(a), flow=graph)
    run = Driven(graph).start()
    run.come("a", kind="failed")
    state = run.state("m")
    assert isinstance(state, Mapped) and [type(s) for s in state.map_states] == [TriggerFailed] * 2


@pytest.mark.parametrize("wrap", [unmapped, lambda x: flatten(unmapped(x))])
def test_m08_a_skipped_child_of_an_unmapped_map_skips_the_whole(wrap: Any):
    graph = TaskGraph("f")
    above = Plain(name="m").map([1, 2], flow=graph)
    Plain(name="n").map([1, 2, 3], wrap(above), flow=graph)
    run = Driven(graph).start()
    run.come("m", 0)
    run.come("m", 1, "skipped")
    assert type(run.state("n")) is Skipped


def test_m07_upstream_tasks_of_a_map_are_mapped_over_too():
    graph = TaskGraph("f")
    above = Plain(name="m").map([1, 2, 3], flow=graph)
    Plain(name="n").map([1, 2], upstream_tasks=[above], flow=graph)
    run = Driven(graph).start()
    run.come("m", 1)
    assert run.flying() == ["m[0]", "m[2]", "n[1]"]
