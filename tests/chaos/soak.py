"""Full load for as long as you like, and whether memory, threads and files stay what they are.

python -m tests.chaos.soak 60

One driver process runs flow after flow on a scheduler and two workers, each a process. Flat means:
the median of the last quarter of the time is not above that of the second quarter by more than
`SLACK`; the first quarter is for imports, pools and caches. What Dask keeps up to a bound is full
before it begins, or kept for a short time: see `fill`, and the settings of `nodes`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil
from distributed import Client

from tests.chaos.full_caches import fill
from tests.chaos.site import HOST, Site, workers_of

__all__ = ["SLACK", "Sample", "medians", "rising", "soak"]

_EVERY = 1.0  # seconds between samples
_LAST = 120.0  # seconds that the run under way has to end when the time is up


class Sample(NamedTuple):
    """What a process has at one moment."""

    memory: float
    """MiB that are its own."""
    threads: float
    files: float


SLACK = Sample(memory=8, threads=2, files=4)
"""How much more of each is taken for flat."""


def look(pid: int) -> Sample:
    """Look at a process."""
    process = psutil.Process(pid)
    with process.oneshot():
        memory = process.memory_full_info().uss / 2**20
        return Sample(memory, process.num_threads(), process.num_fds())


def medians(samples: Sequence[Sample]) -> tuple[Sample, Sample]:
    """Return the medians of the second and the last quarter of samples."""
    quarter = len(samples) // 4
    return _median(samples[quarter : 2 * quarter]), _median(samples[-quarter:])


def _median(samples: Sequence[Sample]) -> Sample:
    return Sample(*map(median, zip(*samples, strict=True)))


def rising(found: Mapping[str, Sequence[Sample]]) -> list[str]:
    """Say what is not flat."""
    rose = []
    for name, samples in found.items():
        rows = zip(Sample._fields, *medians(samples), SLACK, strict=True)
        rose += [
            f"{name}: {what} rose by {last - second:.1f}, more than {slack:g}"
            for what, second, last, slack in rows
            if last - second > slack
        ]
    return rose


def soak(folder: Path, seconds: float) -> tuple[dict[str, list[Sample]], int]:
    """Run at full load; return the samples of each process, and how many iterations there were."""
    site = Site(folder)
    found: dict[str, list[Sample]] = defaultdict(list)
    try:
        site.open()
        assert site.scheduler is not None
        with Client(f"tcp://{HOST}:{site.port}") as client:
            client.run(fill)
            client.run_on_scheduler(fill)
        driver = site.drive("tests.chaos.soak_driver", seconds, folder / "journal", site.address)
        (worker,), (other,) = (workers_of(nanny.pid) for nanny in site.nannies)
        pids = {"driver": driver.pid, "scheduler": site.scheduler.pid}
        pids |= {"worker 0": worker.pid, "worker 1": other.pid}
        pids |= {f"nanny {number}": nanny.pid for number, nanny in enumerate(site.nannies)}
        ends = time.monotonic() + seconds
        while driver.poll() is None and time.monotonic() < ends:
            for name, pid in pids.items():
                found[name].append(look(pid))
            time.sleep(_EVERY)
        assert driver.wait(_LAST) == 0, f"the driver ended with {driver.poll()}, see {folder}"
        said = next(site.said.glob("driver-*")).read_text().split()
    finally:
        left = site.close()
    assert not left, left
    return found, int(said[-1])


def lines(found: Mapping[str, Sequence[Sample]], iterations: int, seconds: float) -> Iterator[str]:
    """Write the table."""
    yield f"{iterations:,} iterations in {seconds:.0f} s; medians of the second and last quarters"
    yield f"{'':12}{'memory, MiB':>22}{'threads':>14}{'files':>14}"
    for name, samples in found.items():
        pairs = zip(*medians(samples), strict=True)
        row = [f"{second:.1f} -> {last:.1f}" for second, last in pairs]
        yield f"{name:12}{row[0]:>22}{row[1]:>14}{row[2]:>14}"


def main(arguments: list[str]) -> int:
    """Soak; return 1 if something is not flat."""
    parser = argparse.ArgumentParser(prog="ci/soak", description="Is everything flat under load?")
    parser.add_argument("minutes", type=float, nargs="?", default=60.0)
    seconds = parser.parse_args(arguments).minutes * 60
    with tempfile.TemporaryDirectory(prefix="daskloop-soak-") as folder:
        found, iterations = soak(Path(folder), seconds)
    print("\n".join(lines(found, iterations, seconds)))
    wrong = rising(found)
    slack = ", ".join(f"{value:g} {name}" for name, value in SLACK._asdict().items())
    print("\n".join(wrong) or f"all are flat: no more than {slack} (MiB, count, count) above")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
