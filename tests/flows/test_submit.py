"""Runs as objects: waited for, looked at, paused and cancelled while they go on."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import threading
import time

import pytest

from daskloop import Flow, Parameter, again, context, loop_flow, task, unmapped
from daskloop.engine.signals import LOOP
from daskloop.executors import DaskExecutor
from tests.flows.traces import Trace, linger, on_clusters, one_by_one


@pytest.fixture
def trace(tmp_path):
    return Trace(tmp_path)


def until(look, seconds=30.0):
    """Return what `look` gives, once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.005)
    return found


def gated(trace):
    """Write a map whose child n ends once somebody notes n."""

    @task
    def wait(n):
        trace.note("begun", n)
        while (n,) not in trace.notes():
            linger(0.02)
        return n * 10

    with Flow("gated") as flow:
        waited = wait.map(Parameter("ns"))
    return flow, waited


def endless(trace):
    """Write a loop that ends once somebody notes that it may."""

    @task
    def loop():
        count = context.get("task_loop_count", 1)
        trace.note(count)
        linger(0.02)
        if ("end",) in trace.notes():
            return count
        raise LOOP(result=count)

    with Flow("endless") as flow:
        looped = loop()
    return flow, looped


def test_submit_takes_what_run_takes_and_its_result_is_that_of_run(executor):
    @task
    def add(x, y):
        return x + y + context.more

    with Flow("adding") as flow:
        added = add(Parameter("x"), Parameter("workers"))

    run = flow.submit({"workers": 20}, x=1, executor=executor, context={"more": 300})
    state = run.result(timeout=60)
    assert state.result[added].result == 321
    assert run.done() and run.result() is state
    assert run.name in repr(run) and "adding" in repr(run) and "ended" in repr(run)


def test_result_raises_what_failed_if_that_was_asked_for():
    @task
    def fail():
        raise ValueError("no use")

    with Flow("failing") as flow:
        fail()
    assert flow.submit(executor="inline").result().is_failed()
    with pytest.raises(ValueError, match="no use"):
        flow.submit(executor="inline", raise_on_failure=True).result()


@one_by_one
def test_result_raises_timeout_error_and_the_run_goes_on(executor, trace):
    flow, waited = gated(trace)
    run = flow.submit(ns=[1], executor=executor)
    with pytest.raises(TimeoutError, match=f"{run.name} has not ended within 0.05 s; it goes on"):
        run.result(timeout=0.05)
    assert not run.done()
    trace.note(1)
    assert run.result().result[waited].result == [10]


def test_what_breaks_a_run_is_raised_by_whoever_waits_for_it():
    def broken(**options):
        raise OSError("no cluster today")

    with Flow("nowhere") as flow:
        number = task(lambda: 1)()
    run = flow.submit(executor=DaskExecutor(cluster_class=broken))
    with pytest.raises(OSError, match="no cluster today"):
        run.result()
    with pytest.raises(OSError, match="no cluster today"):
        list(run.as_completed())
    with pytest.raises(OSError, match="no cluster today"):
        asyncio.run(awaited(run))
    assert type(run.states[number]).__name__ == "Pending"
    assert list(run.history.columns), "there is nothing in it, but it is a table"
    with pytest.raises(ValueError, match="Nothing in this run is"):
        run.approve(number)


async def awaited(run):
    return await run


@one_by_one
def test_await_gives_the_state_and_leaves_the_event_loop_free(executor, trace):
    flow, waited = gated(trace)

    async def both():
        run = flow.submit(ns=[1], executor=executor)
        waiting = asyncio.ensure_future(awaited(run))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(awaited(run), timeout=0.05)
        assert not run.done(), "who gives up waiting does not cancel the run"
        trace.note(1)
        return await waiting

    assert asyncio.run(both()).result[waited].result == [10]


def test_f05_many_runs_go_on_at_once_on_one_client(threads_client, trace):
    flow, waited = gated(trace)
    runs = [flow.submit(ns=[n], executor=threads_client) for n in range(4)]
    for n in range(4):
        assert trace.wait_for("begun", n), "all of them run at the same time"
    assert len({run.name for run in runs}) == 4
    for n in reversed(range(4)):
        trace.note(n)
        assert runs[n].result().result[waited].result == [10 * n]


@one_by_one
def test_states_are_those_of_now_children_of_maps_included(executor, trace):
    @task
    def one(n):
        trace.note("begun", n)
        while n == 1 and ("go",) not in trace.notes():
            linger(0.02)
        return n

    @task
    def total(ns):
        return sum(ns)

    with Flow("looked-at") as flow:
        ones = one.map(Parameter("ns"))
        summed = total(ones)
    run = flow.submit(ns=[0, 1], executor=executor)
    assert trace.wait_for("begun", 1)
    states = until(lambda: (s := run.states)[ones].is_mapped() and s[ones].map_states and s)
    states = until(lambda: (s := run.states)[ones].map_states[0].is_successful() and s)
    assert set(states) == set(flow.tasks)
    assert [type(one).__name__ for one in states[ones].map_states] == ["Success", "Running"]
    assert type(states[summed]).__name__ == "Pending"
    trace.note("go")
    final = run.result()
    assert run.states == final.result
    assert run.states[summed].result == 1


def test_states_say_which_iteration_a_loop_has_come_to(executor, trace):
    flow, looped = endless(trace)
    run = flow.submit(executor=executor)
    assert trace.wait_for(3)
    state = run.states[looped]
    assert not state.is_finished() and state.loop_count >= 1
    trace.note("end")
    assert run.result().is_successful()


def test_o04_states_say_that_a_loop_waits_between_iterations(executor, trace):
    @task
    def wait(x):
        if context.get("task_loop_count", 1) == 2 and context.get("task_loop_result") == 0:
            raise LOOP("later", result=1, after=3600)
        raise LOOP("at once", result=0)

    with Flow("waits") as flow:
        waited = wait.map([1, 2])
    run = flow.submit(executor=executor)

    def both():
        children = getattr(run.states[waited], "map_states", [])
        return len(children) == 2 and [one.loop_count for one in children] == [3, 3] and children

    children = until(both)
    assert [type(one).__name__ for one in children] == ["Scheduled", "Scheduled"]
    assert not any(one.is_running() or one.is_finished() for one in children)
    run.cancel()
    assert run.result(timeout=60).is_cancelled()


def test_l08_cancel_lets_the_running_iteration_end_and_begins_no_other(executor, trace):
    flow, looped = endless(trace)
    run = flow.submit(executor=executor, history=True)
    assert trace.wait_for(2)
    run.cancel()
    state = run.result()
    assert state.is_cancelled() and "run.cancel()" in state.message
    assert state.result[looped].is_cancelled()
    begun = len(trace.notes())
    assert state.result[looped].loop_payload == begun, "what ran has ended and is known"


@on_clusters
def test_cancel_now_gives_up_what_runs(executor, trace):
    flow, waited = gated(trace)
    run = flow.submit(ns=[1], executor=executor)
    assert trace.wait_for("begun", 1)
    run.cancel(now=True)
    assert run.result(timeout=30).is_cancelled()
    assert run.states[waited].map_states[0].is_cancelled()
    trace.note(1)  # lets the abandoned call end


def test_pause_begins_no_attempt_until_resume(executor, trace):
    flow, looped = endless(trace)
    run = flow.submit(executor=executor)
    assert trace.wait_for(2)
    run.pause()
    until(lambda: run.states[looped].is_pending())
    begun = trace.notes()
    linger(0.15)
    assert trace.notes() == begun
    run.resume()
    assert trace.wait_for(len(begun) + 1)
    trace.note("end")
    assert run.result().is_successful()


@one_by_one
def test_a_paused_run_can_be_cancelled(executor, trace):
    flow, _ = endless(trace)
    run = flow.submit(executor=executor)
    assert trace.wait_for(1)
    run.pause()
    run.cancel()
    assert run.result(timeout=30).is_cancelled()


@one_by_one
def test_as_completed_gives_children_in_the_order_of_their_ending(executor, trace):
    @task
    def one(n):
        while ("go",) not in trace.notes():
            linger(0.01)
        return n

    @task
    def after(ns):
        return len(ns)

    @task
    def quick():
        return "quick"

    with Flow("completing") as flow:
        first = quick()
        ones = one.map(Parameter("ns"), upstream_tasks=[unmapped(first)])
        counted = after(ones)
    run = flow.submit(ns=[0, 1, 2], executor=executor)
    told = []
    for done in run.as_completed():
        told.append((done.task, done.map_index, done.state.result))
        trace.note("go")  # the others wait for this: the first is given before the run has ended
    assert told[0] == (first, None, "quick") and told[-1] == (counted, None, 3)
    assert sorted(told[1:-1], key=str) == [(ones, n, n) for n in range(3)]
    assert [one.map_index for one in run.as_completed()] == [one[1] for one in told], "once more"
    with pytest.raises(dataclasses.FrozenInstanceError):
        done.state = None
    run.result()


@one_by_one
def test_async_for_gives_the_same(executor):
    @task
    def double(n):
        return 2 * n

    with Flow("doubling") as flow:
        double.map(list(range(5)))

    async def collected():
        run = flow.submit(executor=executor)
        return sorted([one.state.result async for one in run.as_completed()])

    assert asyncio.run(collected()) == [0, 2, 4, 6, 8]


def counting():
    @task(max_retries=1)
    def loop(n):
        count = context.get("task_loop_count", 1)
        if count == 2 and context.task_run_count == 1:
            raise ValueError("once")
        if count < 3:
            raise LOOP(message=f"round {count}", result=count)
        return n

    with Flow("counting") as flow:
        loop.map([7, 8])
    return flow


_WANTED = [(1, 1, "Looped"), (2, 1, "Failed"), (2, 2, "Looped"), (3, 1, "Success")]


@pytest.mark.parametrize("how", ["history", "journal"])
def test_history_has_a_row_for_each_attempt(executor, how, tmp_path):
    options = {"history": True} if how == "history" else {"journal": tmp_path / "runs"}
    run = counting().submit(executor=executor, **options)
    run.result()
    frame = run.history
    assert list(frame.columns)[:5] == ["task", "map_index", "iteration", "attempt", "state"]
    for index in (0, 1):
        rows = frame[frame.map_index == index]
        assert list(zip(rows.iteration, rows.attempt, rows.state, strict=True)) == _WANTED
    assert set(frame.task) == {"loop"} and frame.message[0] == "round 1"
    assert (frame.seconds >= 0).all() and (frame.started <= frame.ended).all()


@one_by_one
def test_history_without_being_asked_for_has_a_row_for_each_child(executor):
    run = counting().submit(executor=executor)
    run.result()
    rows = run.history.sort_values("map_index")
    assert list(zip(rows.map_index, rows.iteration, rows.state, strict=True)) == [
        (0, 3, "Success"),
        (1, 3, "Success"),
    ]


def test_history_names_the_tasks_of_a_loop_flow_by_the_iteration_that_they_are_in(executor):
    @task
    def add(n):
        return n + 1

    @task
    def double(x):
        return 2 * x

    @loop_flow
    def inner(m, k=0):
        j = add(k)
        return again(k=j).until(j.is_equal(m), result=j)

    @loop_flow
    def grow(n):
        more = add(n)
        double.map([more, more])
        return again(n=inner(more)).until(more > 1, result=more)

    with Flow("grows") as flow:
        grow.map([0, 1])
    run = flow.submit(executor=executor, history=True)
    assert run.result(60).is_successful()
    rows = run.history
    assert set(rows.state) == {"Success", "Looped"}
    of_first = rows[rows.task.str.startswith("grow[0]@1/")]
    assert sorted(zip(of_first.task, of_first.map_index.fillna(-1), strict=True)) == [
        ("grow[0]@1/add-1", -1),
        ("grow[0]@1/double-1", 0),
        ("grow[0]@1/double-1", 1),
        ("grow[0]@1/inner-1", -1),
        ("grow[0]@1/inner-1@1/add-1", -1),
    ]
    own = rows[rows.task == "grow"].sort_values(["map_index", "iteration"])
    assert list(zip(own.map_index, own.iteration, own.state, strict=True)) == [
        (0, 1, "Looped"),
        (0, 2, "Success"),
        (1, 1, "Success"),
    ]


def test_history_is_a_list_of_dicts_where_pandas_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    run = counting().submit(executor="inline", history=True)
    run.result()
    assert [row["state"] for row in run.history if row["map_index"] == 0] == [
        state for *_, state in _WANTED
    ]


@pytest.mark.parametrize("journal", [False, True])
def test_o08_history_has_messages_that_are_no_unicode(tmp_path, journal):
    @task
    def named():
        if context.get("task_loop_count", 1) == 1:
            raise LOOP("read caf\udce9.txt")  # as os.listdir gives a name in Latin-1
        return 1

    with Flow("named") as flow:
        named()
    where = tmp_path / "runs" if journal else False
    run = flow.submit(executor="inline", history=True, journal=where)
    run.result()
    assert list(run.history.message) == ["read caf\\udce9.txt", "Task run succeeded."]
    assert list(run.history.iteration) == [1, 2]


def test_history_can_be_looked_at_while_the_run_goes_on(executor, trace):
    flow, _ = endless(trace)
    run = flow.submit(executor=executor, history=True)
    until(lambda: len(run.history) >= 2)
    trace.note("end")
    run.result()
    assert list(run.history.iteration) == list(range(1, len(trace.notes())))


def test_l09_nothing_inside_a_run_can_wait_for_it(executor):
    runs, told = [], []

    def handler(task, old, new):
        if new.is_running():
            run = until(lambda: runs and runs[0])
            assert type(run.states[numbered]).__name__ in ("Running", "Pending")
            for wait in (run.result, run.as_completed):
                with pytest.raises(RuntimeError, match="of run .* itself"):
                    wait()
            told.append(run.name)

    @task(state_handlers=[handler])
    def number():
        return 1

    with Flow("inside") as flow:
        numbered = number()
    runs.append(flow.submit(executor=executor))
    assert runs[0].result().is_successful()
    assert told == [runs[0].name]


def test_submit_is_refused_where_run_is():
    with Flow("unfinished") as flow, pytest.raises(RuntimeError, match=r"flow.submit\(\)"):
        flow.submit()
    with Flow("empty") as flow:
        pass
    with pytest.warns(UserWarning, match="no tasks"):
        assert flow.submit(executor="inline").result().is_successful()
    with Flow("asking") as flow:
        task(lambda x: x)(Parameter("x"))
    with pytest.raises(ValueError, match="no value for the parameter 'x'"):
        flow.submit(executor="inline")


def test_an_inline_run_that_was_submitted_has_a_thread_of_its_own():
    @task
    def where():
        return threading.get_ident()

    with Flow("where") as flow:
        found = where()
    assert flow.run(executor="inline").result[found].result == threading.get_ident()
    assert flow.submit(executor="inline").result().result[found].result != threading.get_ident()
