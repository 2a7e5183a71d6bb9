"""Loops that converge: a metric, the best payload, patience, and losers of a map."""

from __future__ import annotations

import math

import numpy as np
import pytest

from daskloop import ASHA, Flow, again, loop_flow, task
from daskloop.engine.signals import LOOP
from daskloop.run.converging import Best, compared
from tests.flows.traces import Trace


def losses(*values):
    """Make a loop that reports these, one after the other, and then returns."""

    def body(n=0):
        return again(n=n + 1, metric=values[n]) if n < len(values) else "returned"

    return body


def ends(body, executor="inline", **options):
    """Run one loop; return the state it ended with."""
    with Flow("converging") as flow:
        end = task(body, **options)()
    return flow.run(executor=executor, history=True).result[end]


@pytest.mark.parametrize("batch", [1, "auto"])
def test_v02_v03_a_loop_ends_with_its_best_payload_when_it_is_good_enough_or_gets_no_better(
    executor, batch
):
    with Flow("converging") as flow:
        close = task(losses(5, 3, 4, 2, 0), until=2, batch=batch)()
        spent = task(losses(5, 3, 4, 3, 3.5), patience=3, batch=batch)()
        up = task(losses(1, 7, 2, 6, 9), patience=2, mode="max", batch=batch)()
    state = flow.run(executor=executor)
    assert [state.result[one].result for one in (close, spent, up)] == [
        {"n": 4},
        {"n": 2},
        {"n": 2},
    ]
    assert [state.result[one].loop_count for one in (close, spent, up)] == [4, 5, 4]
    assert state.result[close].message == (
        "The loop reached until=2 with the payload of iteration 4, whose metric is 2."
    )
    assert state.result[spent].message == (
        "The loop got no better in 3 iterations and ended with the payload of iteration 2, whose "
        "metric is 3."
    )


def test_v01_a_metric_is_kept_with_its_iteration_and_changes_no_payload():
    seen = []

    def heard(task, state):
        seen.append((state.metric, state.result))

    state = ends(losses(np.float32(0.5), np.array(2), 1), on_loop=heard)
    assert seen == [(0.5, {"n": 1}), (2.0, {"n": 2}), (1.0, {"n": 3})]
    assert [one.metric for one in state.loop_states] == [0.5, 2.0, 1.0]
    assert state.result == "returned"


def test_v01_the_history_of_a_run_has_the_metrics():
    with Flow("converging") as flow:
        task(losses(0.5, 0.25), name="t")()
    run = flow.submit(executor="inline", history=True)
    run.result()
    assert list(run.history.metric.astype(object).fillna(-1)) == [0.5, 0.25, -1]


def test_v01_signals_report_too():
    def body():
        from daskloop import context

        n = context.get("task_loop_result") or 0
        raise LOOP("on", result=n + 1, metric=n)

    assert ends(body, until=2, mode="max").result == 3


@pytest.mark.parametrize("bad", ["good", None, [1, 2], True])
def test_v06_what_is_no_metric_fails_the_iteration_and_is_not_retried(bad):
    def body(n=0):
        return again(n=n + 1, metric=bad)

    state = ends(body, patience=2, max_retries=3)
    assert state.is_failed() and state.loop_count == 1
    assert "metric" in state.message, state.message


def test_v04_not_a_number_is_worse_than_any():
    assert ends(losses(math.nan, 3, math.nan, math.nan, 1), patience=2).result == {"n": 2}
    assert ends(losses(math.nan, math.nan, math.nan), patience=2).result == {"n": 1}


def test_v02_what_is_better_by_less_than_min_delta_is_no_better():
    assert ends(losses(1, 0.95, 0.91, 0.5), patience=2, min_delta=0.1).result == {"n": 1}
    assert ends(losses(1, 0.95, 0.89, 0.88, 0.87), patience=2, min_delta=0.1).result == {"n": 3}


def test_v03_a_loop_returns_its_best_payload_at_max_loops(executor):
    with Flow("converging") as flow:
        end = task(losses(2, 1, 2, 3, 4), patience=9, on_limit="return", max_loops=4)()
    assert flow.run(executor=executor).result[end].result == {"n": 2}


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_v03_a_loop_returns_its_best_payload_at_max_time(executor):
    def body(n=0):
        return again(n=n + 1, metric=abs(n - 1), after="400 ms" if n > 1 else None)

    with Flow("converging") as flow:
        end = task(body, patience=10**9, on_limit="return", max_time="1 s")()
    assert flow.run(executor=executor).result[end].result == {"n": 2}


def test_v03_without_on_limit_a_limit_still_fails_the_loop():
    state = ends(losses(1, 2, 3), patience=9, max_loops=2)
    assert state.is_failed() and "max_loops=2" in state.message


def test_v03_a_loop_flow_converges_like_any_other(executor):
    @task
    def step(x):
        return x / 2

    @task
    def error(x):
        return abs(x - 1)

    @loop_flow(until=0.2)
    def approach(x):
        nearer = step(x)
        return again(x=nearer, metric=error(nearer))

    with Flow("converging") as flow:
        ends = approach.map([8.8, 4.4])
    assert flow.run(executor=executor).result[ends].result == [{"x": 1.1}, {"x": 1.1}]


def test_l08_a_loop_flow_returns_its_last_payload_at_max_time(executor):
    @loop_flow(max_time="200 ms", on_limit="return")
    def endless(n=0):
        return again(n=n + 1)

    with Flow("converging") as flow:
        end = endless()
    state = flow.run(executor=executor).result[end]
    assert state.result == {"n": state.loop_count} and "max_time=0.2 s" in state.message


def train(rate, epoch=0):
    """Get better by `rate` with each epoch."""
    return again(epoch=epoch + 1, rate=rate, metric=rate * (epoch + 1))


def test_v05_the_losers_of_a_map_end_early_with_their_best_payloads(executor):
    with Flow("search") as flow:
        found = task(
            train, losers=ASHA(factor=9), mode="max", max_loops=3, on_limit="return", max_running=1
        ).map([8, 1, 2, 3, 4])
    state = flow.run(executor=executor).result[found]
    assert [one["epoch"] for one in state.result] == [3, 1, 1, 1, 1]
    assert [one.loop_count for one in state.map_states] == [3, 1, 1, 1, 1]
    assert state.map_states[2].message == (
        "The loop was left behind at iteration 1: 1 of 3 have a better metric than 2."
    )


def test_v05_at_each_rung_the_best_part_of_those_that_came_goes_on():
    asha = ASHA(factor=3, first=2)
    assert [n for n in range(1, 60) if asha.is_rung(n)] == [2, 6, 18, 54]
    assert [better for better in range(9) if asha.goes_on(better, 9)] == [0, 1, 2]
    assert asha.goes_on(0, 1) and not asha.goes_on(1, 2)
    with pytest.raises(ValueError, match=r"ASHA\(factor\)=1"):
        ASHA(factor=1)


@pytest.mark.parametrize("large", [False, True], ids=["inline", "stored"])
def test_v07_v08_a_resumed_loop_knows_its_best_payload(tmp_path, executor, large):
    trace = Trace(tmp_path)
    bulk = 200_000 if large else 0

    def body(n=0, bulk=b""):
        if n == 3 and trace.first("breaks"):
            raise ValueError("the first time")
        trace.note(n)
        return again(n=n + 1, bulk=bytes(bulk_size), metric=[4, 1, 2, 3, 5][n])

    bulk_size = bulk
    with Flow("converging") as flow:
        end = task(body, patience=3)()
    journal = tmp_path / "journal"
    assert flow.run(executor=executor, journal=journal).is_failed()
    state = flow.run(executor=executor, journal=journal, resume=True).result[end]
    assert (state.result["n"], len(state.result["bulk"])) == (2, bulk)
    assert trace.notes() == [(0,), (1,), (2,), (3,), (4,)]


def test_v07_a_resumed_search_knows_who_came_to_each_rung(tmp_path):
    trace = Trace(tmp_path)

    def body(rate, epoch=0):
        if rate == 1 and trace.first("breaks"):
            raise ValueError("the first time")
        return again(epoch=epoch + 1, metric=rate * (epoch + 1))

    with Flow("search") as flow:
        found = task(body, losers=ASHA(factor=2), mode="max", max_loops=4, on_limit="return").map(
            [9, 8, 1]
        )
    journal = tmp_path / "journal"
    flow.run(executor="inline", journal=journal)
    state = flow.run(executor="inline", journal=journal, resume=True).result[found]
    assert "left behind at iteration 1: 2 of 3" in state.map_states[2].message


def test_v07_a_child_taken_back_knows_the_best_of_the_iterations_before(tmp_path):
    trace = Trace(tmp_path)

    def body(n=0):
        trace.note(n)
        first = len(trace.notes()) <= 4
        return again(n=n + 1, metric=([3, 2, 1, 0] if first else [9, 9, 5, 4, 4])[n])

    with Flow("converging") as flow:
        end = task(body, patience=2, until=0, name="t")()
    journal = tmp_path / "journal"
    assert flow.run(executor="inline", journal=journal).result[end].result == {"n": 4}
    options = {"journal": journal, "resume": True, "only": "t", "from_iteration": 3}
    state = flow.run(executor="inline", **options).result[end]
    assert state.result == {"n": 2}
    assert trace.notes() == [(0,), (1,), (2,), (3,), (2,), (3,)]


def test_v03_the_best_of_a_loop_is_found_by_a_pure_function():
    goal = task(losses(), patience=2).goal
    best, over = compared(goal, None, {0: '[2.0, ""]'}, None, 1)
    assert (best, over) == (Best(2.0, None, 1), "")
    assert compared(goal, best, {}, None, 2) == (best, ""), "a handler made it"
    assert compared(goal, best, {0: '[3.0, ""]'}, None, 2) == (best, "")
    assert "no better in 2 iterations" in compared(goal, best, {0: '[2.0, ""]'}, None, 3)[1]


def test_v08_large_payloads_that_are_not_the_best_do_not_stay(tmp_path):
    trace = Trace(tmp_path)
    store = tmp_path / "store"
    store.mkdir()

    def body(n=0, bulk=b""):
        trace.note(sum(one.stat().st_size > 10**5 for one in store.rglob("*")))
        return again(n=n + 1, bulk=bytes(200_000), metric=[3, 1, 2, 2, 2, 2, 2][n])

    with Flow("converging") as flow:
        end = task(body, patience=5)()
    state = flow.run(executor="inline", store=str(store))
    assert state.result[end].result["n"] == 2
    assert trace.notes() == [(0,), (1,), (1,), (2,), (2,), (2,), (2,)]
