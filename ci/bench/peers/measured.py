"""Measure one workload on one peer, inside the environment of that peer, and print one JSON line.

python on_ray.py W1 [--quick] [--on VARIANT]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

from ending import STARTED
from memory_growth import folder_mb, watched
from peer import Peer, Timed
from resuming import run_again
from workloads import FULL, QUICK, SLOTS, WORK_SLOTS, Sizes, end_of

__all__ = ["main"]

_LONGEST_CHAIN = 100_000
_MOST_SAMPLES = 20
_WARM_UP = 3.0  # seconds
_seeds = count(1_000)


@dataclass(frozen=True)
class Found:
    """What was measured."""

    unit: str
    samples: list[float]
    extra: dict[str, float] = field(default_factory=dict)
    """More figures, by name."""

    @property
    def value(self) -> float:
        """The middle."""
        return statistics.median(self.samples)


def timed(call: Callable[[], Any]) -> Timed:
    """Call, and read the clock unless the peer has done so."""
    began = time.perf_counter()
    result = call()
    return result if isinstance(result, Timed) else Timed(result, time.perf_counter() - began)


def one_chain(peer: Peer, iterations: int) -> float:
    """Return the seconds of one loop."""
    seed = next(_seeds)
    end = end_of(seed, iterations)
    pair, seconds = timed(lambda: peer.chain(seed, end))
    assert pair[1] == end, (pair, end)
    return seconds


def many_loops(peer: Peer, loops: int, iterations: int, way: str) -> float:
    """Return the seconds of many loops."""
    seeds = [next(_seeds) for _ in range(loops)]
    ends = [end_of(seed, iterations) for seed in seeds]
    pairs, seconds = timed(lambda: getattr(peer, way)(seeds, ends))
    assert [pair[1] for pair in pairs] == ends
    return seconds


def one_map(peer: Peer, width: int) -> float:
    """Return the seconds of a map."""
    first = next(_seeds) * 100_000
    numbers = range(first, first + width)
    results, seconds = timed(lambda: peer.wide(numbers))
    assert list(results) == [number + 1 for number in numbers]
    return seconds


def repeated(call: Callable[[], float], least: float) -> list[float]:
    """Call until there is enough to read a clock for."""
    found = [call()]
    while sum(found) < least and len(found) < _MOST_SAMPLES:
        found.append(call())
    return found


def chain(peer: Peer, sizes: Sizes) -> Found:
    """Measure W1, in a chain that is long enough to be measured."""
    one_chain(peer, 1)
    # With the start of Python and all imports; unknown where nobody has noted when that was.
    startup = time.time() - float(os.environ[STARTED]) if STARTED in os.environ else None
    one_chain(peer, 20)
    iterations = sizes.chain
    seconds = one_chain(peer, iterations)
    while seconds < sizes.chain_least and iterations < _LONGEST_CHAIN:
        longer = max(4.0, min(30.0, 1.2 * sizes.chain_least / seconds))
        iterations = min(_LONGEST_CHAIN, int(iterations * longer))
        seconds = one_chain(peer, iterations)
    extra: dict[str, float] = {"iterations": iterations}
    if startup is not None:
        extra["startup_s"] = startup
    return Found("ms", [seconds / iterations * 1000], extra)


def loops(peer: Peer, sizes: Sizes) -> Found:
    """Measure W2."""
    many_loops(peer, 2 * SLOTS, 3, "loops")
    amount = sizes.loops * sizes.iterations
    found = repeated(lambda: many_loops(peer, sizes.loops, sizes.iterations, "loops"), sizes.least)
    return Found("/s", [amount / seconds for seconds in found])


def work(peer: Peer, sizes: Sizes) -> Found:
    """Measure W3, once all slots are there, which some systems start one by one."""
    ready = time.perf_counter() + _WARM_UP
    while time.perf_counter() < ready:
        many_loops(peer, 2 * WORK_SLOTS, 5, "work")
    return Found("s", [many_loops(peer, sizes.work_loops, sizes.work_iterations, "work")])


def wide(which: int) -> Callable[[Peer, Sizes], Found]:
    """Return the measurement of W4 or of W4b."""

    def measure(peer: Peer, sizes: Sizes) -> Found:
        one_map(peer, 100)
        width = sizes.maps[which]
        found = repeated(lambda: one_map(peer, width), sizes.least)
        return Found("/s", [width / seconds for seconds in found])

    return measure


def retry(peer: Peer, sizes: Sizes) -> Found:
    """Measure W5."""
    one_map(peer, 4)
    with tempfile.TemporaryDirectory() as folder:
        results, seconds = timed(lambda: peer.retry(sizes.items, folder))
        assert sorted(results) == list(range(sizes.items)), results
    return Found("s", [seconds])


def payload(peer: Peer, sizes: Sizes) -> Found:
    """Measure W6."""
    peer.payload(sizes.megabytes, 3)
    with watched() as growth:
        last, seconds = timed(lambda: peer.payload(sizes.megabytes, sizes.payload))
    assert last == sizes.payload, last
    return Found("s", [seconds / sizes.payload], growth)


_MEASUREMENTS: dict[str, tuple[int, Callable[[Peer, Sizes], Found]]] = {
    "W1": (SLOTS, chain),
    "W2": (SLOTS, loops),
    "W3": (WORK_SLOTS, work),
    "W4": (SLOTS, wide(0)),
    "W4b": (SLOTS, wide(1)),
    "W5": (SLOTS, retry),
    "W6": (SLOTS, payload),
}


def measured(peer: Peer, workload: str, sizes: Sizes) -> Found:
    """Start the peer, measure one workload on it, and end it."""
    slots, measure = _MEASUREMENTS[workload]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        with peer.started(slots, folder):
            found = measure(peer, sizes)
        if workload == "W6":
            found.extra["disk_mb"] = folder_mb(folder)
    return found


def recorded(peer: Peer, folder: str, sizes: Sizes) -> None:
    """Be a driver of W7, that may be killed."""
    Path(folder, "driver").write_text(str(os.getpid()))
    with peer.started(SLOTS, folder):
        ended = peer.resume(folder, sizes.resume)
    assert ended == sizes.resume, ended


def report(peer: Peer, workload: str, sizes: Sizes, command: list[str]) -> dict[str, Any]:
    """Measure, or say why not."""
    if why := peer.cannot().get(workload):
        return {"value": None, "why": why}
    if workload == "W7":
        found = Found("iterations", [run_again(command, sizes.resume)])
    else:
        found = measured(peer, workload, sizes)
    return {"value": found.value, "unit": found.unit, "samples": found.samples, **found.extra}


def main(name: str, variants: Mapping[str, Callable[[], Peer]]) -> None:
    """Measure what the command line asks for.

    Parameters
    ----------
    name : str
        The system.
    variants : mapping
        Makes the peer, for each way to run it; the first is the usual one.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=[*_MEASUREMENTS, "W7"])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--on", choices=list(variants), default=next(iter(variants)))
    parser.add_argument("--recorded", help=argparse.SUPPRESS)
    given = parser.parse_args()
    sizes = QUICK if given.quick else FULL
    peer = variants[given.on]()
    if given.recorded:
        recorded(peer, given.recorded, sizes)
        return
    said = {"workload": given.workload, "peer": name, "on": given.on, "quick": given.quick}
    said |= report(peer, given.workload, sizes, [sys.executable, *sys.argv])
    said["versions"] = {"python": platform.python_version()}
    said["versions"] |= {package: version(package) for package in peer.packages}
    print("\n" + json.dumps(said), flush=True)
