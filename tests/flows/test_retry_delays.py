"""When a failed attempt is tried again, and what waits meanwhile (rules R2, R4)."""

from __future__ import annotations

import logging
import re
import time
from datetime import datetime, timedelta, timezone

import pytest

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP
from tests.flows.traces import Trace, failing


def test_r02_c33_the_second_attempt_waits_for_the_delay_and_not_much_longer(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=1, retry_delay=timedelta(seconds=0.5))
    def slow_to_try():
        trace.note(time.monotonic())
        if context.task_run_count == 1:
            raise ValueError

    with Flow("delay") as flow:
        slow_to_try()
    assert flow.run(executor=executor).is_successful()
    (first,), (second,) = trace.notes()
    assert 0.5 <= second - first < 5


@pytest.mark.parametrize("by", [-3600, 3600])
def test_r04_a_clock_that_is_set_while_a_retry_waits_changes_nothing(
    tmp_path, monkeypatch, caplog, by
):
    trace, real, ahead = Trace(tmp_path), time.time, [0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])

    @task(max_retries=1, retry_delay=0.5)
    def fail_once():
        trace.note("tried", time.monotonic())
        if context.task_run_count == 1:
            raise ValueError

    def set_clock(task, old_state, new_state):
        if new_state.is_successful():
            trace.note("set", time.monotonic())
            ahead[0] = by

    @task(state_handlers=[set_clock])
    def pass_time():
        if context.get("task_loop_count", 1) < 3:
            raise LOOP()  # until the other one waits

    with Flow("clock") as flow:
        fail_once()
        pass_time()
    with caplog.at_level(logging.INFO, "daskloop.run"):
        assert flow.run(executor="inline").is_successful()
    assert 0.5 <= float(re.search(r"Success in (\S+) s, ", caplog.text)[1]) < 5
    (first, begun), (second, _), (third, again) = trace.notes()
    assert (first, second, third) == ("tried", "set", "tried")
    assert 0.5 <= again - begun < 5


@pytest.mark.parametrize(
    ("delay", "bounds"),
    [
        (0.3, [0.3, 0.3]),
        ("300 ms", [0.3, 0.3]),
        (timedelta(milliseconds=300), [0.3, 0.3]),
        ([0.1, "400ms"], [0.1, 0.4, 0.4]),
        ([timedelta(0), 0.3, 0.1], [0.0, 0.3, 0.1]),
        (lambda tried: 0.2 * tried, [0.2, 0.4]),
    ],
    ids=["number", "text", "timedelta", "list", "list of three", "callable"],
)
def test_r02_delays_come_in_many_forms_and_the_last_of_a_list_is_repeated(tmp_path, delay, bounds):
    trace, waits = Trace(tmp_path), []

    def measure(task, old_state, new_state):
        if new_state.is_retrying():
            left = new_state.start_time - datetime.now(timezone.utc)
            waits.append(left.total_seconds())

    @task(max_retries=len(bounds), retry_delay=delay, state_handlers=[measure])
    def fail():
        trace.note(context.task_run_count, time.monotonic())
        if context.task_run_count <= len(bounds):
            raise ValueError

    with Flow("delays") as flow:
        fail()
    assert flow.run(executor="inline").is_successful()
    stamps = [stamp for _, stamp in trace.notes()]
    assert [tried for tried, _ in trace.notes()] == list(range(1, len(bounds) + 2))
    for wait, bound, before, after in zip(waits, bounds, stamps, stamps[1:], strict=False):
        assert wait <= bound  # measured from the failure, which is past
        assert after - before >= bound


def test_r02_a_callable_delay_is_given_the_number_of_the_failed_attempt(executor, tmp_path):
    trace, asked = Trace(tmp_path), Trace(tmp_path, "asked")

    def delay(tried):
        asked.note(tried)
        return 0

    with Flow("asked") as flow:
        failing(trace, 3, max_retries=3, retry_delay=delay)()
    assert flow.run(executor=executor).is_successful()
    assert asked.notes() == [(1,), (2,), (3,)]


def test_r02_a_wait_object_in_the_manner_of_tenacity_is_accepted(tmp_path):
    trace, asked = Trace(tmp_path), Trace(tmp_path, "asked")

    class WaitFixed:
        def __add__(self, other):
            return self

        def __call__(self, retry_state):
            asked.note(retry_state.attempt_number)
            return 0.01 * retry_state.attempt_number

    with Flow("wait") as flow:
        failing(trace, 2, max_retries=2, retry_delay=WaitFixed())()
    assert flow.run(executor="inline").is_successful()
    assert asked.notes() == [(1,), (2,)]


def test_r02_a_delay_that_cannot_be_used_fails_the_task_and_says_why(executor, tmp_path):
    trace = Trace(tmp_path)
    with Flow("bad delay") as flow:
        bad = failing(trace, 9, max_retries=3, retry_delay=lambda tried: "soon")()
        good = failing(Trace(tmp_path, "good"), 0)()
    state = flow.run(executor=executor)
    assert state.result[bad].is_failed()
    assert "delay" in state.result[bad].message
    assert state.result[good].result == 1
    assert trace.notes() == [(1,)]


def test_r02_jitter_adds_at_most_its_share_of_the_delay(tmp_path):
    waits = []

    def measure(task, old_state, new_state):
        if new_state.is_retrying():
            waits.append((new_state.start_time - datetime.now(timezone.utc)).total_seconds())

    with Flow("jitter") as flow:
        failing(
            Trace(tmp_path),
            6,
            max_retries=6,
            retry_delay=0.1,
            retry_jitter=2.0,
            state_handlers=[measure],
        )()
    assert flow.run(executor="inline").is_successful()
    assert len(waits) == 6
    assert all(wait <= 0.3 for wait in waits)
    assert max(waits) - min(waits) > 0.001


def test_r04_a_waiting_retry_holds_no_slot(tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=1, retry_delay=2)
    def waits():
        trace.note("waits", context.task_run_count)
        if context.task_run_count == 1:
            raise ValueError

    @task
    def works(number):
        trace.note("works", number)

    with Flow("slot") as flow:
        waits()
        for number in range(5):
            works(number)
    assert flow.run(executor="threads", workers=1).is_successful()
    order = trace.notes()
    assert order.index(("waits", 1)) < order.index(("waits", 2)) == len(order) - 1


def test_r04_a_waiting_child_holds_up_neither_siblings_nor_what_depends_on_them(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=1, retry_delay=2)
    def first(number):
        trace.note("first", number, context.task_run_count)
        if number == 0 and context.task_run_count == 1:
            raise ValueError
        return number

    @task
    def second(number):
        trace.note("second", number)
        return number

    with Flow("siblings") as flow:
        ended = second.map(first.map([0, 1, 2]))
    assert flow.run(executor=executor).result[ended].result == [0, 1, 2]
    order = trace.notes()
    assert order[-2:] == [("first", 0, 2), ("second", 0)]
    assert len(order) == 7
