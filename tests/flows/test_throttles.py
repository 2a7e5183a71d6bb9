"""Limits over all children of a task: `max_running`, `rate`, `max_branches`, RETRY(after=...)."""

from __future__ import annotations

import time

import pytest

from daskloop import Flow, context, flatten, task, unmapped
from daskloop.engine.signals import LOOP, RETRY
from tests.flows.traces import Trace, linger, on_clusters, one_by_one


def most_at_once(notes):
    """Count how many were between their begin and their end at one time."""
    running = most = 0
    for _, change in sorted(notes):
        running += change
        most = max(most, running)
    return most


def most_in_a_second(times):
    """Count the most that began within any one second."""
    times = sorted(times)
    return max(sum(at <= one < at + 1 for one in times) for at in times)


@on_clusters
def test_l16_max_running_holds_over_iterations_and_retries(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_running=2, max_retries=1)
    def loop(number):
        trace.note(time.time(), 1)
        linger(0.02)
        trace.note(time.time(), -1)
        count = context.get("task_loop_count", 1)
        if count == 2 and context.task_run_count == 1:
            raise ValueError("once")
        if count < 3:
            raise LOOP(result=count)
        return number

    @task
    def beside(number):
        return number

    with Flow("narrow") as flow:
        loops = loop.map(list(range(6)))
        others = beside.map(list(range(6)))
    state = flow.run(executor=executor)
    assert state.result[loops].result == state.result[others].result == list(range(6))
    assert most_at_once(trace.notes()) <= 2
    assert len(trace.notes()) == 6 * 4 * 2


def test_l17_a_rate_holds_over_children_and_retries(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(rate="40/s", max_retries=1)
    def asked(number):
        trace.note(time.time())
        if number < 10 and context.task_run_count == 1:
            raise ValueError("once")
        return number

    with Flow("polite") as flow:
        numbers = asked.map(list(range(30)))
    state = flow.run(executor=executor)
    assert state.result[numbers].result == list(range(30))
    times = [at for (at,) in trace.notes()]
    assert len(times) == 40
    assert max(times) - min(times) > 39 / 40 - 0.1
    assert most_in_a_second(times) <= 44


def test_l17_one_slow_task_holds_up_nobody_beside_it(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(rate="10/s")
    def slow(number):
        trace.note("slow", number)
        return number

    @task
    def quick(number):
        trace.note("quick", number)
        return number

    with Flow("both") as flow:
        slow.map(list(range(8)))
        quick.map(list(range(8)))
    assert flow.run(executor=executor).is_successful()
    notes = trace.notes()
    assert notes.index(("slow", 7)) > max(notes.index(("quick", n)) for n in range(8))


@one_by_one
def test_l18_max_branches_begins_no_more_children_than_are_done_with(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_branches=2)
    def head(number):
        trace.note("begin", number)
        if "task_loop_count" not in context:
            raise LOOP(result=number)
        return number

    @task
    def middle(number):
        return number

    @task
    def last(number, extra):
        trace.note("end", number)
        return number + extra

    with Flow("deep") as flow:
        ends = last.map(middle.map(head.map(list(range(8)))), unmapped(1))
    state = flow.run(executor=executor)
    assert state.result[ends].result == list(range(1, 9))
    begun, ended = set(), set()
    for what, number in trace.notes():
        (begun if what == "begin" else ended).add(number)
        assert len(begun - ended) <= 2


def test_l18_branches_that_wait_for_all_of_the_map_are_refused_before_anything_runs(executor):
    @task(max_branches=2)
    def head(number):
        raise AssertionError("ran")

    @task
    def total(numbers):
        return sum(numbers)

    @task
    def share(number, whole):
        return number / whole

    with Flow("stuck") as flow:
        numbers = head.map([1, 2, 3])
        share.map(numbers, unmapped(total(numbers)))
    with pytest.raises(ValueError, match="max_branches=2 of task 'head'.*'share'.*'total'"):
        flow.run(executor=executor)


def test_l18_branches_that_wait_for_children_of_what_needs_all_of_them_are_refused(executor):
    @task(max_branches=2)
    def head(number):
        raise AssertionError("ran")

    @task
    def ranks(numbers):
        return sorted(numbers)

    @task
    def ranked(number):
        return number

    @task
    def join(number, rank):
        return number, rank

    with Flow("stuck") as flow:
        numbers = head.map([1, 2, 3])
        join.map(numbers, ranked.map(ranks(numbers)))
    with pytest.raises(ValueError, match="max_branches=2 of task 'head'.*'join'.*'ranked'"):
        flow.run(executor=executor)


def test_l18_a_map_over_flattened_children_is_no_branch(executor):
    @task(max_branches=1)
    def head(number):
        return [number, number]

    @task
    def below(number):
        return number

    with Flow("flat") as flow:
        numbers = below.map(flatten(head.map([1, 2, 3])))
    assert flow.run(executor=executor).result[numbers].result == [1, 1, 2, 2, 3, 3]


@pytest.mark.filterwarnings("ignore:.*lengths")
def test_l18_a_branch_from_which_nothing_goes_on_is_over_when_the_shorter_map_opens(executor):
    @task(max_branches=2)
    def head(number):
        return number

    @task
    def fewer():
        return []

    @task(retry_delay=0.2, max_retries=1)
    def late(numbers):
        if context.task_run_count == 1:
            raise ValueError("not yet")  # so that children of the first map end before
        return numbers

    @task
    def below(number, other):
        return number + other

    with Flow("shorter") as flow:
        heads = head.map(list(range(6)))
        sums = below.map(heads, late(fewer()))
    state = flow.run(executor=executor)
    assert state.result[heads].result == list(range(6))
    assert state.result[sums].result == []


def test_l18_a_failed_child_ends_its_branch(executor):
    @task(max_branches=1)
    def head(number):
        return 1 // number

    @task
    def below(number):
        return number

    with Flow("failing") as flow:
        numbers = below.map(head.map([0, 1, 0, 1]))
    states = flow.run(executor=executor).result[numbers].map_states
    assert [one.is_successful() for one in states] == [False, True, False, True]


def test_r06_retry_after_waits_that_long(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def asked():
        trace.note(time.time())
        if context.task_run_count < 3:
            raise RETRY("429 too many requests", after="0.2s")
        return context.task_run_count

    with Flow("later") as flow:
        tried = asked()
    assert flow.run(executor=executor).result[tried].result == 3
    first, second, third = (at for (at,) in trace.notes())
    assert second - first >= 0.2 and third - second >= 0.2


@pytest.mark.parametrize("after", ["soon", -1, [1]])
def test_r06_retry_after_what_is_no_time_fails_the_task(executor, after):
    @task
    def asked():
        raise RETRY(after=after)

    with Flow("later") as flow:
        failed = asked()
    state = flow.run(executor=executor).result[failed]
    assert state.is_failed() and "RETRY(after=...)" in state.message


def test_r06_retry_takes_one_time_only():
    from datetime import datetime, timezone

    with pytest.raises(TypeError, match="give one of them"):
        RETRY(start_time=datetime.now(timezone.utc), after=1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_running": 0}, "max_running=0"),
        ({"max_running": 2.5}, "whole number"),
        ({"max_running": True}, "max_running=True"),
        ({"rate": "fast"}, "rate='fast'.*10/s"),
        ({"rate": 0}, "rate=0"),
        ({"rate": "0/s"}, "rate='0/s'"),
        ({"rate": "5/0s"}, "rate='5/0s'"),
        ({"rate": -3}, "rate=-3"),
        ({"rate": float("nan")}, "rate=nan"),
        ({"rate": [1]}, "rate="),
        ({"max_branches": 0}, "max_branches=0"),
        ({"tolerate": 1.5}, "tolerate=1.5"),
        ({"tolerate": -1}, "tolerate=-1"),
        ({"tolerate": "few"}, "tolerate='few'"),
        ({"fail_fast": 1}, "fail_fast=1"),
        ({"on_limit": "stop", "max_loops": 3}, "on_limit='stop'"),
        ({"on_limit": "return"}, "max_loops= or max_time="),
    ],
)
def test_bad_limits_are_refused_where_they_are_written(options, says):
    with pytest.raises((TypeError, ValueError), match=says):
        task(lambda: 1, **options)


@pytest.mark.parametrize(
    ("rate", "per_second"),
    [("10/s", 10), ("90/min", 1.5), ("3/10s", 0.3), (7, 7), ("7200/hour", 2), ("5 / 2 s", 2.5)],
)
def test_rates_are_read(rate, per_second):
    assert task(lambda: 1, rate=rate).throttle.rate == pytest.approx(per_second)
