"""Copied, joined and changed flows run like any other."""

from __future__ import annotations

import pytest

from daskloop import Flow, Parameter, context, task
from daskloop.engine.signals import LOOP


@task
def count(limit):
    n = context.get("task_loop_result", 0) + 1
    if n < limit:
        raise LOOP(result=n)
    return n


@task
def total(numbers):
    return sum(numbers)


@task
def largest(numbers):
    return max(numbers)


def counting(name="counting"):
    with Flow(name) as flow:
        whole = total(count.map(Parameter("limits")))
    return flow, whole


def test_f15_a_copy_runs_and_the_original_too(executor):
    flow, whole = counting()
    new = flow.copy()
    (again,) = new.get_tasks(slug=flow.slugs[whole])
    assert new.run(limits=[1, 2, 3], executor=executor).result[again].result == 6
    assert flow.run(limits=[2, 2], executor=executor).result[whole].result == 4


def test_f15_a_copy_of_a_flow_that_is_being_written_is_not_open():
    with Flow("open") as flow:
        total([1, 2])
        new = flow.copy()
        with pytest.raises(RuntimeError, match="still being written"):
            flow.run()
    assert new.run(executor="inline").is_successful()


def test_f15_a_copy_keeps_executor_and_handlers():
    heard = []
    flow = Flow("f", state_handlers=[lambda flow, old, new: heard.append(flow)], executor="inline")
    with flow:
        total([1])
    new = flow.copy()
    new.run()
    assert new.executor == "inline" and heard and set(heard) == {new}


def test_f16_two_flows_run_as_one(executor):
    flow, whole = counting()
    with Flow("second") as second:
        most = largest(count.map(Parameter("limits")))
    made = flow.update(second, merge_parameters=True)
    state = flow.run(limits=[1, 2, 3], executor=executor)
    assert state.result[whole].result == 6
    assert state.result[made[most]].result == 3
    assert second.run(limits=[4], executor="inline").result[most].result == 4


def test_f17_another_task_runs_in_the_place(executor):
    flow, whole = counting()
    new = largest.copy()
    flow.replace(whole, new)
    state = flow.run(limits=[1, 2, 3], executor=executor)
    assert state.result[new].result == 3 and whole not in state.result
