"""Branches of a flow: one is taken, the others are skipped, and they are joined again."""

from __future__ import annotations

import logging

import pytest

from daskloop import Flow, Parameter, apply_map, case, task, unmapped
from daskloop.engine.signals import SKIP
from daskloop.engine.state import Failed, Mapped, Skipped, Success, TriggerFailed
from daskloop.tasks.control_flow import FilterTask, ifelse, merge, switch


@task
def same(x=None, *, after=None):
    return x


@task
def double(x):
    return 2 * x


@task
def inverse(x):
    return 1 / x


@task
def total(xs):
    return sum(xs)


def kinds(state, *tasks):
    return [type(state.result[one]) for one in tasks]


def test_c107_the_branch_not_taken_is_skipped_and_merge_gives_the_one_that_was(executor):
    with Flow("branches") as flow:
        number = Parameter("number")
        with case(number > 3, True):
            large = double(number)
            larger = double(large)
        with case(number > 3, False):
            small = same("small")
        merged = merge(larger, small)
        after = same(merged)
    state = flow.run(number=5, executor=executor)
    assert state.is_successful()
    assert kinds(state, large, larger, small, merged) == [Success, Success, Skipped, Success]
    assert [state.result[one].result for one in (merged, after)] == [20, 20]
    state = flow.run(number=1, executor=executor)
    assert state.is_successful()
    assert kinds(state, large, larger, small) == [Skipped, Skipped, Success]
    assert [state.result[one].result for one in (merged, after)] == ["small", "small"]


def test_a_case_in_a_case_runs_only_if_both_are_met(executor):
    with Flow("nested") as flow:
        x, y = Parameter("x"), Parameter("y")
        with case(x, "a"):
            outer = same("outer")
            with case(y, "b"):
                inner = same("inner")
        merged = merge(inner, outer)
    found = []
    for values in (("a", "b"), ("a", "c"), ("c", "b")):
        state = flow.run(x=values[0], y=values[1], executor=executor)
        found.append((*kinds(state, outer, inner, merged), state.result[merged].message))
    assert found == [
        (Success, Success, Success, "The branch that was taken."),
        (Success, Skipped, Success, "The branch that was taken."),
        (Skipped, Skipped, Skipped, "all of the upstream tasks were skipped"),
    ]


def test_switch_and_ifelse_take_one_of_several(executor):
    with Flow("switch") as flow:
        key = Parameter("key")
        a, b, yes, no = same("a"), same("b"), same("yes"), same("no")
        switch(key, {"a": a, "b": b})
        ifelse(key.is_equal("a"), yes, no)
        merged = merge(a, b, flow=flow)
    state = flow.run(key="b", executor=executor)
    assert state.result[merged].result == "b"
    assert kinds(state, a, b, yes, no) == [Skipped, Success, Skipped, Success]


def test_a_function_of_several_tasks_is_mapped_with_its_branches(executor):
    def halve_or_more(x, more):
        with case(x % 2, 0):
            half = same(x // 2)
        with case(x % 2, 1):
            odd = same([3 * x, more])
            added = total(odd)
        return merge(half, added), same(x)

    with Flow("collatz") as flow:
        numbers = Parameter("numbers")
        following, before = apply_map(halve_or_more, numbers, unmapped(1))
        summed = total(following)
    state = flow.run(numbers=[6, 7, 8], executor=executor)
    assert state.result[following].result == [3, 22, 4]
    assert state.result[before].result == [6, 7, 8]
    assert state.result[summed].result == 29
    assert state.is_successful()
    state = flow.run(numbers=[], executor=executor)
    assert state.result[following].result == []


def test_a_reduce_over_a_map_with_failures_takes_what_is_left(executor, caplog):
    with Flow("filter") as flow:
        filtered = FilterTask(name="good", log_func=lambda bad: f"left out {bad!r}")(
            inverse.map([1, 0, 4])
        )
        summed = total(filtered)
        kept = FilterTask(filter_func=lambda x: isinstance(x, float) and x < 1)(
            inverse.map([1, 0, 4])
        )
        flow.set_reference_tasks([summed, kept])
    state = flow.run(executor=executor)
    assert state.result[summed].result == 1.25
    assert state.result[kept].result == [0.25]
    assert state.is_successful()


# What is decided in the driver, whatever executes


def test_what_is_left_out_by_a_filter_is_logged(caplog):
    with Flow("filter") as flow:
        FilterTask(name="good", log_func=lambda bad: f"left out {bad!r}")(inverse.map([1, 0]))
    with caplog.at_level(logging.INFO, logger="daskloop.task.good"):
        flow.run(executor="inline")
    assert "left out ZeroDivisionError('division by zero')" in caplog.text


def test_a_merge_passes_none_on_and_costs_no_attempt():
    with Flow("none") as flow:
        with case(same(1), 1):
            first = same(None)
        second = same(2)
        merged = merge(first, second)
    state = flow.run(executor="inline")
    assert state.result[merged].result is None
    assert state.result[merged].message == "The branch that was taken."


def test_a_merge_passes_over_what_skipped_itself():
    @task
    def skips():
        raise SKIP("not today")

    with Flow("skips") as flow:
        merged = merge(skips(), same(2))
        mapped = merge(skips.map(upstream_tasks=[same.map([1])]), same.map([3]), mapped=True)
    state = flow.run(executor="inline")
    assert state.result[merged].result == 2
    assert state.result[mapped].result == [3]


def test_a_merge_of_skipped_branches_is_skipped_and_of_a_failed_one_fails():
    with Flow("edges") as flow:
        with case(same(1), 2):
            never = same("never")
            other = same("other")
        skipped = merge(never, other)
        failed = merge(never, inverse(0))
        first = merge(5, never)
    state = flow.run(executor="inline")
    assert kinds(state, skipped, failed) == [Skipped, TriggerFailed]
    assert state.result[first].result == 5


def test_a_merge_is_mapped_over_and_taken_apart_like_any_result():
    with Flow("mapped") as flow:
        with case(same(1), 1):
            numbers = same([1, 2])
        with case(same(1), 2):
            others = same([3])
        merged = merge(numbers, others)
        doubled = double.map(merged)
        joined = merge(doubled, numbers)
        item = same(joined[1])
    state = flow.run(executor="inline")
    assert state.result[doubled].result == [2, 4]
    assert state.result[joined].result == [2, 4]
    assert state.result[item].result == 4


def test_a_condition_that_fails_fails_what_waits_for_it():
    with Flow("broken") as flow:
        with case(inverse(0) > 1, True):
            never = same("never")
        with case(same({})["key"], True):
            neither = same("neither")
    state = flow.run(executor="inline")
    assert kinds(state, never, neither) == [TriggerFailed, TriggerFailed]
    assert state.is_failed()


def test_m13_a_mapped_function_within_a_branch_is_skipped_as_a_whole():
    def branches(x):
        with case(x, 1):
            one = same("one")
        with case(x, 2):
            two = same("two")
        return merge(one, two)

    with Flow("whole") as flow, case(Parameter("on"), True):
        mapped = apply_map(branches, [1, 2])
    assert flow.run(on=1, executor="inline").result[mapped].result == ["one", "two"]
    state = flow.run(on=0, executor="inline")
    assert kinds(state, mapped) == [Skipped]
    assert state.is_successful()


def test_over_maps_switch_decides_for_each_element():
    with Flow("elements") as flow:
        keys = same.map(["a", "b", "a"])
        a, b = same.map([1, 2, 3]), same.map([4, 5, 6])
        switch(keys, {"a": a, "b": b}, mapped=True)
        merged = merge(a, b, mapped=True)
    state = flow.run(executor="inline")
    assert kinds(state, a, merged) == [Mapped, Mapped]
    assert state.result[merged].result == [1, 5, 3]


def test_loops_may_stand_in_a_branch():
    from daskloop import context
    from daskloop.engine.signals import LOOP

    @task
    def count(to):
        n = context.get("task_loop_result", 0) + 1
        if n < to:
            raise LOOP(result=n)
        return n

    with Flow("loops") as flow:
        to = Parameter("to")
        with case(to > 0, True):
            counted = count(to)
        merged = merge(counted, "nothing to count")
    state = flow.run(to=3, executor="inline")
    assert (state.result[counted].loop_count, state.result[merged].result) == (3, 3)
    assert flow.run(to=0, executor="inline").result[merged].result == "nothing to count"


@pytest.mark.parametrize("executor", ["inline"], indirect=True)
def test_a_branch_that_cannot_be_compared_fails_and_says_why(executor):
    class Odd:
        def __eq__(self, other):
            raise ValueError("cannot be compared")

        __hash__ = None

    @task
    def odd():
        return Odd()

    with Flow("odd") as flow, case(odd(), 1):
        never = same("never")
    state = flow.run(executor=executor)
    assert kinds(state, never) == [TriggerFailed]
    (compared,) = [state.result[one] for one in flow.tasks if one.name == "case(1)"]
    assert type(compared) is Failed
    assert "cannot be compared" in compared.message
