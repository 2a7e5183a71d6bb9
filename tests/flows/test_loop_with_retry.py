"""Loops with retries: an iteration is tried again with its own payload (rules R1, R5, R6)."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

from daskloop import Flow, Parameter, context, task
from daskloop.engine.signals import FAIL, LOOP, RETRY
from tests.flows.traces import Sightings, Trace, attempt, linger


def four_iterations_failing_once(trace, at, **options):
    """Make a task of four iterations whose first attempt fails where `at` says."""

    @task(max_retries=1, **options)
    def loop():
        count, tried = attempt()
        payload = context.get("task_loop_result", "none")
        trace.note(count, tried, payload)
        if tried == 1 and count in at:
            raise ValueError(f"iteration {count}")
        if count < 4:
            raise LOOP(result=f"payload of {count}")
        return "end"

    return loop


def test_r05_c50_a_failed_iteration_3_is_tried_again_with_the_payload_of_2(executor, tmp_path):
    trace, seen = Trace(tmp_path), Sightings()
    loop = four_iterations_failing_once(trace, {3}, state_handlers=[seen])
    with Flow("third") as flow:
        end = loop()
    state = flow.run(executor=executor)
    assert state.result[end].result == "end"
    assert trace.notes() == [
        (1, 1, "none"),
        (2, 1, "payload of 1"),
        (3, 1, "payload of 2"),
        (3, 2, "payload of 2"),
        (4, 1, "payload of 3"),
    ]
    assert (
        seen.story()
        == "Running Looped Running Looped Running Failed Retrying Running Looped Running Success"
    )
    assert [looped.loop_count for looped in seen.of("Looped")] == [1, 2, 3]


def test_r01_c51_the_budget_of_retries_is_per_iteration(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=1)
    def loop():
        count, tried = attempt()
        trace.note(count, tried)
        if tried == 1:
            raise ValueError(f"iteration {count}")
        if count < 3:
            raise LOOP(result=count)
        return "end"

    with Flow("each") as flow:
        end = loop()
    assert flow.run(executor=executor).result[end].result == "end"
    assert trace.notes() == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]


def test_r01_c52_an_iteration_that_always_fails_ends_the_loop(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=1)
    def loop():
        count, tried = attempt()
        trace.note(count, tried)
        if count == 3:
            raise ValueError(f"three, try {tried}")
        raise LOOP(result=count)

    with Flow("dead end") as flow:
        end = loop()
    state = flow.run(executor=executor)
    assert state.is_failed()
    failed = state.result[end]
    assert isinstance(failed.result, ValueError)
    assert failed.result.args == ("three, try 2",)
    assert trace.notes() == [(1, 1), (2, 1), (3, 1), (3, 2)]
    assert failed.loop_count == 3
    assert failed.loop_payload == 2


def test_r05_c53_a_retry_of_iteration_1_has_no_payload(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=1)
    def loop():
        trace.note(*attempt(), "task_loop_count" in context, "task_loop_result" in context)
        if context.task_run_count == 1 and "task_loop_result" not in context:
            raise ValueError("first")
        if context.get("task_loop_count", 1) == 1:
            raise LOOP(result="payload")

    with Flow("first") as flow:
        loop()
    assert flow.run(executor=executor).is_successful()
    assert trace.notes() == [(1, 1, False, False), (1, 2, False, False), (2, 1, True, True)]


def test_r05_what_a_failed_attempt_did_to_its_payload_is_not_seen_by_the_retry(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=2)
    def loop():
        payload = context.get("task_loop_result", {"items": ["first"]})
        trace.note(*attempt(), list(payload["items"]))
        if context.get("task_loop_count", 1) == 2 and context.task_run_count < 3:
            payload["items"].append("spoiled")
            payload["more"] = "spoiled"
            raise ValueError("after spoiling")
        if context.get("task_loop_count", 1) < 3:
            payload["items"].append(f"of {context.get('task_loop_count', 1)}")
            raise LOOP(result=payload)
        return payload

    with Flow("spoiled") as flow:
        end = loop()
    state = flow.run(executor=executor)
    assert state.result[end].result == {"items": ["first", "of 1", "of 2"]}
    assert trace.notes() == [
        (1, 1, ["first"]),
        (2, 1, ["first", "of 1"]),
        (2, 2, ["first", "of 1"]),
        (2, 3, ["first", "of 1"]),
        (3, 1, ["first", "of 1", "of 2"]),
    ]


def test_r05_what_a_failed_attempt_did_to_its_inputs_is_not_seen_by_the_retry(executor):
    @task(max_retries=2)
    def use(numbers):
        numbers.append(context.task_run_count)
        if context.task_run_count < 3:
            raise ValueError("again")
        return numbers

    with Flow("inputs") as flow:
        end = use(Parameter("numbers"))
    assert flow.run(numbers=[0], executor=executor).result[end].result == [0, 3]


def test_r05_a_handler_that_keeps_a_looped_state_does_not_change_the_payload(executor):
    kept = []

    def keep(task, old_state, new_state):
        if new_state.is_looped():
            kept.append(new_state.result)

    @task(state_handlers=[keep])
    def loop():
        payload = context.get("task_loop_result", [])
        payload.append(len(payload))
        if len(payload) < 3:
            raise LOOP(result=payload)
        return payload

    with Flow("kept") as flow:
        end = loop()
    assert flow.run(executor=executor).result[end].result == [0, 1, 2]
    assert kept == [[0], [0, 1]]


def test_r06_retry_inside_a_loop_stays_at_its_iteration(executor, tmp_path):
    trace, seen = Trace(tmp_path), Sightings()

    @task(state_handlers=[seen])
    def loop():
        count, tried = attempt()
        trace.note(count, tried, context.get("task_loop_result", "none"))
        if count == 2 and tried < 4:
            raise RETRY("not yet")
        if count < 3:
            raise LOOP(result=f"payload of {count}")

    with Flow("retry") as flow:
        loop()
    assert flow.run(executor=executor).is_successful()
    assert trace.notes() == [
        (1, 1, "none"),
        (2, 1, "payload of 1"),
        (2, 2, "payload of 1"),
        (2, 3, "payload of 1"),
        (2, 4, "payload of 1"),
        (3, 1, "payload of 2"),
    ]
    assert "Failed" not in seen.names()
    assert [state.message for state in seen.of("Retrying")] == ["not yet"] * 3


def test_r06_retry_with_a_start_time_waits_inside_a_loop(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def loop():
        count, tried = attempt()
        now = datetime.now(timezone.utc)
        trace.note(count, tried, now.timestamp())
        if (count, tried) == (2, 1):
            raise RETRY(start_time=now + timedelta(seconds=0.4))
        if count < 3:
            raise LOOP()

    with Flow("later") as flow:
        loop()
    assert flow.run(executor=executor).is_successful()
    at = {(count, tried): stamp for count, tried, stamp in trace.notes()}
    assert list(at) == [(1, 1), (2, 1), (2, 2), (3, 1)]
    assert at[2, 2] - at[2, 1] >= 0.4


def test_l06_fail_raised_at_iteration_2_is_retried_there(executor, tmp_path):
    trace, seen = Trace(tmp_path), Sightings()

    @task(max_retries=1, state_handlers=[seen])
    def loop():
        count, tried = attempt()
        trace.note(count, tried)
        if (count, tried) == (2, 1):
            raise FAIL("not so")
        if count < 3:
            raise LOOP(result=count)
        return "end"

    with Flow("fail") as flow:
        end = loop()
    assert flow.run(executor=executor).result[end].result == "end"
    assert trace.notes() == [(1, 1), (2, 1), (2, 2), (3, 1)]
    assert [state.message for state in seen.of("Failed")] == ["not so"]


def test_l06_fail_raised_without_retries_ends_the_loop(executor):
    @task
    def loop():
        if context.get("task_loop_count", 1) == 2:
            raise FAIL("no more", result="half")
        raise LOOP(result="payload")

    with Flow("fail") as flow:
        end = loop()
    state = flow.run(executor=executor).result[end]
    assert type(state).__name__ == "Failed"
    assert state.message == "no more"
    assert state.loop_count == 2


def test_l15_c58_a_timeout_at_iteration_2_is_retried_with_its_payload(executor, tmp_path):
    trace, seen = Trace(tmp_path), Sightings()

    @task(max_retries=1, timeout=0.5, state_handlers=[seen])
    def loop():
        count, tried = attempt()
        trace.note(count, tried, context.get("task_loop_result", "none"))
        if (count, tried) == (2, 1):
            linger(3)
        if count < 3:
            raise LOOP(result=f"payload of {count}")
        return "end"

    with Flow("slow") as flow:
        end = loop()
    assert flow.run(executor=executor).result[end].result == "end"
    assert trace.notes() == [
        (1, 1, "none"),
        (2, 1, "payload of 1"),
        (2, 2, "payload of 1"),
        (3, 1, "payload of 2"),
    ]
    assert "TimedOut" in seen.names()


def test_l02_c59_the_delay_of_retries_is_not_applied_between_iterations(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=1, retry_delay=5)
    def loop():
        trace.note(time.monotonic())
        if context.get("task_loop_count", 1) < 4:
            raise LOOP()

    with Flow("at once") as flow:
        loop()
    assert flow.run(executor=executor).is_successful()
    stamps = [stamp for (stamp,) in trace.notes()]
    assert len(stamps) == 4
    assert stamps[-1] - stamps[0] < 4


def test_r01_children_of_a_map_have_budgets_of_their_own(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=1)
    def loop(name):
        count, tried = attempt()
        trace.note(name, count, tried)
        if tried == 1 and (name, count) in {("a", 1), ("b", 2), ("c", 1), ("c", 2)}:
            raise ValueError(name)
        if count < 2:
            raise LOOP(result=name)
        return context.task_loop_result

    with Flow("map") as flow:
        ended = loop.map(["a", "b", "c", "d"])
    assert flow.run(executor=executor).result[ended].result == ["a", "b", "c", "d"]
    of = {name: [rest for who, *rest in trace.notes() if who == name] for name in "abcd"}
    assert of["a"] == [[1, 1], [1, 2], [2, 1]]
    assert of["b"] == [[1, 1], [2, 1], [2, 2]]
    assert of["c"] == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert of["d"] == [[1, 1], [2, 1]]
