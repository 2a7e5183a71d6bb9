"""A small flow that takes a driver through all of its steps, without a cluster and quickly."""

from __future__ import annotations

from typing import Any

from daskloop import Flow, again, context, loop_flow, task
from daskloop.engine.signals import LOOP
from tests.chaos.notes import noted

__all__ = ["ITERATIONS", "RESULTS", "flow"]

_BULK = 70_000  # bytes of a payload that goes to the store


def see(task: Any, old: Any, new: Any) -> None:
    """Handle a state: its answer comes a turn later."""


@task(max_retries=2, state_handlers=[see])
def grow(number: int) -> int:
    with noted():
        count: int = context.get("task_loop_count", 1)
        if count == 2 and context.task_run_count == 1:
            raise ValueError("fails once")
        if count < 3:
            raise LOOP(result=number * count)
        return number * count


@task(max_retries=1)
def carry(number: int) -> int:
    with noted():
        done, bulk = context.get("task_loop_result", (0, b""))
        if len(bulk) != (_BULK if done else 0):
            raise AssertionError("a payload of another iteration")
        if done < 2:
            raise LOOP(result=(done + 1, bytes(_BULK)))
        return number + done


@task(at_most_once=True)
def ring(number: int) -> int:
    with noted():
        return -number


@task
def add(x: int, before: int) -> int:
    with noted():
        return x + before


@loop_flow
def gather(x: int, n: int = 1, before: int = 0) -> Any:
    """Loop twice over one task."""
    after = add(x, before)
    return again(n=n + 1, before=after).until(n >= 2, result=after)


@task
def total(grown: list[int], carried: int, gathered: int) -> int:
    with noted():
        return sum(grown) + carried + gathered


with Flow("swept") as flow:
    answer = total(grow.map([1, 2]), carry(5), gather(7))
    ring.map([1, 2])
flow.set_reference_tasks([answer])

RESULTS = {"grow": [3, 6], "carry": 7, "gather": 14, "total": 30}
ITERATIONS = {
    *(f"grow-1[{n}]@{turn}" for n in (0, 1) for turn in (1, 2, 3)),
    *(f"carry-1@{turn}" for turn in (1, 2, 3)),
    *(f"ring-1[{n}]@1" for n in (0, 1)),
    *(f"gather-1@{turn}/add-1@1" for turn in (1, 2)),
    "total-1@1",
}
"""All iterations that call a function, by their idempotency keys without the run."""
