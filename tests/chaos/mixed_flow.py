"""A flow with some of everything, all of whose results are known beforehand.

`careful` has a map that is `at_most_once` and so keeps its claims on disk; `quick` keeps them in
memory.
"""

from __future__ import annotations

import time
from typing import Any

from daskloop import Flow, Parameter, Task, again, context, loop_flow, task
from daskloop.engine.signals import LOOP
from tests.chaos.notes import noted

__all__ = ["FLOWS", "careful", "quick"]

_BULK = 100_000  # bytes of a payload that goes to the store


@task
def numbers(size: int) -> list[int]:
    with noted():
        return list(range(size))


@task(max_retries=8, retry_delay=0.05, max_worker_losses=100)
def grow(number: int) -> int:
    """Loop 4 to 12 times; the first attempt at the third iteration fails."""
    with noted():
        count: int = context.get("task_loop_count", 1)
        total: int = context.get("task_loop_result", 0) + number * count
        time.sleep(0.03)
        if count == 3 and context.task_run_count == 1:
            raise ValueError(f"{number} fails once")
        if count < 4 + number % 9:
            raise LOOP(f"{number} is at {total}", total)
        return total


@task(max_worker_losses=100, max_retries=8)
def double(number: int) -> int:
    with noted():
        time.sleep(0.02)
        return 2 * number


@task(batch="auto", max_worker_losses=100, max_retries=8)
def tick(number: int) -> list[int]:
    """Loop 25 times, quickly, so that many iterations share a future."""
    with noted():
        seen: list[int] = context.get("task_loop_result", [])
        time.sleep(0.001)
        if len(seen) < 24:
            raise LOOP(result=[*seen, number + len(seen)])
        return seen


@task(max_worker_losses=100, max_retries=8)
def carry(number: int) -> int:
    """Loop 5 times with a payload that is stored."""
    with noted():
        done, bulk = context.get("task_loop_result", (0, b""))
        if len(bulk) != (_BULK if done else 0) or bulk.strip(bytes([number % 256])):
            raise AssertionError(f"iteration {done + 1} was given {len(bulk)} bytes of another one")
        time.sleep(0.02)
        if done < 4:
            raise LOOP(result=(done + 1, bytes([number % 256]) * _BULK))
        return number + done


@task(timeout=0.7, max_retries=8, max_worker_losses=100)
def late(number: int) -> int:
    """Run out of time in the first attempt at each of 2 iterations."""
    with noted(greedy=False):
        count: int = context.get("task_loop_count", 1)
        if context.task_run_count == 1:
            time.sleep(60)
        if count < 2:
            raise LOOP(result=count)
        return number * count


@task(at_most_once=True)
def ring(number: int) -> int:
    with noted(greedy=False):
        time.sleep(0.05)
        return -number


@task(max_worker_losses=100, max_retries=8)
def fetch(n: int, who: int) -> int:
    with noted():
        time.sleep(0.02)
        return 10 * who + n


@task(max_worker_losses=100, max_retries=8, retry_delay=0.02)
def check(x: int, n: int, who: int) -> int:
    with noted():
        if (n + who) % 3 == 0 and context.task_run_count == 1:
            raise ConnectionError("now and then")
        return x + 1


@task(max_worker_losses=100, max_retries=8)
def add(x: int, before: int) -> int:
    with noted():
        return before + x


@loop_flow
def gather(who: int, n: int = 1, before: int = 0) -> Any:
    """Loop 4 times over three tasks."""
    after = add(check(fetch(n, who), n, who), before)
    return again(n=n + 1, before=after).until(n >= 4, result=after)


@task(max_worker_losses=100, max_retries=8)
def total(doubled: list[int], ticked: list[list[int]], carried: list[int], lates: list[int]) -> int:
    with noted():
        return sum(doubled) + sum(map(sum, ticked)) + sum(carried) + sum(lates)


def _flow(name: str, careful: bool) -> Flow:
    with Flow(name) as flow:
        size = Parameter("size", type=int)
        some = numbers(size)
        doubled = double.map(grow.map(some))
        answer = total(doubled, tick.map(some), carry.map(some), late.map([1, 2]))
        gathered = gather.map([1, 2, 3])
        deciding: list[Task] = [answer, gathered]
        if careful:
            ring.map(some)
    # An attempt that must not be made again may be lost: that is no failure of the flow.
    flow.set_reference_tasks(deciding)
    return flow


careful = _flow("careful", True)
quick = _flow("quick", False)
FLOWS = {"careful": careful, "quick": quick}
