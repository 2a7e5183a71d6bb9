"""Limits: `timeout` of an attempt, `max_loops` and `max_time` of a loop (rule L15)."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP, RETRY
from daskloop.engine.state import Failed
from tests.flows.traces import Sightings, Trace, attempt, linger, on_clusters


def test_l15_c22_the_timeout_is_for_each_iteration_not_for_the_loop(executor):
    @task(timeout=1)
    def loop():
        linger(0.4)
        if context.get("task_loop_count", 1) < 5:
            raise LOOP()
        return context.task_loop_count

    with Flow("long") as flow:
        count = loop()
    assert flow.run(executor=executor).result[count].result == 5


def test_l15_c41_an_attempt_that_timed_out_is_tried_again(executor, tmp_path):
    trace, seen = Trace(tmp_path), Sightings()

    @task(max_retries=1, timeout=0.4, state_handlers=[seen])
    def slow_once():
        trace.note(context.task_run_count)
        if context.task_run_count == 1:
            linger(2)
        return context.task_run_count

    with Flow("slow") as flow:
        tried = slow_once()
    assert flow.run(executor=executor).result[tried].result == 2
    assert trace.notes() == [(1,), (2,)]
    assert seen.story() == "Running TimedOut Retrying Running Success"


@pytest.mark.parametrize(
    "timeout", [0.3, "300 ms", timedelta(milliseconds=300)], ids=["number", "text", "timedelta"]
)
def test_l15_an_attempt_that_takes_too_long_is_timed_out(executor, timeout):
    @task(timeout=timeout)
    def slow():
        linger(2)
        return "late"

    @task
    def fine():
        return "fine"

    with Flow("slow") as flow:
        late, beside = slow(), fine()
    state = flow.run(executor=executor)
    assert state.is_failed()
    timed_out = state.result[late]
    assert timed_out.is_timed_out()
    assert isinstance(timed_out.result, TimeoutError)
    assert "slow" in timed_out.message
    assert "0.3" in timed_out.message
    assert state.result[beside].result == "fine"


def test_l15_a_timeout_is_a_timeout_error_to_retry_on(executor):
    @task(max_retries=1, timeout=0.3, retry_on=TimeoutError)
    def retried():
        if context.task_run_count == 1:
            linger(2)
        return context.task_run_count

    @task(max_retries=1, timeout=0.3, retry_on=KeyError)
    def not_retried():
        linger(2)

    with Flow("timeouts") as flow:
        good, bad = retried(), not_retried()
    state = flow.run(executor=executor)
    assert state.result[good].result == 2
    assert state.result[bad].is_timed_out()


@on_clusters
def test_l15_the_late_result_of_an_abandoned_attempt_is_ignored(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=1, timeout=0.5)
    def twice():
        if context.task_run_count == 1:
            trace.wait_for("second", seconds=3)
            return "late"
        trace.note("second")
        return "in time"

    @task
    def after(value):
        return value

    with Flow("late") as flow:
        end = after(twice())
    assert flow.run(executor=executor).result[end].result == "in time"


@on_clusters
def test_l15_one_child_that_times_out_does_not_touch_its_siblings(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(timeout=0.5)
    def work(number):
        trace.note(number)
        if number == 2:
            linger(2)
        return number

    with Flow("children") as flow:
        ended = work.map(list(range(6)))
    children = flow.run(executor=executor).result[ended].map_states
    assert [child.is_timed_out() for child in children] == [n == 2 for n in range(6)]
    assert [child.result for child in children if child.is_successful()] == [0, 1, 3, 4, 5]
    assert "work[2]" in children[2].message


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"timeout": "soon"},
        {"timeout": True},
        {"max_loops": 0},
        {"max_loops": -3},
        {"max_loops": 2.5},
        {"max_loops": True},
        {"max_time": -1},
        {"max_time": 0},
        {"max_time": "for ever"},
        {"max_worker_losses": -1},
        {"max_worker_losses": 1.5},
    ],
    ids=repr,
)
def test_l15_bad_limits_are_refused_when_the_task_is_defined(options):
    (name,) = options
    with pytest.raises((TypeError, ValueError), match=name):

        @task(**options)
        def refused():
            pass


def endless(trace, **options):
    """Make a loop without an end of its own."""

    @task(**options)
    def spin():
        count, tried = attempt()
        trace.note(count, tried)
        raise LOOP(message=f"turn {count}", result=count)

    return spin


def test_l15_max_loops_ends_a_loop_loudly(executor, tmp_path):
    trace = Trace(tmp_path)
    with Flow("endless") as flow:
        end = endless(trace, max_loops=5, max_retries=2)()
    state = flow.run(executor=executor)
    assert state.is_failed()
    failed = state.result[end]
    assert type(failed).__name__ == "Failed"
    assert isinstance(failed.result, Exception)
    for word in ("spin", "max_loops", "5", "turn 5"):
        assert word in failed.message
    assert failed.loop_payload == 5
    assert trace.notes() == [(n, 1) for n in range(1, 6)]


def test_l15_a_loop_may_end_at_its_last_allowed_iteration(executor):
    @task(max_loops=4)
    def loop():
        if context.get("task_loop_count", 1) < 4:
            raise LOOP()
        return "end"

    with Flow("just") as flow:
        end = loop()
    assert flow.run(executor=executor).result[end].result == "end"


def test_l15_max_loops_is_per_child_and_names_it(executor):
    @task(max_loops=3)
    def count_to(number):
        if context.get("task_loop_count", 1) < number:
            raise LOOP(message=f"of {number}")
        return number

    with Flow("children") as flow:
        ended = count_to.map([2, 7, 3])
    children = flow.run(executor=executor).result[ended].map_states
    assert [child.is_failed() for child in children] == [False, True, False]
    for word in ("count_to[1]", "max_loops", "3", "of 7"):
        assert word in children[1].message


def test_l15_retries_are_no_loops(executor):
    @task(max_loops=2, max_retries=4)
    def loop():
        if context.task_run_count < 4:
            raise ValueError
        if context.get("task_loop_count", 1) < 2:
            raise LOOP()
        return "end"

    with Flow("retries") as flow:
        end = loop()
    assert flow.run(executor=executor).result[end].result == "end"


@pytest.mark.parametrize("max_time", [0.6, "600 ms", timedelta(seconds=0.6)], ids=str)
def test_l15_max_time_ends_a_loop_loudly(tmp_path, max_time):
    trace = Trace(tmp_path)

    @task(max_time=max_time, max_retries=1)
    def spin():
        trace.note(time.monotonic())
        linger(0.05)
        raise LOOP(message=f"turn {context.get('task_loop_count', 1)}")

    with Flow("endless") as flow:
        end = spin()
    failed = flow.run(executor="inline").result[end]
    assert type(failed).__name__ == "Failed"
    for word in ("spin", "max_time", "0.6", "turn"):
        assert word in failed.message
    stamps = [stamp for (stamp,) in trace.notes()]
    assert 2 <= len(stamps) <= 13


@on_clusters
def test_l15_max_time_is_per_child_and_names_it(executor):
    @task(max_time=2)
    def spin(number):
        if number == 1:
            raise LOOP(message="and on")
        return number

    with Flow("children") as flow:
        ended = spin.map([0, 1, 2])
    children = flow.run(executor=executor).result[ended].map_states
    assert [child.is_failed() for child in children] == [False, True, False]
    for word in ("spin[1]", "max_time", "and on"):
        assert word in children[1].message


def test_r09_l15_a_task_that_is_tried_again_until_max_time_says_why_it_failed(executor):
    @task(max_time=0.5, max_retries=50, retry_delay=0.1)
    def fails():
        raise ValueError("the real reason")

    with Flow("f") as flow:
        end = fails()
    state = flow.run(executor=executor).result[end]
    assert type(state) is Failed
    assert isinstance(state.result, ValueError)
    for word in ("fails", "max_time=0.5 s", "ValueError('the real reason')", "Raise the limit"):
        assert word in state.message
    assert "on_limit" not in state.message, "there is no payload to end with"


@pytest.mark.parametrize("how", ["RETRY", "LOOP", "a failure"])
def test_l15_what_waits_longer_than_max_time_allows_ends_when_it_is_over(executor, how):
    @task(max_time=0.3, max_retries=1, retry_delay=600)
    def waits():
        if how == "a failure":
            raise ValueError("again in ten minutes")
        raise RETRY(after=600) if how == "RETRY" else LOOP(after=600)

    with Flow("f") as flow:
        end = waits()
    assert "max_time=0.3 s" in flow.run(executor=executor).result[end].message
