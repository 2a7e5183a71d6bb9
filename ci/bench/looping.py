"""The same work as flows of daskloop."""

from __future__ import annotations

import time
from typing import Any

from raw_dask import add_one, next_pair

import daskloop
from daskloop import Flow, Parameter, task, unmapped
from daskloop.signals import LOOP

__all__ = [
    "chain",
    "chain_flow",
    "chain_result",
    "loops",
    "loops_flow",
    "loops_result",
    "map_flow",
    "map_result",
    "sleeping_flow",
    "sleeping_result",
    "wide_map",
]


@task
def iterate(seed: int, iterations: int) -> int:
    """Be one loop."""
    pair = next_pair(daskloop.context.get("task_loop_result", (0, seed)))
    if pair[0] < iterations:
        raise LOOP(result=pair)
    return pair[1]


@task
def one(x: int) -> int:
    """Be one task of a map."""
    return add_one(x)


@task
def sleeping(seconds: float, iterations: int) -> int:
    """Be one loop that waits."""
    time.sleep(seconds)
    count = daskloop.context.get("task_loop_result", 0) + 1
    if count < iterations:
        raise LOOP(result=count)
    return count


with Flow("sleepers") as sleeping_flow:
    sleeping_result = sleeping.map(Parameter("seeds"), unmapped(Parameter("iterations")))

with Flow("chain") as chain_flow:
    chain_result = iterate(Parameter("seed"), Parameter("iterations"))

with Flow("loops") as loops_flow:
    loops_result = iterate.map(Parameter("seeds"), unmapped(Parameter("iterations")))

with Flow("map") as map_flow:
    map_result = one.map(Parameter("xs"))


def chain(executor: Any, iterations: int) -> int:
    """Run one loop."""
    state = chain_flow.run(seed=1, iterations=iterations, executor=executor)
    state.raise_if_failed()
    result: int = state.result[chain_result].result
    return result


def loops(executor: Any, count: int, iterations: int) -> list[int]:
    """Run many loops."""
    state = loops_flow.run(seeds=list(range(count)), iterations=iterations, executor=executor)
    state.raise_if_failed()
    results: list[int] = state.result[loops_result].result
    return results


def wide_map(executor: Any, width: int) -> list[int]:
    """Run a map, and open all its results."""
    state = map_flow.run(xs=list(range(width)), executor=executor)
    state.raise_if_failed()
    results: list[int] = state.result[map_result].result
    return results
