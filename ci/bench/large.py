"""Measure runs that are large: time, and what memory each further iteration costs whom.

python ci/bench/large.py WORK COUNT [--turns N] [--batch auto] [--journal]

WORK is "loop", one loop of COUNT iterations, or "loops", COUNT loops of --turns iterations. The
run has a cluster of its own (``executor="processes"``, two workers). A line through the samples of
memory, after a warm-up of a twentieth of the work, is the slope. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import looping
import psutil
from numpy import polyfit

_EVERY = 0.25  # seconds between looks
_WARM = 0.05  # part of the work after which memory is looked at


class Look(NamedTuple):
    """What was at one moment."""

    done: int
    """Iterations that ended."""
    driver: int
    """Bytes that are resident."""
    scheduler: int
    worker: int
    """The one that takes most."""


def cluster_of_ours() -> tuple[psutil.Process | None, list[psutil.Process]]:
    """Find the scheduler and the workers that this process has started."""
    found = psutil.Process().children(recursive=True)
    commands = {one: _command(one) for one in found}
    scheduler = next((one for one, said in commands.items() if "cluster_process" in said), None)
    workers = [one for one, said in commands.items() if "forkserver" in said]
    servers = {one.pid for one in workers}
    return scheduler, [one for one in workers if one.ppid() in servers]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


def looks_at(run: Any) -> list[Look]:
    """Look at a run until it has ended."""
    looks = []
    me = psutil.Process()
    while not run.done():
        done = run._run.board.look(lambda machine: machine.counts.iterations) or 0
        scheduler, workers = cluster_of_ours()
        if done and scheduler is not None and workers:
            try:
                rss = [one.memory_info().rss for one in (me, scheduler, *workers)]
            except psutil.Error:  # the run has just ended, and its cluster with it
                break
            looks.append(Look(done, rss[0], rss[1], max(rss[2:])))
        time.sleep(_EVERY)
    return looks


def slopes(looks: Sequence[Look], amount: int) -> dict[str, float]:
    """Fit lines through memory over iterations; return bytes per iteration."""
    warm = [one for one in looks if one.done >= amount * _WARM]
    if len({one.done for one in warm}) < 4:
        return {}
    done = [one.done for one in warm]
    return {
        name: float(polyfit(done, [getattr(one, name) for one in warm], 1)[0])
        for name in Look._fields[1:]
    }


def measured(work: str, count: int, turns: int, batch: Any, recorded: bool) -> dict[str, Any]:
    """Run it, and return the figures."""
    flow, inputs = looping.chain_flow, {"seed": 1, "iterations": count}
    if work == "loops":
        flow, inputs = looping.loops_flow, {"seeds": list(range(count)), "iterations": turns}
    amount = count if work == "loop" else count * turns
    with tempfile.TemporaryDirectory() as folder:
        journal = {"journal": folder} if recorded else {}
        before = psutil.Process().memory_info().rss
        begun = time.perf_counter()
        run = flow.submit(**inputs, executor="processes", workers=2, batch=batch, **journal)
        looks = looks_at(run)
        run.result().raise_if_failed()
        took = time.perf_counter() - begun
        size = sum(one.stat().st_size for one in Path(folder).rglob("*") if one.is_file())
    peaks = {name: max(getattr(one, name) for one in looks) for name in Look._fields[1:]}
    return {
        "seconds": took,
        "iterations_per_second": amount / took,
        "journal_bytes_per_iteration": size / amount,
        "bytes_per_iteration": slopes(looks, amount),
        "peak_mib": {name: peak / 2**20 for name, peak in peaks.items()},
        "grown_mib": {
            "driver": (peaks["driver"] - before) / 2**20,
            "scheduler": (peaks["scheduler"] - looks[0].scheduler) / 2**20,
            "worker": (peaks["worker"] - looks[0].worker) / 2**20,
        },
    }


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", choices=("loop", "loops"))
    parser.add_argument("count", type=int)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--batch", default="1")
    parser.add_argument("--journal", action="store_true")
    given = parser.parse_args()
    batch = given.batch if given.batch == "auto" else int(given.batch)
    print(json.dumps(measured(given.work, given.count, given.turns, batch, given.journal)))


if __name__ == "__main__":
    main()
