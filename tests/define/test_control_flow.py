"""Branches as they are written: which task waits for which condition, and what is refused."""

from __future__ import annotations

import pytest

from daskloop import Flow, Parameter, case, task
from daskloop.define.control_flow import CompareValue, Merge
from daskloop.signals import SKIP
from daskloop.tasks.control_flow import FilterTask, ifelse, merge, switch
from daskloop.triggers import all_finished
from tests.define.writing import writing


@task
def say(word, again=None):
    return word


def above(graph, one):
    return [upstream.name for upstream in graph.upstream_tasks(one)]


def test_tasks_that_wait_for_nothing_in_the_block_wait_for_the_condition():
    with writing() as graph:
        outside = say("outside")
        with case(say("condition"), "a"):
            first = say(outside)
            second = say(first)
            item = outside["k"]
        after = say(second)
    assert above(graph, first) == ["say", "case('a')"]
    assert above(graph, item) == ["say", "case('a')"]
    assert above(graph, second) == ["say"]
    assert above(graph, after) == ["say"]


def test_a_case_within_a_case_waits_for_it():
    with writing() as graph, case(say("outer"), 1):
        one = say("one")
        with case(say("inner"), 2):
            two = say("two")
    (inner,) = graph.upstream_tasks(two)
    assert inner.name == "case(2)"
    # The condition of the inner one was written in the outer block.
    (condition,) = graph.upstream_tasks(inner)
    assert above(graph, condition) == ["case(1)"]
    assert above(graph, one) == ["case(1)"]


def test_an_inner_case_on_an_outer_condition_waits_for_the_outer_case():
    with writing() as graph:
        condition = say("condition")
        with case(condition, 1), case(condition, 2):
            two = say("two")
    (inner,) = graph.upstream_tasks(two)
    assert sorted(above(graph, inner)) == ["case(1)", "say"]


def test_parameters_and_other_flows_are_no_part_of_the_branch():
    with writing() as graph, case(say("condition"), 1):
        number = Parameter("number")
        with Flow("another") as another:
            elsewhere = say("elsewhere")
    assert not graph.upstream_tasks(number)
    assert not another.upstream_tasks(elsewhere)


def test_a_block_without_tasks_or_with_an_error_adds_nothing():
    with writing() as graph:
        condition = say("condition")
        with case(condition, 1):
            pass
        with pytest.raises(ZeroDivisionError), case(condition, 1):
            say("lost")
            raise ZeroDivisionError
    assert [one.name for one in graph.tasks] == ["say", "say"]


def test_values_are_compared_and_with_true_and_false_the_truth_is():
    assert CompareValue("a").run("a") is None
    assert CompareValue(True, as_truth=True).run([1]) is None
    assert CompareValue(False, as_truth=True).run([]) is None
    for compare, value in ((CompareValue("a"), "b"), (CompareValue(True, as_truth=True), 0)):
        with pytest.raises(SKIP, match="The condition gave"):
            compare.run(value)
    with writing() as graph:
        with case(say(1), True):
            say("a")
        with case(say(1), 1):
            say("b")
    found = [one.as_truth for one in graph.tasks if isinstance(one, CompareValue)]
    assert found == [True, False]


def test_a_case_that_cannot_mean_anything_is_refused_where_it_is_written():
    with pytest.raises(ValueError, match=r"case\(.* stands outside a flow"), case(say, 1):
        pass
    with writing():
        one, two = say(1), say(2)
        with pytest.raises(TypeError, match=r"a\.is_equal\(b\)"):
            case(one == two, True)
        with pytest.raises(TypeError, match=r"is_equal"):
            case(one, two)
        mapped = say.map([1, 2])
        with pytest.raises(TypeError, match="'say' is mapped.*apply_map"), case(mapped, True):
            pass
        say("still written here")
        branch = case(one, 1)
        with branch, pytest.raises(RuntimeError, match="under way already"):
            branch.__enter__()


def test_switch_adds_a_condition_for_each_case():
    with writing() as graph:
        a, b = say("a"), say("b")
        switch(say("key"), {"a": a, "b": b})
    assert above(graph, a) == ["switch('a')"]
    assert above(graph, b) == ["switch('b')"]


def test_switch_and_ifelse_over_maps_decide_by_element():
    with writing() as graph:
        a, b, keys = say.map([1, 2]), say.map([3, 4]), say.map(["a", "b"])
        switch(keys, {"a": a}, mapped=True)
        ifelse(keys, a, b, mapped=True)
    for one in (a, b):
        order = [argument for argument in graph.call_of(one).arguments if argument.name is None]
        assert order
        assert all(argument.mapped for argument in order)


def test_ifelse_may_leave_one_branch_out():
    with writing() as graph:
        yes, no = say("yes"), say("no")
        ifelse(say("if"), yes, None)
        ifelse(say("if"), None, no)
    assert above(graph, yes) == ["ifelse(True)"]
    assert above(graph, no) == ["ifelse(False)"]


def test_what_has_no_branches_is_refused():
    with writing():
        one = say(1)
        for cases in ({}, None, [one]):
            with pytest.raises(ValueError, match=r"switch\(.*has no cases"):
                switch(one, cases)
        with pytest.raises(TypeError, match=r"a branch is a task of the flow, got 5"):
            switch(one, {1: 5})
        with pytest.raises(TypeError, match="a branch is a task"):
            ifelse(one, 5, None)
        with pytest.raises(TypeError, match="is no task"):
            switch(True, {1: one})
        with pytest.raises(ValueError, match="has no branch"):
            ifelse(one, None, None)
        with pytest.raises(ValueError, match=r"merge\(\) of nothing"):
            merge()
        with pytest.raises(ValueError, match="would be skipped whenever a branch is"):
            merge(one, skip_on_upstream_skip=True)
    for act in (lambda: switch(say, {1: say}), lambda: ifelse(say, say, None), lambda: merge(say)):
        with pytest.raises(ValueError, match="stands outside a flow"):
            act()


def test_merge_takes_the_first_that_is_there_in_the_order_of_writing():
    many = {f"task_{number}": None for number in range(1, 12)}
    assert Merge().run(**{**many, "task_11": "late", "task_2": "early"}) == "early"
    assert Merge().run(**{**many, "task_3": SKIP("no"), "task_10": 0}) == 0
    assert Merge().run(**many) is None


def test_merge_takes_options_and_a_flow():
    flow = Flow("f")
    one = say("a", flow=flow)
    joined = merge(one, flow=flow, name="joined", trigger=all_finished, max_retries=2)
    assert joined.name == "joined"
    assert (joined.trigger, joined.skip_on_upstream_skip) == (all_finished, False)
    assert merge(one, flow=flow) is not joined


def test_filter_keeps_what_is_good_unless_told_otherwise():
    mixed = [0, None, "", ValueError("bad"), SKIP("skipped"), [1]]
    assert FilterTask().run(mixed) == [0, "", [1]]
    assert FilterTask(filter_func=lambda x: isinstance(x, ValueError)).run(mixed) == mixed[3:4]
    with pytest.raises(TypeError, match="takes the list of a map's results"):
        FilterTask().run(ValueError("no list"))
    for option in ("filter_func", "log_func"):
        with pytest.raises(TypeError, match=rf"FilterTask {option}=5"):
            FilterTask(**{option: 5})
