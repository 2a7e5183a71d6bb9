"""Measure tiny work with many attempts in one future, and strict mode where futures are the point.

python ci/bench/batch.py [--quick] [--only 1,2]

  1  one loop of 100,000 trivial iterations, batch="auto": each, with a journal and without
  2  10,000 loops of 10: iterations per second, with a journal and without
  3  32 loops of 10 iterations that sleep 10 ms, on 16 threads: share of the ideal 0.2 s; on the
     same cluster as the way by hand, and on clusters of our own (their start is not counted)
  4  a map of 20,000 trivial tasks: tasks per second; on a client, with all results opened, and on a
     cluster of our own, without its start and with the results closed
  5  1,000 children of 10 µs and 1,000 of 2 s, shuffled, on 16 threads (two minutes)
  6  memory: what a loop of 1,000,000 takes beyond one of 100,000, and what the scheduler keeps
  7  CPU of the driver's process for each attempt, strict, beyond client.map of the same waves

Prints a table. A run without --quick writes every figure of what it measured to
docs/performance/raw-batch.json, and leaves what it did not measure there as it is.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import looping
import raw_dask
from chain import connected
from distributed import Client, LocalCluster
from measuring import Figure, Row, Sample, command_line, in_turns, sample, settle, turns
from own_cluster import seconds_of, seconds_of_run

from daskloop import Flow, Parameter, task
from daskloop.executors.local_cluster import start_processes

_HERE = Path(__file__).resolve().parent
_WINDOW = 2 * 4 + 32  # attempts that a run keeps in flight on two slots
_BUSY = 2.0  # load above which figures of two cores say little
_RAW = _HERE.parents[1] / "docs" / "performance" / "raw-batch.json"


@task
def rest(seconds: float) -> float:
    """Be a child that sleeps."""
    time.sleep(seconds)
    return seconds


with Flow("mix") as mix_flow:
    rested = rest.map(Parameter("times"))


def threads_cluster(threads: int) -> LocalCluster:
    """Start a cluster of one worker in this process."""
    return LocalCluster(
        n_workers=1,
        threads_per_worker=threads,
        processes=False,
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
    )


@contextmanager
def lonely_scheduler() -> Iterator[Client]:
    """Start two worker processes and a scheduler that is not in this process either."""
    cluster = start_processes(2)
    try:
        with Client(cluster.scheduler_address) as client:
            yield client
    finally:
        cluster.close()


def run(flow: Flow, result: Any, client: Client, **options: Any) -> Any:
    """Run a flow, open its result; with ``journal=True`` in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        if options.pop("journal", False):
            options["journal"] = folder
        state = flow.run(executor=client, batch=options.pop("batch", "auto"), **options)
        state.raise_if_failed()
        return state.result[result].result


def both(client: Client, unit: str, amount: int, repeats: int, way: Callable[..., Any]) -> Any:
    """Measure a way with a journal and without, in turns."""
    return in_turns(
        {"without": partial(way, journal=False), "with": partial(way, journal=True)},
        unit=unit,
        amount=amount,
        repeats=repeats,
        between=partial(settle, client),
    )


def one_loop(quick: bool) -> Iterator[Row]:
    """Measure one long loop."""
    count, repeats = (10_000, 1) if quick else (100_000, 5)
    for kind in ("threads", "processes"):
        with connected(kind) as client:
            way = partial(
                run, looping.chain_flow, looping.chain_result, client, seed=1, iterations=count
            )
            plain, recorded = both(client, "ms", count, repeats, way)
        what = f"1. one loop of {count:,}, per iteration"
        yield Row(what, kind, plain, "< 0.020 ms", plain.median < 0.020)
        yield Row(f"{what}, recorded", kind, recorded, "< 0.040 ms", recorded.median < 0.040)


def many_loops(quick: bool) -> Iterator[Row]:
    """Measure many short loops."""
    loops, repeats = (1_000, 1) if quick else (10_000, 5)
    for kind, goal in (("threads", 50_000), ("processes", 40_000)):
        with connected(kind) as client:
            way = partial(
                run,
                looping.loops_flow,
                looping.loops_result,
                client,
                seeds=list(range(loops)),
                iterations=10,
            )
            plain, recorded = both(client, "/s", loops * 10, repeats, way)
        what = f"2. {loops:,} loops of 10, iterations"
        yield Row(what, kind, plain, f"> {goal:,} /s", plain.median > goal)
        half = recorded.median / plain.median
        met = half >= 0.5
        yield Row(f"{what}, recorded", kind, recorded, "ratio >= 0.5", met, plain, half)


def sleepers(quick: bool) -> Iterator[Row]:
    """Measure loops that wait, beside the driver written by hand."""
    repeats = 1 if quick else 7
    with threads_cluster(16) as cluster, Client(cluster) as client:
        common = {"seeds": [0.01] * 32, "iterations": 10}
        flow, result = looping.sleeping_flow, looping.sleeping_result
        figures = in_turns(
            {
                "by hand": partial(raw_dask.sleeping_loops, client, 32, 10, 0.01),
                "auto": partial(run, flow, result, client, **common),
                "strict": partial(run, flow, result, client, batch=1, **common),
            },
            unit="/s",
            amount=1,
            repeats=repeats,
            between=partial(settle, client),
        )
    raw, auto, strict = (share_of(figure, 0.2) for figure in figures)
    yield from sleeping_rows("16 threads", raw, auto, strict)
    yield from own_sleepers(quick)


def own_sleepers(quick: bool) -> Iterator[Row]:
    """Measure the same loops on clusters of our own, without their start."""
    ways: dict[str, Callable[[], float]] = {
        name: partial(
            seconds_of_run,
            looping.sleeping_flow,
            "threads",
            16,
            batch,
            seeds=[0.01] * 32,
            iterations=10,
        )
        for name, batch in (("auto", "auto"), ("strict", 1))
    }
    with threads_cluster(16) as cluster, Client(cluster) as client:
        by_hand = partial(raw_dask.sleeping_loops, client, 32, 10, 0.01)
        ways = {"by hand": partial(seconds_of, by_hand), **ways}
        found: dict[str, list[Sample]] = {name: [] for name in ways}
        by_hand()  # to warm up
        for name in turns(ways, 1 if quick else 7):
            settle(client)
            found[name].append(sample(0.2 / ways[name]() * 100))
    raw, auto, strict = (Figure(name, "%", values) for name, values in found.items())
    yield from sleeping_rows("16 threads of our own", raw, auto, strict)


def sleeping_rows(where: str, raw: Figure, auto: Figure, strict: Figure) -> Iterator[Row]:
    """Put shares of the ideal into rows."""
    what = "3. 32 loops of 10 x 10 ms, of the ideal"
    yield Row(f"{what}, auto", where, auto, ">= 90 %", auto.median >= 90, raw)
    ratio = strict.median / raw.median
    yield Row(f"{what}, strict", where, strict, "ratio >= 1.3", ratio >= 1.3, raw, ratio)


def share_of(runs_per_second: Figure, ideal: float) -> Figure:
    """Turn runs per second into per cent of what is possible."""
    shares = [sample(one.value * ideal * 100, one.cpu) for one in runs_per_second.samples]
    return Figure(runs_per_second.name, "%", shares)


def wide_map(quick: bool) -> Iterator[Row]:
    """Measure a map of trivial tasks."""
    width, repeats = (2_000, 1) if quick else (20_000, 7)
    for kind in ("threads", "processes"):
        with connected(kind) as client:
            way = partial(run, looping.map_flow, looping.map_result, client, xs=list(range(width)))
            (ours,) = in_turns(
                {"auto": way},
                unit="/s",
                amount=width,
                repeats=repeats,
                between=partial(settle, client),
            )
        met = ours.median > 60_000 or kind == "processes"
        goal = "> 60,000 /s" if kind == "threads" else "stated"
        yield Row(f"4. a map of {width:,}, tasks", kind, ours, goal, met)
    way = partial(seconds_of_run, looping.map_flow, "threads", 2, "auto", xs=list(range(width)))
    way()  # to warm up
    own = Figure("auto", "/s", [sample(width / way()) for _ in range(repeats)])
    where = "2 threads of our own"
    yield Row(f"4. a map of {width:,}, tasks", where, own, "> 60,000 /s", own.median > 60_000)


def mix(quick: bool) -> Iterator[Row]:
    """Measure short and long children side by side, once: it takes two minutes."""
    each, long = (48, 0.2) if quick else (1_000, 2.0)
    times = [1e-5] * each + [long] * each
    random.Random(7).shuffle(times)
    with threads_cluster(16) as cluster, Client(cluster) as client:
        began = time.perf_counter()
        run(mix_flow, rested, client, times=times)
        took = time.perf_counter() - began
    ideal = -(-each // 16) * long
    over = Figure("auto", "%", [sample((took / ideal - 1) * 100)])
    what = f"5. {each:,} of 10 µs and {each:,} of {long:g} s, over the perfect {ideal:g} s"
    yield Row(what, "16 threads", over, "<= 5 %", over.median <= 5)


def memory(quick: bool) -> Iterator[Row]:
    """Measure what stays, each time in a fresh process."""
    short, long = (2_000, 20_000) if quick else (100_000, 1_000_000)
    found: dict[str, list[float]] = {"grown": [], "tasks": []}
    for _ in range(1 if quick else 3):
        program = [sys.executable, str(_HERE / "flat.py"), str(short), str(long)]
        ended = subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True)
        for name, value in json.loads(ended.stdout.splitlines()[-1]).items():
            found[name].append(value)
    grown, tasks = (
        Figure("auto", unit, [sample(value) for value in found[name]])
        for name, unit in (("grown", "MB"), ("tasks", "tasks"))
    )
    what = f"6. a loop of {long:,}"
    yield Row(f"{what}, beyond {short:,}", "threads", grown, "< 10 MB", grown.median < 10)
    yield Row(f"{what}, left in the scheduler", "threads", tasks, "<= 2", tasks.median <= 2)


def own_cost(quick: bool) -> Iterator[Row]:
    """Measure the CPU time that strict mode takes beyond plain futures, on processes."""
    repeats = 1 if quick else 3
    for loops, count in ((1_000, 4), (250, 16)):
        # The scheduler in a process of its own: only the client's part is to be measured.
        with lonely_scheduler() as client:
            ways = {
                "bare": partial(raw_dask.waves, client, loops, count, _WINDOW),
                "strict": partial(
                    run,
                    looping.loops_flow,
                    looping.loops_result,
                    client,
                    batch=1,
                    seeds=list(range(loops)),
                    iterations=count,
                ),
            }
            found: dict[str, list[float]] = {name: [] for name in ways}
            for turn in range(repeats + 1):
                for name, way in ways.items():
                    settle(client)
                    began = time.process_time()
                    way()
                    spent = time.process_time() - began
                    if turn:  # the first one warms up
                        found[name].append(spent / (loops * count) * 1e6)
        beyond = [ours - bare for ours, bare in zip(found["strict"], found["bare"], strict=True)]
        figure = Figure("strict", "µs", [sample(value) for value in beyond])
        bare = Figure("bare", "µs", [sample(value) for value in found["bare"]])
        what = f"7. driver's CPU per attempt beyond client.map, {loops:,} loops of {count}"
        yield Row(what, "processes", figure, "< 150 µs", figure.median < 150, bare)


_MEASUREMENTS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "1": one_loop,
    "2": many_loops,
    "3": sleepers,
    "4": wide_map,
    "5": mix,
    "6": memory,
    "7": own_cost,
}


if __name__ == "__main__":
    command_line(__doc__, _MEASUREMENTS, _RAW, _BUSY)
