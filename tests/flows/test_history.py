"""The states of ended iterations: counted by default, kept where the user asks for them (L13)."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import daskloop
from daskloop import Flow, Parameter, task
from daskloop.signals import LOOP
from daskloop.states import Looped


@task
def count_up(last: int) -> int:
    """Loop to a number."""
    n = daskloop.context.get("task_loop_result", 0)
    if n < last:
        raise LOOP(f"at {n}", n + 1)
    return n


with Flow("history") as flow:
    counted = count_up.map(Parameter("lasts"))


@pytest.mark.parametrize("batch", [1, "auto"])
def test_l13_history_keeps_the_state_of_each_iteration(executor: Any, batch: Any) -> None:
    state = flow.run(lasts=[0, 3, 5], executor=executor, batch=batch, history=True)
    for last, child in zip([0, 3, 5], state.result[counted].map_states, strict=True):
        kept = child.loop_states
        assert [one.result for one in kept] == list(range(1, last + 1))
        assert [one.loop_count for one in kept] == list(range(1, last + 1))
        assert [one.message for one in kept] == [f"at {n}" for n in range(last)]
        assert all(one.is_looped() for one in kept)


@pytest.mark.parametrize("batch", [1, "auto"])
def test_l13_without_history_iterations_are_counted_only(batch: Any) -> None:
    state = flow.run(lasts=[5], executor="inline", batch=batch)
    (child,) = state.result[counted].map_states
    assert child.loop_states == []
    assert child.loop_count == 6
    assert child.loop_messages == ("at 2", "at 3", "at 4")


def test_l13_a_history_can_be_pickled() -> None:
    state = flow.run(lasts=[2], executor="inline", history=True)
    (child,) = state.result[counted].map_states
    again = pickle.loads(pickle.dumps(child))
    assert [one.result for one in again.loop_states] == [1, 2]


def test_l13_a_resumed_run_has_the_history_from_before_too(tmp_path: Any) -> None:
    refused = [True]

    @task
    def stumble(last: int) -> int:
        n = daskloop.context.get("task_loop_result", 0)
        if n == 2 and refused:
            raise ValueError("not yet")
        if n < last:
            raise LOOP(f"at {n}", n + 1)
        return n

    with Flow("stumbles") as stumbles:
        ended = stumble(Parameter("last"))

    where = {"executor": "inline", "journal": str(tmp_path), "batch": "auto"}
    assert stumbles.run(last=4, **where).is_failed()
    refused.clear()
    state = stumbles.run(last=4, resume=True, history=True, allow_code_change=True, **where)
    assert [one.result for one in state.result[ended].loop_states] == [1, 2, 3, 4]


@task
def grow(size: int) -> int:
    """Loop with payloads that are too large to travel with the attempts."""
    payload = daskloop.context.get("task_loop_result", b"")
    if len(payload) < 3 * size:
        raise LOOP(result=payload + bytes(size))
    return len(payload)


def test_l13_a_history_has_large_payloads_also_of_the_last_iteration(executor: Any) -> None:
    with Flow("large") as large:
        grown = grow(100_000)
    state = large.run(executor=executor, history=True).result[grown]
    sizes = [len(one.result) for one in state.loop_states]
    assert sizes == [100_000, 200_000, 300_000]


@pytest.mark.parametrize("fails", [False, True])
def test_l13_a_recorded_run_keeps_the_large_payloads_of_its_history(
    executor: Any, fails: bool, tmp_path: Any
) -> None:
    @task
    def end(size: int) -> int:
        if fails:
            raise ValueError("no")
        return size

    @task
    def grow_and_end(size: int) -> int:
        return int(end.run(grow.run(size)))

    with Flow("large") as large:
        grown = grow_and_end(100_000)
    where = {"executor": executor, "journal": tmp_path / "runs"}
    state = large.run(history=True, **where).result[grown]
    assert state.is_failed() == fails
    assert [len(one.result) for one in state.loop_states] == [100_000, 200_000, 300_000]
    large.run(**where)
    kept = [len(list(folder.glob("payloads/*"))) for folder in (tmp_path / "runs").iterdir()]
    assert sorted(kept) == [1 if fails else 0, 3], "without a history only what is needed is kept"


def test_l08_a_handler_may_hold_on_to_the_last_iteration_with_a_large_payload(
    executor: Any,
) -> None:
    held = []

    def hold(subject: Any, old: Any, new: Any) -> None:
        held.append(new)

    with Flow("large") as large:
        grow.copy(state_handlers=[hold])(100_000)
    state = large.run(executor=executor)
    assert state.is_successful()
    sizes = [len(one.result) for one in held if one.is_looped()]
    assert sizes == [100_000, 200_000, 300_000]


def test_l01_l13_a_looped_state_that_a_handler_made_knows_its_iteration(executor: Any) -> None:
    def other(subject: Any, old: Any, new: Any) -> Any:
        return Looped("other", result=new.result) if new.is_looped() else None

    with Flow("others") as others:
        end = count_up.copy(state_handlers=[other])(3)
    state = others.run(executor=executor, history=True).result[end]
    assert [one.loop_count for one in state.loop_states] == [1, 2, 3]
    assert state.loop_messages == ("other", "other", "other")
