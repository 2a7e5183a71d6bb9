"""Run many seeds on all cores, and say what they met.

python -m tests.simulation.many 100000
python -m tests.simulation.many 1000 --first 5000
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.simulation.adversary import Adversary
from tests.simulation.simulated import SimulationError, simulate

__all__ = ["met", "run_many"]

_CHUNK = 50
_EVERY = 30.0  # seconds between lines


def met(adversary: Adversary) -> Counter[str]:
    """Count what one run met, and how its children ended."""
    found: Counter[str] = Counter()
    found["runs"] = 1
    found["drivers after the first"] = adversary.deaths
    found["disks that failed"] = adversary.diary.failures
    found["runs stopped"] = adversary.halts
    found["runs in a real folder"] = adversary.journal is not None
    found.update({f"lost: {kind}": n for kind, n in adversary.cluster.kinds.items()})
    counts = adversary.machine.counts
    found["iterations"] = counts.iterations
    found["retries"] = counts.retries
    for node in adversary.machine.standing.nodes:
        for child in (node.child, *node.children):
            found[f"ended as {type(child.state).__name__}"] += 1
    return found


def _chunk(seeds: range) -> tuple[int, Counter[str], str | None]:
    """Run some seeds; stop at the first that finds something, and say which."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            try:
                found += met(simulate(seed, folder))
            except SimulationError as error:
                return seeds.start, found, f"seed {seed}: {error}"
    return seeds.start, found, None


def run_many(first: int, count: int, processes: int) -> Iterator[tuple[Counter[str], str | None]]:
    """Run seeds in processes; yield what each part met, and what it found wrong."""
    chunks = [
        range(start, min(start + _CHUNK, first + count))
        for start in range(first, first + count, _CHUNK)
    ]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for _, found, wrong in pool.imap_unordered(_chunk, chunks):
            yield found, wrong


def main(arguments: list[str]) -> int:
    """Run them; return 1 at the first that finds something."""
    parser = argparse.ArgumentParser(prog="ci/simulate")
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given: Any = parser.parse_args(arguments)
    total: Counter[str] = Counter()
    begun = said = time.perf_counter()
    for found, wrong in run_many(given.first, given.count, given.processes):
        total += found
        if wrong is not None:
            print(wrong)
            return 1
        if time.perf_counter() - said > _EVERY:
            said = time.perf_counter()
            print(f"{total['runs']:,} runs in {said - begun:.0f} s", flush=True)
    for what, number in sorted(total.items()):
        print(f"{number:>12,}  {what}")
    seconds = time.perf_counter() - begun
    rate = total["runs"] / seconds
    print(f"{total['runs']:,} runs, no broken promise, {seconds:.0f} s, {rate:.0f} a second")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
