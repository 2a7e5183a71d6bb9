"""Carry a large array through a loop and watch what it costs the client, in a process of its own.

python ci/bench/memory.py EXECUTOR MEGABYTES ITERATIONS

prints one line of JSON. EXECUTOR is "processes" or "client".
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy
import psutil
from distributed import Client, LocalCluster

import daskloop
from daskloop import Flow, Parameter, task
from daskloop.signals import LOOP

_WARM_UP = 6  # iterations before memory is looked at


@task
def carry(megabytes: int, iterations: int) -> tuple[float, float, float]:
    """Loop over an array; return its last number and when the first and last iteration ended."""
    number, array, first = daskloop.context.get("task_loop_result", (0, None, 0.0))
    if array is None:
        array = numpy.zeros(megabytes * 125_000)
    array += 1
    number += 1
    first = first or time.time()
    if number < iterations:
        raise LOOP(result=(number, array, first))
    return float(array[-1]), first, time.time()


with Flow("carry") as flow:
    carried = carry(Parameter("megabytes"), Parameter("iterations"))


def seconds_per_iteration(executor: Any, megabytes: int, iterations: int) -> float:
    """Run the loop and return the time from the first iteration's end to the last's, each."""
    state = flow.run(megabytes=megabytes, iterations=iterations, executor=executor, workers=None)
    state.raise_if_failed()
    last, first_end, last_end = state.result[carried].result
    assert last == iterations
    return float((last_end - first_end) / (iterations - 1))


@contextmanager
def memory_watched() -> Iterator[dict[str, float]]:
    """Note how far the memory of this process rises, at its peak and in the end, in MB."""
    gc.collect()
    process = psutil.Process()
    before = peak = process.memory_info().rss
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.01):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    growth: dict[str, float] = {}
    try:
        yield growth
    finally:
        ended.set()
        watcher.join()
        gc.collect()
        growth["peak_mb"] = (max(peak, process.memory_info().rss) - before) / 1e6
        growth["end_mb"] = (process.memory_info().rss - before) / 1e6


def measured(executor: Any, megabytes: int, iterations: int) -> dict[str, float]:
    """Measure one loop after a short one that warms up."""
    seconds_per_iteration(executor, megabytes, _WARM_UP)
    with memory_watched() as growth:
        seconds = seconds_per_iteration(executor, megabytes, iterations)
    return {"seconds_per_iteration": seconds, **growth}


def main(name: str, megabytes: int, iterations: int) -> None:
    """Measure on an executor and print the figures."""
    if name == "processes":
        found = measured("processes", megabytes, iterations)
    else:
        with local_processes() as cluster, Client(cluster) as client:
            found = measured(client, megabytes, iterations)
    print(json.dumps(found))


def local_processes() -> LocalCluster:
    """Start two worker processes that listen on loopback only."""
    return LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
