"""Measure how far one driver and one scheduler reach.

python ci/bench/scaling.py [--quick] [--only 1,2]

  1  CPU for each attempt in strict mode: driver, scheduler, workers, each in processes of its own
  2  many slots, simulated by threads that sleep: share of the ideal, by the length of an iteration

Prints a table. A run without --quick writes every figure to docs/performance/raw-scaling.json.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import looping
import psutil
from batch import run, threads_cluster
from distributed import Client
from measuring import Figure, Row, command_line, sample, settle

from daskloop.executors.local_cluster import start_processes

_BUSY = 2.0  # load above which figures of two cores say little
_RAW = Path(__file__).resolve().parents[2] / "docs" / "performance" / "raw-scaling.json"


def seconds_of(processes: list[psutil.Process]) -> float:
    """Add up the CPU time that processes have taken."""
    times = [one.cpu_times() for one in processes]
    return sum(one.user + one.system for one in times)


def costs(quick: bool) -> Iterator[Row]:
    """Measure the CPU time of each part, for loops of trivial iterations."""
    repeats = 1 if quick else 5
    for loops, count in ((100, 5),) if quick else ((100, 20), (1_000, 5)):
        found: dict[str, list[float]] = {"driver": [], "scheduler": [], "workers": []}
        cluster = start_processes(2)
        try:
            with Client(cluster.scheduler_address) as client:
                scheduler = psutil.Process(cluster.process.pid)
                workers = [psutil.Process(pid) for pid in client.run(_own_pid).values()]
                parts = {
                    "driver": [psutil.Process()],
                    "scheduler": [scheduler],
                    "workers": workers,
                }
                for turn in range(repeats + 1):
                    settle(client)
                    before = {name: seconds_of(some) for name, some in parts.items()}
                    looping.loops(client, loops, count)
                    for name, some in parts.items():
                        if turn:  # the first one warms up
                            spent = seconds_of(some) - before[name]
                            found[name].append(spent / loops / count * 1000)
        finally:
            cluster.close()
        for name, values in found.items():
            figure = Figure("strict", "ms", [sample(value) for value in values])
            what = f"1. CPU of each attempt, {loops:,} loops of {count}: {name}"
            yield Row(what, "processes", figure, "stated", True)


def _own_pid() -> int:
    import os

    return os.getpid()


def many_slots(quick: bool) -> Iterator[Row]:
    """Measure loops whose iterations sleep, as many loops as there are slots."""
    lengths = (0.2, 1.0) if quick else (0.25, 0.5, 1.0, 2.0, 4.0)
    for slots in (50,) if quick else (250, 1_000):
        with threads_cluster(slots) as cluster, Client(cluster) as client:
            for seconds in lengths:
                began = time.perf_counter()
                flow, result = looping.sleeping_flow, looping.sleeping_result
                options = {"seeds": [seconds] * slots, "iterations": 4}
                run(flow, result, client, batch=1, **options)
                took = time.perf_counter() - began
                share = Figure("strict", "%", [sample(4 * seconds / took * 100)])
                rate = slots * 4 / took
                what = f"2. {slots:,} loops of 4 x {seconds:g} s, of the ideal ({rate:.0f} /s)"
                yield Row(what, f"{slots:,} threads", share, "stated", True)


_MEASUREMENTS: dict[str, Callable[[bool], Iterator[Row]]] = {"1": costs, "2": many_slots}


if __name__ == "__main__":
    command_line(__doc__, _MEASUREMENTS, _RAW, _BUSY)
