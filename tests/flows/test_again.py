"""`again(...)`: payload fields as arguments, waits that hold no worker; and async bodies."""

from __future__ import annotations

import asyncio
import time

import pytest

from daskloop import Flow, again, context, task
from daskloop.engine.signals import LOOP
from daskloop.engine.state import Looped
from daskloop.record.folder_journal import FolderJournal
from tests.flows.traces import Sightings, Trace, on_clusters


def fibonacci(**options):
    """Make the loop of the tutorial, its payload as arguments."""

    @task(**options)
    def biggest(M, n=1, fib=1, before=0):
        if fib > M:
            return before
        return again(n=n + 1, fib=fib + before, before=fib, message=f"Fib {n}={fib}")

    return biggest


def test_l19_fields_are_arguments_of_the_next_iteration(executor):
    biggest = fibonacci()
    with Flow("fib") as flow:
        found = biggest.map([10, 100, 1000, 1500])
    assert flow.run(executor=executor).result[found].result == [8, 89, 987, 987]


def test_l19_fields_are_the_payload_with_message_and_count(executor):
    seen = Sightings()
    biggest = fibonacci(state_handlers=[seen])
    with Flow("fib") as flow:
        biggest(3)
    assert flow.run(executor=executor).is_successful()
    looped = seen.of("Looped")
    assert [one.message for one in looped] == ["Fib 1=1", "Fib 2=1", "Fib 3=2", "Fib 4=3"]
    assert looped[0].result == {"n": 2, "fib": 1, "before": 1}


def test_l19_fields_that_are_not_given_are_the_inputs_again(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def loop(a, b=10, c=20):
        trace.note(a, b, c)
        if len(trace.notes()) == 1:
            return again(b=11)
        if len(trace.notes()) == 2:
            return again(c=21)
        return [a, b, c]

    with Flow("partial") as flow:
        end = loop(1)
    assert flow.run(executor=executor).result[end].result == [1, 10, 21]
    assert trace.notes() == [(1, 10, 20), (1, 11, 20), (1, 10, 21)]


def test_l19_a_retry_sees_the_fields_again(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=1)
    def loop(n=1):
        trace.note(n, context.task_run_count)
        if n == 2 and trace.first():
            raise ValueError("once")
        return again(n=n + 1) if n < 3 else n

    with Flow("retried") as flow:
        end = loop()
    assert flow.run(executor=executor).result[end].result == 3
    assert trace.notes() == [(1, 1), (2, 1), (2, 2), (3, 1)]


def test_l19_a_field_that_is_no_argument_fails_the_next_iteration_and_is_named(executor):
    @task
    def loop(n=1):
        return again(m=2)

    with Flow("unknown") as flow:
        failed = loop()
    state = flow.run(executor=executor).result[failed]
    assert state.is_failed() and "'m'" in state.message


def test_l19_again_outside_a_body_is_refused():
    with pytest.raises(RuntimeError, match="outside the body of a task"):
        again(n=1)


def test_l19_at_a_limit_the_fields_are_returned_as_a_dict(executor):
    @task(max_loops=3, on_limit="return")
    def loop(n=1):
        return again(n=n + 1)

    with Flow("limited") as flow:
        end = loop()
    result = flow.run(executor=executor).result[end].result
    assert result == {"n": 4} and type(result) is dict


@pytest.mark.parametrize("way", ["again", "LOOP"])
def test_l20_the_next_iteration_begins_after_the_wait(executor, tmp_path, way):
    trace = Trace(tmp_path)

    @task
    def poll():
        trace.note(time.time())
        if context.get("task_loop_count", 1) == 3:
            return "done"
        if way == "LOOP":
            raise LOOP("not yet", result=1, after=0.15)
        return again(after="0.15s")

    with Flow("poll") as flow:
        end = poll()
    assert flow.run(executor=executor).result[end].result == "done"
    first, second, third = (at for (at,) in trace.notes())
    assert second - first >= 0.15 and third - second >= 0.15


@on_clusters
def test_l20_waiting_loops_hold_no_slot(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def poll(number):
        trace.note(time.time())
        if context.get("task_loop_count", 1) == 3:
            return number
        return again(after=0.5)

    with Flow("poll") as flow:
        polled = poll.map(list(range(40)))
    assert flow.run(executor=executor).result[polled].result == list(range(40))
    times = [at for (at,) in trace.notes()]
    # Forty waits of a second in all; one after the other on four slots they would take ten.
    assert max(times) - min(times) < 6


@on_clusters
def test_l20_a_wait_goes_on_where_it_was_after_a_resume(executor, tmp_path):
    trace, journal = Trace(tmp_path), tmp_path / "runs"

    @task
    def poll():
        count = context.get("task_loop_count", 1)
        trace.note(count)
        return again(after="1h" if count == 1 else None) if count < 3 else count

    with Flow("poll") as flow:
        poll()
    for resume in (False, True):
        run = flow.submit(executor=executor, journal=journal, resume=resume)
        while not any(one.state == "Looped" for one in records(journal)):
            time.sleep(0.01)
        run.cancel()
        assert not run.result(30).is_successful()
    assert trace.notes() == [(1,)]


def records(journal):
    """Read what a journal of one run holds so far."""
    runs = FolderJournal(journal).runs() if journal.exists() else []
    return FolderJournal(journal).read(runs[0].header.run).records if runs else ()


@pytest.mark.parametrize("after", ["soon", -1])
def test_l20_a_wait_that_is_no_time_fails_the_task(executor, after):
    @task
    def poll():
        return again(after=after)

    with Flow("poll") as flow:
        failed = poll()
    state = flow.run(executor=executor).result[failed]
    assert state.is_failed() and "after" in state.message


def test_l21_an_async_body_is_run_to_its_end(executor):
    @task
    async def ask(number):
        await asyncio.sleep(0.001)
        count = context.get("task_loop_count", 1)
        if count < 3:
            raise LOOP(result=count)
        return number * 2

    @task(max_retries=1, timeout=20)
    async def retried():
        await asyncio.sleep(0)
        if context.task_run_count == 1:
            raise ValueError("once")
        return "fine"

    with Flow("async") as flow:
        doubled, fine = ask.map([1, 2, 3]), retried()
    state = flow.run(executor=executor)
    assert state.result[doubled].result == [2, 4, 6]
    assert state.result[fine].result == "fine"


def test_l21_inline_it_runs_where_a_loop_runs_already():
    @task
    async def ask():
        await asyncio.sleep(0)
        return context.task_name

    with Flow("async") as flow:
        asked = ask()

    async def notebook():
        return flow.run(executor="inline")

    assert asyncio.run(notebook()).result[asked].result == "ask"


@pytest.mark.parametrize("batch", [1, "auto"])
def test_l19_a_type_error_of_the_body_itself_is_told_as_it_is(executor, batch):
    @task
    def step(n=0):
        return again(n=n + 1) if n < 2 else len(n)

    with Flow("own") as flow:
        failed = step()
    state = flow.run(executor=executor, batch=batch).result[failed]
    assert state.is_failed() and state.loop_count == 3
    assert str(state.result) == "object of type 'int' has no len()"
    assert dict(state.loop_payload) == {"n": 2}


@pytest.mark.parametrize("how", ["another state", "another result"])
def test_l08_l19_a_dict_from_a_handler_in_the_place_of_fields_is_fields(executor, how):
    def skip_ten(subject, old, new):
        if new.is_looped():
            fields = {**new.result, "n": new.result["n"] + 10}
            if how == "another state":
                return Looped("on", result=fields, loop_count=new.loop_count)
            new.result = fields
        return None

    @task(state_handlers=[skip_ten], max_loops=5)
    def count(n=0, steps=0):
        return (n, steps) if n > 20 else again(n=n + 1, steps=steps + 1)

    with Flow("tens") as flow:
        end = count()
    assert flow.run(executor=executor).result[end].result == (22, 2)


def test_l08_l19_a_handler_that_makes_a_looped_of_a_failure_gives_fields(executor):
    def go_on(subject, old, new):
        return Looped("on", result={"n": 9}) if new.is_failed() else None

    @task(state_handlers=[go_on], max_loops=5)
    def count(n=0):
        if n == 1:
            raise ValueError("no")
        return n if n > 1 else again(n=n + 1)

    with Flow("leaps") as flow:
        end = count()
    assert flow.run(executor=executor).result[end].result == 9
