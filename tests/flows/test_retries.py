"""Retries: which attempts are tried again, how often (rules R1-R3, R6-R11)."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

import pytest

from daskloop import Flow, Task, context, task
from daskloop.engine.signals import FAIL, LOOP, RETRY, SKIP
from tests.case_names import case_name
from tests.flows.traces import Sightings, Trace, failing


class Missing(KeyError):
    """A subclass of what is retried."""


def test_r01_c30_two_failures_are_three_attempts(executor, tmp_path):
    trace = Trace(tmp_path)
    with Flow("two") as flow:
        tried = failing(trace, 2, max_retries=2)()
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert state.result[tried].result == 3
    assert trace.notes() == [(1,), (2,), (3,)]


def test_r09_c31_the_failed_state_holds_the_last_exception(executor, tmp_path):
    trace = Trace(tmp_path)
    with Flow("always") as flow:
        tried = failing(trace, 99, max_retries=2)()
    state = flow.run(executor=executor)
    assert state.is_failed()
    failed = state.result[tried]
    assert type(failed).__name__ == "Failed"
    assert type(failed.result) is ValueError
    assert failed.result.args == ("try 3",)
    assert repr(ValueError("try 3")) in failed.message
    assert trace.notes() == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    "options",
    [
        {"max_retries": -1},
        {"max_retries": True},
        {"max_retries": 1.5},
        {"max_retries": 2, "retry_delay": -1},
        {"max_retries": 2, "retry_delay": float("nan")},
        {"max_retries": 2, "retry_delay": timedelta(seconds=-1)},
        {"max_retries": 2, "retry_delay": timedelta(days=31)},
        {"max_retries": 2, "retry_delay": "soon"},
        {"max_retries": 2, "retry_delay": object()},
        {"max_retries": 2, "retry_jitter": -0.5},
        {"max_retries": 2, "retry_on": ValueError("an instance")},
        {"max_retries": 2, "retry_on": [KeyError, ValueError("an instance")]},
        {"max_retries": 2, "retry_on": int},
        {"max_retries": 2, "retry_on": KeyboardInterrupt},
        {"max_retries": 2, "retry_if": "yes"},
        {"retry_delay": 1},
        {"retry_delay": timedelta(seconds=1)},
        {"retry_on": ValueError},
        {"retry_jitter": 0.5},
    ],
    ids=case_name,
)
def test_r10_c32_bad_retries_are_refused_when_the_task_is_defined(options):
    with pytest.raises((TypeError, ValueError), match="retr"):

        @task(**options)
        def refused():
            pass


def test_r10_c32_retries_without_a_delay_are_allowed_and_wait_for_nothing(executor, tmp_path):
    trace = Trace(tmp_path)
    with Flow("no delay") as flow:
        tried = failing(trace, 1, max_retries=1)()
    assert flow.run(executor=executor).result[tried].result == 2


def test_r10_generators_are_refused_when_the_task_is_defined():
    with pytest.raises(TypeError, match="generator"):

        @task
        def several():
            yield 1

    with pytest.raises(TypeError, match="generator"):

        @task
        async def stream():
            yield 1


@pytest.mark.parametrize(
    ("error", "attempts"), [(KeyError, 3), (Missing, 3), (ValueError, 1), (LookupError, 1)]
)
def test_r02_c35_only_what_retry_on_names_is_retried(executor, tmp_path, error, attempts):
    trace = Trace(tmp_path)
    with Flow("some") as flow:
        tried = failing(trace, 99, error, max_retries=2, retry_on=KeyError)()
    state = flow.run(executor=executor)
    assert type(state.result[tried].result) is error
    assert len(trace.notes()) == attempts


def test_r02_retry_on_takes_several_types_and_types_defined_in_a_script(executor, tmp_path):
    class Local(Exception):
        pass

    trace = Trace(tmp_path)
    with Flow("several") as flow:
        tried = failing(trace, 1, Local, max_retries=1, retry_on=[KeyError, Local])()
    assert flow.run(executor=executor).result[tried].result == 2


def test_r02_retry_if_looks_at_the_exception(executor, tmp_path):
    trace = Trace(tmp_path)

    def worth_it(error):
        return "try 1" in str(error)

    with Flow("if") as flow:
        tried = failing(trace, 99, max_retries=5, retry_if=worth_it)()
    state = flow.run(executor=executor)
    assert state.result[tried].result.args == ("try 2",)
    assert trace.notes() == [(1,), (2,)]


def test_r02_retry_if_sees_what_cannot_leave_the_worker(executor, tmp_path):
    trace = Trace(tmp_path)

    class Held(Exception):
        def __reduce__(self):
            raise TypeError("stays here")

    @task(max_retries=2, retry_if=lambda error: error.worth_it)
    def fail():
        trace.note(context.task_run_count)
        held = Held("held")
        held.worth_it = context.task_run_count == 1
        raise held

    with Flow("held") as flow:
        failed = fail()
    state = flow.run(executor=executor)
    assert state.result[failed].is_failed()
    assert "Held" in state.result[failed].message
    assert trace.notes() == [(1,), (2,)]


def test_r02_a_retry_if_that_raises_fails_the_task_and_says_so(executor, tmp_path):
    trace = Trace(tmp_path)
    with Flow("broken") as flow:
        tried = failing(trace, 9, max_retries=5, retry_if=lambda error: error.nonsense)()
    state = flow.run(executor=executor)
    assert state.result[tried].is_failed()
    assert "retry_if" in state.result[tried].message
    assert trace.notes() == [(1,)]


def test_r03_the_states_of_two_retries_come_in_order(executor, tmp_path):
    seen = Sightings()
    with Flow("states") as flow:
        failing(Trace(tmp_path), 2, max_retries=2, retry_delay=0.01, state_handlers=[seen])()
    flow.run(executor=executor)
    assert seen.names() == (
        ["Running", "Failed", "Retrying", "Running", "Failed", "Retrying", "Running", "Success"]
    )
    first, second = seen.of("Retrying")
    assert (first.run_count, second.run_count) == (2, 3)
    assert first.start_time < second.start_time
    assert first.start_time.tzinfo is not None


def test_r03_c37_on_failure_fires_on_each_failed_attempt_and_on_final_failure_once(
    executor, tmp_path
):
    calls = []
    with Flow("hooks") as flow:
        failing(
            Trace(tmp_path),
            99,
            max_retries=2,
            on_failure=lambda task, state: calls.append(("failure", state.result.args[0])),
            on_retry=lambda task, state: calls.append(("retry", state.run_count)),
            on_final_failure=lambda task, state: calls.append(("final", state.result.args[0])),
        )()
    flow.run(executor=executor)
    assert [call for call in calls if call[0] == "failure"] == [
        ("failure", "try 1"),
        ("failure", "try 2"),
        ("failure", "try 3"),
    ]
    assert [call for call in calls if call[0] == "retry"] == [("retry", 2), ("retry", 3)]
    assert [call for call in calls if call[0] == "final"] == [("final", "try 3")]


def test_r03_on_final_failure_is_silent_when_a_retry_succeeds(executor, tmp_path):
    calls = []
    with Flow("hooks") as flow:
        failing(
            Trace(tmp_path),
            1,
            max_retries=2,
            on_failure=lambda task, state: calls.append("failure"),
            on_final_failure=lambda task, state: calls.append("final"),
        )()
    assert flow.run(executor=executor).is_successful()
    assert calls == ["failure"]


def test_r06_retry_is_granted_beyond_the_budget(executor, tmp_path):
    trace, seen = Trace(tmp_path), Sightings()

    @task(state_handlers=[seen])
    def ask():
        trace.note(context.task_run_count)
        if context.task_run_count < 4:
            raise RETRY(f"asked {context.task_run_count}")
        return context.task_run_count

    with Flow("asked") as flow:
        tried = ask()
    assert flow.run(executor=executor).result[tried].result == 4
    assert trace.notes() == [(1,), (2,), (3,), (4,)]
    assert seen.story() == "Running Retrying Running Retrying Running Retrying Running Success"
    assert [state.run_count for state in seen.of("Retrying")] == [2, 3, 4]


@pytest.mark.parametrize("zone", [None, timezone.utc, timezone(timedelta(hours=5))], ids=case_name)
def test_r06_retry_waits_until_its_start_time(executor, tmp_path, zone):
    trace, seen = Trace(tmp_path), Sightings()

    @task(state_handlers=[seen])
    def ask():
        now = datetime.now(zone)
        trace.note(now.timestamp())
        if context.task_run_count == 1:
            raise RETRY("later", start_time=now + timedelta(seconds=0.4))

    with Flow("later") as flow:
        ask()
    assert flow.run(executor=executor).is_successful()
    (first,), (second,) = trace.notes()
    assert 0.4 <= second - first < 10
    (retrying,) = seen.of("Retrying")
    assert retrying.start_time.timestamp() == pytest.approx(first + 0.4, abs=0.001)


def test_r06_retry_with_a_start_time_in_the_past_starts_at_once(executor):
    @task
    def ask():
        if context.task_run_count == 1:
            raise RETRY(start_time=datetime.now(timezone.utc) - timedelta(hours=1))
        return context.task_run_count

    with Flow("past") as flow:
        tried = ask()
    assert flow.run(executor=executor).result[tried].result == 2


def test_r07_fail_is_retried_and_skip_is_not(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=2)
    def fail():
        trace.note("fail", context.task_run_count)
        raise FAIL("no")

    @task(max_retries=2)
    def skip():
        trace.note("skip", context.task_run_count)
        raise SKIP("no")

    with Flow("signals") as flow:
        failed = fail()
        skipped = skip()
    state = flow.run(executor=executor)
    assert state.result[failed].is_failed()
    assert state.result[skipped].is_skipped()
    assert sorted(trace.notes()) == [("fail", 1), ("fail", 2), ("fail", 3), ("skip", 1)]


def test_r07_c36_what_depends_on_a_failed_task_is_trigger_failed_once(executor, tmp_path):
    trace, seen = Trace(tmp_path), Sightings()

    @task(max_retries=3, state_handlers=[seen])
    def after(value):
        trace.note("ran")

    with Flow("after") as flow:
        before = failing(trace, 99)()
        end = after(before)
    state = flow.run(executor=executor)
    assert state.result[end].is_trigger_failed()
    assert seen.story() == "TriggerFailed"
    assert trace.notes() == [(1,)]


def test_r07_c40_a_retry_upstream_runs_nothing_twice_and_is_waited_for(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def source():
        trace.note("source")
        return 1

    @task(max_retries=1, retry_delay=0.2)
    def flaky(value):
        trace.note("flaky", context.task_run_count)
        if context.task_run_count == 1:
            raise ValueError
        return value + 1

    @task
    def steady(value):
        trace.note("steady")
        return value + 10

    @task
    def join(a, b):
        trace.note("join")
        return a + b

    with Flow("diamond") as flow:
        start = source()
        end = join(flaky(start), steady(start))
    assert flow.run(executor=executor).result[end].result == 13
    notes = trace.notes()
    assert sorted(notes) == [("flaky", 1), ("flaky", 2), ("join",), ("source",), ("steady",)]
    assert notes[-1] == ("join",)


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_c45_three_failing_attempts_start_one_cluster(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=2)
    def fail():
        from distributed import get_worker

        trace.note(get_worker().address, get_worker().scheduler.address, os.getpid())
        raise ValueError

    with Flow("one cluster") as flow:
        fail()
    assert flow.run(executor=executor, workers=1).is_failed()
    assert len(trace.notes()) == 3
    assert len(set(trace.notes())) == 1


def test_c46_the_flow_goes_to_running_and_to_its_final_state_once(executor, tmp_path):
    seen = Sightings()
    with Flow("flow", state_handlers=[seen]) as flow:
        failing(Trace(tmp_path), 2, max_retries=2)()
    state = flow.run(executor=executor)
    assert seen.story() == "Running Success"
    assert state.is_successful()


def test_r11_the_idempotency_key_is_that_of_the_iteration(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=2)
    def pay(name):
        count = context.get("task_loop_count", 1)
        trace.note(name, count, context.idempotency_key)
        if context.task_run_count < 3:
            raise ValueError
        if count < 2:
            raise LOOP()

    with Flow("pay") as flow:
        pay.map(["a", "b"])
        pay("c")
    assert flow.run(executor=executor).is_successful()
    notes = trace.notes()
    assert len(notes) == 18
    keys = {(name, count, key) for name, count, key in notes}
    assert len(keys) == 6
    assert len({key for _, _, key in keys}) == 6
    assert flow.run(executor=executor).is_successful()
    assert len({key for _, _, key in trace.notes()}) == 12


def test_r01_a_subclass_of_task_is_retried_as_well(executor, tmp_path):
    trace = Trace(tmp_path)

    class Flaky(Task):
        def run(self, value):
            trace.note(context.task_run_count)
            if context.task_run_count < 3:
                raise ValueError
            return value

    with Flow("class") as flow:
        value = Flaky(max_retries=2)(5)
    assert flow.run(executor=executor).result[value].result == 5
    assert trace.notes() == [(1,), (2,), (3,)]


def test_r01_every_run_of_a_flow_starts_with_a_fresh_budget(executor, tmp_path):
    trace = Trace(tmp_path)
    with Flow("again") as flow:
        tried = failing(trace, 1, max_retries=1)()
    for _ in range(2):
        assert flow.run(executor=executor).result[tried].result == 2
    assert trace.notes() == [(1,), (2,), (1,), (2,)]
