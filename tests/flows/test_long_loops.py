"""Loops of many iterations, what they remember, and how they share slots (L12-L14, B1)."""

from __future__ import annotations

import sys
from typing import Any

import psutil

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP
from tests.flows.traces import Trace, attempt, on_clusters


@task
def add_up(last):
    """Sum 1..last, one number an iteration."""
    n, total = context.get("task_loop_result", (1, 0))
    if n < last:
        raise LOOP(result=(n + 1, total + n))
    return total + n


def test_l12_c11_five_thousand_iterations_give_the_right_sum():
    with Flow("long") as flow:
        total = add_up(5000)
    state = flow.run(executor="inline")
    assert state.result[total].result == 5000 * 5001 // 2
    assert state.result[total].loop_count == 5000


@on_clusters
def test_l12_c11_three_hundred_iterations_give_the_right_sum(executor):
    with Flow("long") as flow:
        total = add_up(300)
    state = flow.run(executor=executor)
    assert state.result[total].result == 300 * 301 // 2
    assert state.result[total].loop_count == 300


def depth() -> int:
    """Return the number of frames under the caller."""
    frame: Any = sys._getframe(1)
    number = 0
    while frame is not None:
        number, frame = number + 1, frame.f_back
    return number


def test_l12_c11_neither_the_stack_nor_the_memory_grows_with_the_count():
    @task
    def measure():
        n, seen, _ = context.get("task_loop_result", (1, [], b""))
        if n in (500, 3000):
            seen = [*seen, (depth(), psutil.Process().memory_info().rss)]
        if n < 3000:
            raise LOOP(message="x" * 1000, result=(n + 1, seen, bytes([n % 256]) * 20_000))
        return seen

    with Flow("flat") as flow:
        measured = measure()
    (early_depth, early_bytes), (late_depth, late_bytes) = (
        flow.run(executor="inline").result[measured].result
    )
    assert late_depth == early_depth
    # 2,500 payloads of 20 kB would be 50 MB if they were kept.
    assert late_bytes - early_bytes < 20_000_000


def test_l13_the_final_state_knows_its_count_and_the_last_messages(executor):
    @task
    def talk():
        count = context.get("task_loop_count", 1)
        if count < 4:
            raise LOOP(message=f"page {count}", result=count)
        return "end"

    with Flow("talk") as flow:
        end = talk()
    state = flow.run(executor=executor).result[end]
    assert state.loop_count == 4
    assert list(state.loop_messages)[-1] == "page 3"
    assert list(state.loop_messages) == ["page 1", "page 2", "page 3"][-len(state.loop_messages) :]


def test_l13_a_failed_loop_knows_its_count_and_its_last_good_payload(executor):
    @task
    def break_down():
        count = context.get("task_loop_count", 1)
        if count == 3:
            raise ValueError("at three")
        raise LOOP(message=f"m{count}", result={"page": count})

    with Flow("broken") as flow:
        end = break_down()
    state = flow.run(executor=executor).result[end]
    assert state.is_failed()
    assert state.loop_count == 3
    assert state.loop_payload == {"page": 2}
    assert state.loop_messages[-1] == "m2"
    assert isinstance(state.result, ValueError)


def test_l13_children_of_a_map_know_their_own_loops(executor):
    @task
    def count_to(number):
        n = context.get("task_loop_result", 1)
        if n < number:
            raise LOOP(message=f"{number}: {n}", result=n + 1)
        return n

    with Flow("children") as flow:
        ended = count_to.map([2, 5, 3])
    children = flow.run(executor=executor).result[ended].map_states
    assert [child.loop_count for child in children] == [2, 5, 3]
    assert [child.loop_messages[-1] for child in children] == ["2: 1", "5: 4", "3: 2"]


def test_l14_loops_that_wait_for_each_other_on_one_slot_both_end(tmp_path):
    trace = Trace(tmp_path)

    @task
    def meet(me, other):
        trace.note(me)
        if (other,) in trace.notes():
            return context.get("task_loop_count", 1)
        if context.get("task_loop_count", 1) == 500:
            raise AssertionError(f"{other} never had its turn")
        raise LOOP(message="not yet")

    with Flow("meeting") as flow:
        a = meet("a", "b")
        b = meet("b", "a")
    state = flow.run(executor="threads", workers=1)
    assert state.is_successful(), (state.result[a], state.result[b])


def test_l14_started_loops_take_turns(tmp_path):
    trace = Trace(tmp_path)

    @task
    def turn(name):
        trace.note(name)
        n, met = context.get("task_loop_result", (1, None))
        if met is None and len({who for (who,) in trace.notes()}) == 3:
            met = n
        # Ten more turns once all three have started, so that all of these overlap.
        if met is not None and n == met + 10:
            return n
        raise LOOP(result=(n + 1, met))

    with Flow("turns") as flow:
        turn.map(["a", "b", "c"])
    assert flow.run(executor="threads", workers=1).is_successful()
    order = [who for (who,) in trace.notes()]
    start = max(order.index(name) for name in "abc") + 1
    together = order[start : start + 18]
    for name in "abc":
        assert 3 <= together.count(name) <= 9, "".join(order)


@on_clusters
def test_b01_c61_twenty_iterations_have_twenty_keys_of_their_own(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def spin():
        from distributed import get_worker

        trace.note(str(get_worker().get_current_task()), *attempt())
        if context.get("task_loop_count", 1) < 20:
            raise LOOP()

    with Flow("keys") as flow:
        spin()
    assert flow.run(executor=executor, batch=1).is_successful()
    notes = trace.notes()
    assert [(count, tried) for _, count, tried in notes] == [(n, 1) for n in range(1, 21)]
    assert len({key for key, _, _ in notes}) == 20
