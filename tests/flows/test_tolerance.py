"""A tolerated share of failures on a map, `fail_fast`, and `on_limit="return"` of a loop."""

from __future__ import annotations

import pytest

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP, PAUSE, RETRY
from daskloop.engine.state import Success
from tests.flows.traces import Trace, linger, on_clusters


def dividing(**options):
    """Write a flow that divides by numbers, goes on from each and takes all."""

    @task(**options)
    def divide(number):
        return 10 // number

    @task
    def follow(number):
        return number + 1

    @task
    def good(numbers):
        return [one for one in numbers if isinstance(one, int)]

    return divide, follow, good


def test_m14_failures_within_the_tolerance_do_not_fail_the_map(executor):
    divide, _, good = dividing(tolerate=0.25)
    with Flow("tolerant") as flow:
        numbers = divide.map([1, 0, 2, 5])
        kept = good(numbers)
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert state.result[kept].result == [10, 5, 2]
    assert isinstance(state.result[numbers].result[1], ZeroDivisionError)
    assert state.result[numbers].map_states[1].is_failed()


def test_m14_what_is_tolerated_is_known_once_all_of_that_map_have_ended(executor):
    divide, _, _ = dividing(tolerate=0.5)

    @task
    def two():
        return [1, 2]

    @task
    def both(number, other):
        return number + other

    @task
    def count(numbers):
        return len(numbers)

    late = divide.copy(name="late", max_retries=1, retry_delay=0.3)
    with Flow("late") as flow:
        # The last ones fail late: by then all that goes on from the first two has ended.
        numbers = late.map([0, 0, 0, 0])
        counted = count(both.map(two(), numbers))
    state = flow.run(executor=executor)
    assert state.result[counted].is_trigger_failed()


def test_m14_one_more_than_is_tolerated_fails_it(executor):
    divide, _, good = dividing(tolerate=1)
    with Flow("strict") as flow:
        kept = good(divide.map([1, 0, 0, 5]))
    state = flow.run(executor=executor)
    assert state.is_failed() and state.result[kept].is_trigger_failed()


def test_m14_what_only_followed_from_a_tolerated_failure_does_not_count_either(executor):
    divide, follow, good = dividing(tolerate=1)
    with Flow("linked") as flow:
        followed = follow.map(divide.map([1, 0, 5]))
        kept = good(followed)
    state = flow.run(executor=executor)
    assert state.is_successful() and state.result[kept].result == [11, 3]
    assert state.result[followed].map_states[1].is_trigger_failed()


def test_m14_the_flow_succeeds_where_such_a_map_decides(executor):
    divide, _, _ = dividing(tolerate=0.5)
    with Flow("reference") as flow:
        divide.map([1, 0])
    assert flow.run(executor=executor).is_successful()


@on_clusters
def test_m15_fail_fast_begins_no_more_children(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(fail_fast=True, max_running=1, batch=1)
    def loop(number):
        trace.note(number)
        if number == 1:
            raise ValueError("bad")
        return number

    @task
    def beside():
        linger(0.2)
        return "fine"

    with Flow("fast") as flow:
        numbers, other = loop.map(list(range(20))), beside()
    state = flow.run(executor=executor)
    assert state.is_failed() and not state.is_cancelled()
    assert state.result[other].result == "fine"
    states = state.result[numbers].map_states
    assert [type(one).__name__ for one in states] == ["Success", "Failed"] + 18 * ["Cancelled"]
    assert "loop[1]" in states[5].message and "fail_fast" in states[5].message
    assert trace.notes() == [(0,), (1,)]


def test_m15_fail_fast_ends_loops_at_the_iteration_boundary(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(fail_fast=True, batch=1)
    def loop(number):
        count = context.get("task_loop_count", 1)
        trace.note(number, count)
        if number == 0 and count == 2:
            raise ValueError("bad")
        if count < 400:
            raise LOOP(result=count)
        return number

    with Flow("fast") as flow:
        loops = loop.map([0, 1])
    states = flow.run(executor=executor).result[loops].map_states
    assert states[0].is_failed() and states[1].is_cancelled()
    assert ("1, 400",) not in trace.notes() and (1, 400) not in trace.notes()


def test_m15_fail_fast_waits_for_more_failures_than_are_tolerated(executor):
    @task(fail_fast=True, tolerate=2, max_running=1)
    def divide(number):
        return 1 // number

    with Flow("some") as flow:
        numbers = divide.map([0, 1, 0, 1, 0, 1])
    state = flow.run(executor=executor)
    names = [type(one).__name__ for one in state.result[numbers].map_states]
    assert state.is_failed() and names[:5] == ["Failed", "Success", "Failed", "Success", "Failed"]


def looping(**options):
    """Make a loop that never ends by itself."""

    @task(**options)
    def loop():
        count = context.get("task_loop_count", 1)
        raise LOOP(f"round {count}", result=[count, "payload"])

    return loop


def test_l15_on_limit_return_ends_a_loop_with_its_last_payload(executor):
    loop = looping(max_loops=4, on_limit="return")

    @task
    def follow(value):
        return value[0] + 1

    @task
    def element(value):
        return value

    with Flow("limited") as flow:
        last = loop()
        after, each = follow(last), element.map(last)
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert (
        state.result[last].result == [4, "payload"] and "max_loops=4" in state.result[last].message
    )
    assert state.result[after].result == 5
    assert state.result[each].result == [4, "payload"]


def test_l15_on_limit_return_holds_for_the_time_too(executor):
    @task(max_time=0.3, on_limit="return")
    def loop():
        linger(0.05)
        raise LOOP(result=context.get("task_loop_count", 1))

    with Flow("limited") as flow:
        last = loop()
    state = flow.run(executor=executor).result[last]
    assert state.is_successful() and 1 <= state.result <= 7
    assert "limit" in state.message


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
@pytest.mark.parametrize("waits", ["retry", "failure", "pause", "loop"])
def test_l15_a_loop_whose_time_runs_out_while_it_waits_ends_with_its_last_payload(executor, waits):
    @task(max_time=0.3, on_limit="return", max_retries=1, retry_delay=0.5)
    def loop():
        count = context.get("task_loop_count", 1)
        if count < 3:
            raise LOOP(result=count)
        if waits == "retry":
            raise RETRY("not yet", after=0.5)
        if waits == "failure":
            raise ValueError("once more")
        if waits == "pause" and not context.get("resume"):
            linger(0.4)
            raise PAUSE("wait", after=0.05)
        raise LOOP(result=count, after=0.5)

    with Flow("waits") as flow:
        last = loop()
    state = flow.run(executor=executor).result[last]
    reached = 3 if waits == "loop" else 2
    assert type(state) is Success and state.result == reached
    assert f"max_time=0.3 s, with the payload of iteration {reached}" in state.message


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
def test_l15_a_loop_whose_time_runs_out_while_it_waits_for_its_turn_is_not_called_again(
    executor, tmp_path
):
    trace = Trace(tmp_path)

    @task(max_time=0.3, on_limit="return", rate="2/s")
    def loop():
        count = context.get("task_loop_count", 1)
        trace.note(count)
        raise LOOP(result=count)

    with Flow("turns") as flow:
        last = loop()
    state = flow.run(executor=executor).result[last]
    assert type(state) is Success and state.result == 1
    assert "max_time=0.3 s, with the payload of iteration 1" in state.message
    assert trace.notes() == [(1,)]


def test_l15_a_loop_that_reached_its_limit_without_a_payload_fails_all_the_same(executor):
    @task(max_time=0.2, on_limit="return", max_retries=50, retry_delay=0.15)
    def loop():
        raise ValueError("never gets there")

    with Flow("limited") as flow:
        last = loop()
    state = flow.run(executor=executor).result[last]
    assert state.is_failed() and "max_time=0.2" in state.message


@pytest.mark.parametrize("limit", [3, 7])
def test_l15_resumed_at_its_limit_a_loop_returns_its_payload(executor, tmp_path, limit):
    trace = Trace(tmp_path)

    @task(max_loops=limit, on_limit="return")
    def loop():
        count = context.get("task_loop_count", 1)
        if count == 3 and trace.first():
            raise ValueError("once")
        raise LOOP(result=count)

    with Flow("limited") as flow:
        last = loop()
    journal = tmp_path / "runs"
    assert flow.run(executor=executor, journal=journal).is_failed()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[last].result == limit
