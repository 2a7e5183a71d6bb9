"""Several attempts in one future: every rule holds as if each had one of its own (B2)."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import dask
import pytest

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP
from daskloop.record.folder_journal import FolderJournal
from daskloop.run.orders import Orders
from tests.flows.traces import Sightings, Trace, attempt

MODES = ["inline", "threads"]
in_process = pytest.mark.parametrize("executor", MODES, indirect=True)
here = pytest.mark.parametrize("executor", ["inline"], indirect=True)


@pytest.fixture
def trace(tmp_path) -> Trace:
    """Notes of what was called."""
    return Trace(tmp_path)


@pytest.fixture
def futures(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Keep the futures that are sent: how many children each holds."""
    sent: list[Any] = []
    real = Orders.job

    def job(self, pack, now):
        sent.append((pack.key, len(pack.members)))
        return real(self, pack, now)

    monkeypatch.setattr(Orders, "job", job)
    return sent


def looping(to, trace=None, **options):
    """Make a task that loops up to an iteration and returns all that it saw."""

    @task(**options)
    def loop():
        count, _ = attempt()
        if trace is not None:
            trace.note(count)
        seen = [*context.get("task_loop_result", []), count]
        if count < to:
            raise LOOP(f"at {count}", result=seen)
        return seen

    return loop


def run_of(work, *arguments, **options):
    """Run a flow of one task; return the task's state."""
    with Flow("batches") as flow:
        done = work(*arguments)
    return flow.run(**options).result[done]


def map_of(work, items, **options):
    """Run a flow of one map; return the map's state."""
    with Flow("batches") as flow:
        done = work.map(items)
    return flow.run(**options).result[done]


# How many futures


@in_process
def test_b2_short_iterations_share_futures(executor, futures):
    state = run_of(looping(300), executor=executor, batch="auto")
    assert state.result == list(range(1, 301))
    assert len(futures) < 200
    assert (state.loop_count, state.loop_messages) == (300, ("at 297", "at 298", "at 299"))


@in_process
def test_b2_an_iteration_of_20_ms_has_a_future_of_its_own(executor, futures):
    @task
    def slow():
        time.sleep(0.021)
        if attempt()[0] < 5:
            raise LOOP()

    assert run_of(slow, executor=executor, batch="auto").is_successful()
    assert len(futures) == 5


@in_process
def test_b1_without_a_word_each_attempt_has_a_future_of_its_own(executor, futures):
    run_of(looping(7), executor=executor)
    assert len(futures) == len({key for key, _ in futures}) == 7


@in_process
def test_b2_short_children_share_futures(executor, futures):
    @task
    def work(x):
        return x, context.map_index

    state = map_of(work, list(range(500)), executor=executor, batch="auto")
    assert state.result == [(n, n) for n in range(500)]
    assert len(futures) < 300 and max(held for _, held in futures) > 1


@here
@pytest.mark.parametrize("batch", [2, 5])
def test_b2_a_fixed_batch_is_not_exceeded(executor, futures, batch):
    @task
    def work(x):
        return x

    assert map_of(work, list(range(40)), executor=executor, batch=batch).result == list(range(40))
    held = [count for _, count in futures]
    assert max(held) <= batch and sum(held) >= 40


# Whose word counts


@here
@pytest.mark.parametrize(
    ("config", "run", "own", "several"),
    [
        ("auto", None, None, True),
        ("auto", 1, None, False),
        (1, "auto", None, True),
        (1, "auto", 1, False),
        ("auto", 1, "auto", True),
        (1, 1, 50, True),
    ],
)
def test_b2_the_task_is_heard_before_the_run_and_the_run_before_the_configuration(
    executor, futures, config, run, own, several
):
    with dask.config.set({"daskloop.batch": config}):
        run_of(looping(40, batch=own), executor=executor, batch=run)
    assert (len(futures) < 40) is several


BAD = [0, -1, True, "fast", 1.5, [2]]


@pytest.mark.parametrize("batch", BAD, ids=repr)
def test_b2_a_batch_that_is_none_is_refused_where_it_is_given(batch):
    says = rf"batch.*={batch!r}" if batch != [2] else r"batch.*=\[2\]"
    with pytest.raises((TypeError, ValueError), match=says):
        task(batch=batch)(lambda: None)
    with Flow("f") as flow:
        looping(2)()
    with pytest.raises((TypeError, ValueError), match=says):
        flow.run(executor="inline", batch=batch)
    with (
        dask.config.set({"daskloop.batch": batch}),
        pytest.raises((TypeError, ValueError), match=says),
    ):
        flow.run(executor="inline")


# Iterations


@in_process
def test_b2_an_iteration_that_fails_is_retried_alone_and_what_ended_before_stays_ended(
    executor, trace
):
    @task(max_retries=2)
    def loop():
        count, tried = attempt()
        trace.note(count, tried, context.get("task_loop_result"))
        if count == 4 and tried < 3:
            raise ValueError("not yet")
        if count < 6:
            raise LOOP(result=count * 10)
        return "end"

    state = run_of(loop, executor=executor, batch="auto")
    assert state.result == "end"
    wanted = [(1, 1, None), (2, 1, 10), (3, 1, 20)]
    wanted += [(4, tried, 30) for tried in (1, 2, 3)] + [(5, 1, 40), (6, 1, 50)]
    assert trace.notes() == wanted


@in_process
def test_r02_the_delay_of_a_retry_is_kept_between_futures(executor, trace):
    @task(max_retries=1, retry_delay=0.3)
    def loop():
        count, tried = attempt()
        trace.note(time.time())
        if count == 3 and tried == 1:
            raise ValueError("not yet")
        if count < 4:
            raise LOOP()

    assert run_of(loop, executor=executor, batch="auto").is_successful()
    times = [at for (at,) in trace.notes()]
    assert len(times) == 5 and times[3] - times[2] >= 0.3


@in_process
@pytest.mark.parametrize("limit", [1, 2, 7])
def test_l15_max_loops_is_exact_whatever_a_future_holds(executor, trace, limit):
    state = run_of(looping(50, trace, max_loops=limit), executor=executor, batch="auto")
    assert state.is_failed() and f"max_loops={limit}" in state.message
    assert state.loop_count == limit
    assert trace.notes() == [(n,) for n in range(1, limit + 1)]


@in_process
def test_l15_max_time_ends_a_loop_within_a_future(executor):
    @task(max_time=0.2)
    def loop():
        raise LOOP()

    state = run_of(loop, executor=executor, batch=10**6)
    assert state.is_failed() and "max_time=0.2 s" in state.message


@in_process
@pytest.mark.parametrize("how", ["state_handlers", "on_loop"])
def test_l08_whoever_sees_each_state_sees_all_of_them_in_order(executor, futures, how):
    seen = []

    def on_loop(task, state):
        seen.append(state.result)

    sightings = Sightings()
    hook = {"state_handlers": [sightings]} if how == "state_handlers" else {"on_loop": on_loop}
    assert run_of(looping(4, **hook), executor=executor, batch="auto").is_successful()
    assert len(futures) == 4
    if how == "on_loop":
        assert seen == [[1], [1, 2], [1, 2, 3]]
    else:
        assert sightings.story() == "Running Looped Running Looped Running Looped Running Success"


@in_process
def test_r11_what_must_not_run_twice_shares_no_future(executor, futures):
    @task(at_most_once=True)
    def pay(x):
        if attempt()[0] < 2:
            raise LOOP()
        return x

    assert map_of(pay, list(range(20)), executor=executor, batch=50).result == list(range(20))
    assert len(futures) == 40 and {held for _, held in futures} == {1}


# Children


@in_process
def test_b2_a_loop_in_each_child_keeps_its_count_payload_and_keys(executor):
    @task
    def loop(x):
        count, _ = attempt()
        key = context.idempotency_key.partition("/")[2]
        seen = [*context.get("task_loop_result", []), (x, context.map_index, count, key)]
        if count < 3:
            raise LOOP(result=seen)
        return seen

    state = map_of(loop, list("abcdefghij"), executor=executor, batch="auto")
    assert state.result == [
        [(x, n, count, f"loop-1[{n}]@{count}") for count in (1, 2, 3)]
        for n, x in enumerate("abcdefghij")
    ]


@in_process
@pytest.mark.parametrize("batch", ["auto", 10])
def test_f08_what_cannot_travel_fails_its_own_child_in_a_pack(executor, batch):
    @task
    def work(x):
        return threading.Lock() if x == 17 else x

    items = [*range(10), threading.Lock(), *range(11, 30)]
    children = map_of(work, items, executor=executor, batch=batch).map_states
    assert [n for n, child in enumerate(children) if child.is_failed()] == [10, 17]
    assert all(child.result == n for n, child in enumerate(children) if n not in (10, 17))
    assert "work[10]" in children[10].message and "work[17]" in children[17].message


@in_process
def test_r07_a_child_that_fails_in_a_pack_is_retried_and_nobody_else_is(executor, trace):
    @task(max_retries=1)
    def work(x):
        trace.note(x)
        if x % 10 == 3 and context.task_run_count == 1:
            raise ValueError(x)
        return x

    assert map_of(work, list(range(40)), executor=executor, batch=8).result == list(range(40))
    assert Counter(trace.notes()) == {(n,): 1 + (n % 10 == 3) for n in range(40)}


@pytest.mark.parametrize("batch", ["auto", 8])
def test_r08_a_lost_worker_is_charged_to_the_child_that_it_executed(tmp_path, batch):
    trace = Trace(tmp_path)

    @task(max_worker_losses=1)
    def work(x):
        trace.note(x)
        if x == 20:
            os._exit(7)
        return x

    with Flow("loss") as flow:
        done = work.map(list(range(40)))
    state = flow.run(executor="processes", workers=2, batch=batch)
    children = state.result[done].map_states
    assert [n for n, child in enumerate(children) if child.is_crashed()] == [20]
    assert [c.result for n, c in enumerate(children) if n != 20] == [
        n for n in range(40) if n != 20
    ]
    assert Counter(trace.notes())[20,] == 2


# The journal


def records_of(journal):
    """Read the records of the only run there is."""
    (summary,) = FolderJournal(journal).runs()
    return FolderJournal(journal).read(summary.header.run).records


@in_process
def test_b2_each_iteration_has_a_record_of_its_own(executor, tmp_path):
    run_of(looping(60), executor=executor, batch="auto", journal=tmp_path / "journal")
    records = [one for one in records_of(tmp_path / "journal") if one.attempted]
    assert [one.address[-1].iteration for one in records] == list(range(1, 61))
    assert [one.state for one in records] == ["Looped"] * 59 + ["Success"]
    assert [one.message for one in records[:-1]] == [f"at {n}" for n in range(1, 60)]
    assert all(0 < one.started <= one.ended for one in records)


@in_process
def test_b2_a_stop_in_the_middle_keeps_what_ended_and_resume_goes_on(executor, tmp_path, trace):
    stop = threading.Event()

    @task
    def loop():
        count, _ = attempt()
        trace.note(count)
        if count == 5 and trace.first():
            raise RuntimeError("in the middle")
        if count < 10:
            raise LOOP(result=count)
        return count

    with Flow("stopped") as flow:
        done = loop()
    options = {"executor": executor, "batch": "auto", "journal": tmp_path / "journal"}
    assert flow.run(**options).is_failed() and not stop.is_set()
    state = flow.run(**options, resume=True)
    assert state.result[done].result == state.result[done].loop_count == 10
    assert trace.notes() == [(n,) for n in (1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10)]


@here
def test_b2_children_too_large_for_one_message_travel_in_several(executor, futures):
    @task(batch=100)
    def length(text):
        return len(text)

    sizes = [60_000 + number for number in range(100)]
    with Flow("large") as flow:
        lengths = length.map([b"x" * size for size in sizes])
    assert flow.run(executor=executor).result[lengths].result == sizes
    # No more than 34 of them go into one, however many were to travel together.
    assert len(futures) >= 3 and max(packed for _, packed in futures) > 34
