"""Compare a run on a cluster that it starts itself with Dask driven by hand on a plain one.

python ci/bench/own_cluster.py [--quick] [--only 1,2]

  1  one loop, against a blocking chain of `client.submit(...).result()`
  2  100 loops of 20 iterations, against an `as_completed` driver

One iteration is one task of Dask on both sides. By hand the cluster is a `LocalCluster` as anybody
starts it, of as many workers and threads, and is used again and again. A run of daskloop has a
cluster of its own; its time is the one that it announces when it ends, from the cluster being up to
the last state. What is left in it of the start, such as the imports of new workers, is taken out on
both sides alike: each measurement is the time of a long piece of work less that of a short one.

Prints a table. A run without --quick writes every figure of what it measured to
docs/performance/raw-own-cluster.json, and leaves what it did not measure there as it is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dask
import looping
import raw_dask
from chain import connected
from distributed import Client
from measuring import Figure, Row, Sample, command_line, sample, settle, turns

from daskloop import Flow
from daskloop.events import Event, RunEnded
from daskloop.flow.begin import begin
from daskloop.flow.options import checked_options

_RAW = Path(__file__).resolve().parents[2] / "docs" / "performance" / "raw-own-cluster.json"
_KINDS = {"threads": 4, "processes": 2}
"""Kinds of clusters, and the workers of ours: as many threads as `chain.connected` has."""

_LEAD = 5  # iterations of the short piece of work
_QUIET = 2.0  # load above which the figures of a machine with two cores say little


class _Clock:
    """Hears how long a run took."""

    level = logging.INFO

    def __init__(self) -> None:
        self.seconds = 0.0

    def hear(self, event: Event) -> None:
        """Keep the time of a run that has ended."""
        if isinstance(event, RunEnded):
            self.seconds = event.seconds


def seconds_of_run(flow: Flow, kind: str, workers: int, batch: Any = 1, **values: Any) -> float:
    """Run a flow on a cluster of its own, and return how long it took without the start."""
    clock = _Clock()
    with dask.config.set({"daskloop.batch": batch}):
        options = checked_options(executor=kind, workers=workers)
        state = begin(flow, None, values, options, listeners=[clock]).result()
    state.raise_if_failed()
    return clock.seconds


def seconds_of(way: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def beside(
    kind: str,
    loops: int,
    count: int,
    repeats: int,
    raw: Callable[[Client, int], object],
    ours: Callable[[int], float],
) -> tuple[list[Sample], list[Sample]]:
    """Measure the way by hand and ours in turns; return seconds per iteration of both.

    Parameters
    ----------
    kind : str
        "threads" or "processes".
    loops, count : int
        How many loops there are, and how many iterations of each are measured.
    repeats : int
        How often each way is measured.
    raw : callable
        Does the work by hand, on a client, for so many iterations.
    ours : callable
        Does it with daskloop, for so many iterations, and returns the seconds.
    """
    found: dict[str, list[Sample]] = {"by hand": [], "daskloop": []}
    with connected(kind) as client:
        ways = {"by hand": lambda n: seconds_of(partial(raw, client, n)), "daskloop": ours}
        for way in ways.values():
            way(_LEAD)  # to warm up
        for name in turns(ways, repeats):
            settle(client)
            took = ways[name](_LEAD + count) - ways[name](_LEAD)
            found[name].append(sample(took / (loops * count)))
    return found["by hand"], found["daskloop"]


def one_loop(quick: bool) -> Iterator[Row]:
    """Measure the time of one iteration of one loop."""
    count, repeats = (60, 2) if quick else (300, 7)
    for kind, limit in (("threads", 0.5), ("processes", 0.75)):
        seconds = beside(
            kind,
            1,
            count,
            repeats,
            raw_dask.blocking_chain,
            lambda n, kind=kind: seconds_of_run(
                looping.chain_flow, kind, _KINDS[kind], seed=1, iterations=n
            ),
        )
        raw, ours = (_figure(name, "ms", s) for name, s in zip(_NAMES, seconds, strict=True))
        ratio = ours.median / raw.median
        what = f"1. one loop of {count}, per iteration"
        yield Row(what, kind, ours, f"ratio <= {limit:g}", ratio <= limit, raw, ratio)


def many_loops(quick: bool) -> Iterator[Row]:
    """Measure the iterations per second of many loops at once."""
    loops, count, repeats = (40, 5, 2) if quick else (100, 20, 7)
    seeds = list(range(loops))
    for kind in _KINDS:
        seconds = beside(
            kind,
            loops,
            count,
            repeats,
            lambda client, n: raw_dask.completed_loops(client, loops, n),
            lambda n, kind=kind: seconds_of_run(
                looping.loops_flow, kind, _KINDS[kind], seeds=seeds, iterations=n
            ),
        )
        raw, ours = (_figure(name, "/s", s) for name, s in zip(_NAMES, seconds, strict=True))
        ratio = ours.median / raw.median
        what = f"2. {loops} loops of {count}, iterations"
        yield Row(what, kind, ours, "ratio >= 1.3", ratio >= 1.3, raw, ratio)


_NAMES = ("by hand", "daskloop")


def _figure(name: str, unit: str, seconds: Sequence[Sample]) -> Figure:
    """Turn seconds per iteration into milliseconds, or into iterations per second."""
    values = [1000 * one.value if unit == "ms" else 1 / one.value for one in seconds]
    return Figure(name, unit, [Sample(v, one.load) for v, one in zip(values, seconds, strict=True)])


_MEASUREMENTS: dict[str, Callable[[bool], Iterator[Row]]] = {"1": one_loop, "2": many_loops}


if __name__ == "__main__":
    command_line(__doc__, _MEASUREMENTS, _RAW, _QUIET)
