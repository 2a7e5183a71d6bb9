"""Measure runs that are large: time, and what memory each further iteration costs whom.

python ci/bench/large.py WORK COUNT [--turns N] [--batch auto] [--journal] [--limit S]

WORK is "loop", one loop of COUNT iterations, or "loops", COUNT loops of --turns iterations. The
run has a cluster of its own (``executor="processes"``, two workers). A line through the samples of
memory, after a warm-up of 5,000 iterations or a tenth of the work, is the slope. After --limit
seconds the run is cancelled, and the figures are those of what was done. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import looping
import psutil
from numpy import polyfit

_EVERY = 0.25  # seconds between looks
_WARM = 5_000  # iterations after which memory is looked at
_WORKERS = 2
_PARTS = ("driver", "scheduler", "worker")


class Look(NamedTuple):
    """What was at one moment."""

    done: int
    """Iterations that ended."""
    driver: int
    """Bytes that are resident."""
    scheduler: int
    worker: int
    """The one that takes most."""
    cpu: float
    """Seconds that all of them have taken."""


def cluster_of_ours() -> list[psutil.Process]:
    """Find the scheduler and the workers that this process has started, once all are there."""
    found = psutil.Process().children(recursive=True)
    commands = {one: _command(one) for one in found}
    scheduler = next((one for one, said in commands.items() if "cluster_process" in said), None)
    workers = [one for one, said in commands.items() if "forkserver" in said]
    servers = {one.pid for one in workers}
    workers = [one for one in workers if one.ppid() in servers]
    return [scheduler, *workers] if scheduler is not None and len(workers) == _WORKERS else []


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


def looks_at(run: Any, limit: float) -> list[Look]:
    """Look at a run until it has ended, or until it has to."""
    looks = []
    parts: list[psutil.Process] = []
    ends = time.monotonic() + limit
    while not run.done():
        if time.monotonic() > ends:
            run.cancel(now=True)
            break
        done = run._run.board.look(ended) or 0
        if done and not parts:
            found = cluster_of_ours()
            parts = [psutil.Process(), *found] if found else []
        if parts:
            try:
                rss = [one.memory_info().rss for one in parts]
                cpu = sum(sum(one.cpu_times()[:2]) for one in parts)
            except psutil.Error:  # the run has just ended, and its cluster with it
                break
            looks.append(Look(done, rss[0], rss[1], max(rss[2:]), cpu))
        time.sleep(_EVERY)
    return looks


def ended(machine: Any) -> int:
    """Count the iterations that ended: those that looped, and the last of each loop."""
    return int(machine.counts.iterations) + len(machine.over)


def slopes(looks: Sequence[Look], amount: int) -> dict[str, float]:
    """Fit lines through memory over iterations; return bytes per iteration."""
    warm = [one for one in looks if one.done >= min(_WARM, amount / 10)]
    if len({one.done for one in warm}) < 4:
        return {}
    done = [one.done for one in warm]
    return {
        name: float(polyfit(done, [getattr(one, name) for one in warm], 1)[0]) for name in _PARTS
    }


def measured(given: argparse.Namespace) -> dict[str, Any]:
    """Run it, and return the figures."""
    flow, inputs = looping.chain_flow, {"seed": 1, "iterations": given.count}
    amount = given.count
    if given.work == "loops":
        flow = looping.loops_flow
        inputs = {"seeds": list(range(given.count)), "iterations": given.turns}
        amount *= given.turns
    batch = given.batch if given.batch == "auto" else int(given.batch)
    with tempfile.TemporaryDirectory() as folder:
        journal = {"journal": folder} if given.journal else {}
        before = psutil.Process().memory_info().rss
        begun = time.perf_counter()
        run = flow.submit(**inputs, executor="processes", workers=_WORKERS, batch=batch, **journal)
        looks = looks_at(run, given.limit)
        state = run.result()
        took = time.perf_counter() - begun
        if state.is_failed():
            state.raise_if_failed()
        done = amount if state.is_successful() else looks[-1].done
        size = sum(one.stat().st_size for one in Path(folder).rglob("*") if one.is_file())
    first, last = looks[0], looks[-1]
    peaks = {name: max(getattr(one, name) for one in looks) for name in _PARTS}
    return {
        "asked": amount,
        "done": done,
        "seconds": took,
        "iterations_per_second": done / took,
        "cpu_ms_per_iteration": (last.cpu - first.cpu) / max(1, last.done - first.done) * 1000,
        "journal_bytes_per_iteration": size / done,
        "bytes_per_iteration": slopes(looks, amount),
        "peak_mib": {name: peak / 2**20 for name, peak in peaks.items()},
        "grown_mib": {
            "driver": (peaks["driver"] - before) / 2**20,
            "scheduler": (peaks["scheduler"] - first.scheduler) / 2**20,
            "worker": (peaks["worker"] - first.worker) / 2**20,
        },
        "load": os.getloadavg()[0],
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
    parser.add_argument("--limit", type=float, default=1_200.0)
    print(json.dumps(measured(parser.parse_args())))


if __name__ == "__main__":
    main()
