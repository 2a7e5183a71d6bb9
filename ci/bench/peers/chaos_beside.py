"""Do the same faults to the same loops on several systems, and count what each makes again.

python ci/bench/peers/chaos_beside.py [--quick] [--systems daskloop,chain] [--faults driver]

Each measurement starts a cluster and a driver of its own. Faults come at the same progress, or by
the same clock, for all. What is counted was noted by the iterations themselves. A run without
--quick writes docs/performance/raw-chaos-beside.json, and leaves there what it did not measure.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from beside.beside_table import beside_table
from beside.diary import Counted, count
from beside.faults import FAULTS, Fault
from beside.site import Site
from beside.systems import SYSTEMS
from beside.work import NAP, end_of
from environments import python_of

_RAW = Path(__file__).resolve().parents[3] / "docs" / "performance" / "raw-chaos-beside.json"
_LIMIT = 120.0  # seconds for one measurement
_FULL = (8, 25)  # loops, and iterations of each
_QUICK = (4, 10)
_USUAL = ("none", "worker", "driver", "scheduler")  # by the clock, slow starters never begin
_LOOK = 0.01  # seconds between looks
_PAUSE = 0.2  # seconds until a driver is started again
_LAST = 5 * NAP  # seconds that what nobody waits for any more has to end


@dataclass(frozen=True)
class Row:
    """One system, with the environment that it runs in."""

    name: str
    python: str
    cells: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By fault."""


@dataclass
class Seen:
    """What is noticed while a driver works, and those that follow it."""

    first: float | None = None
    """When the first iteration began."""
    drivers: int = 1
    gave_up: int = 0
    """Drivers that ended by themselves without a result."""
    counted: Counted = field(default_factory=lambda: count(""))


def measure(row: Row, fault: str, seed: int, job: tuple[int, int], keep: bool) -> dict[str, Any]:
    """Do one measurement, and return its figures."""
    folder = Path(tempfile.mkdtemp(prefix="beside-"))
    try:
        with Site(SYSTEMS[row.name], row.python, folder, job) as site:
            found = watched(site, FAULTS[fault](seed, job[0] * job[1]), job)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if keep:
        print(f"    {folder}")
    return {**found, "load": os.getloadavg()[0]}


def watched(site: Site, fault: Fault, job: tuple[int, int]) -> dict[str, Any]:
    """Drive until there is a result or no time left, and do the faults meanwhile."""
    result = site.folder / "result.json"
    seen = Seen()
    began = time.monotonic()
    site.drive()
    while not result.exists() and time.monotonic() - began < _LIMIT:
        look(site, fault, seen)
        time.sleep(_LOOK)
    seconds = time.monotonic() - began
    finished = result.exists()
    if finished:
        time.sleep(_LAST)
    expected = [list(end_of(loop, job[1])) for loop in range(job[0])]
    counted = counted_in(site)
    return {
        "finished": finished,
        "right": finished and json.loads(result.read_text()) == expected,
        "seconds": round(seconds, 2),
        "kills": fault.done,
        "drivers": seen.drivers,
        "gave_up": seen.gave_up,
        "lost": job[0] * job[1] - counted.ended,
        **asdict(counted),
    }


def look(site: Site, fault: Fault, seen: Seen) -> None:
    """Start again what ended, and do the fault if it is due."""
    seen.counted = counted_in(site)
    if seen.first is None and seen.counted.most:
        seen.first = time.monotonic()
    site.mend()
    killed = fault.done
    if seen.first is not None and is_driven(site):
        fault.look(site, seen.counted.ended, time.monotonic() - seen.first)
    if not is_driven(site) and not (site.folder / "result.json").exists():
        seen.gave_up += fault.done == killed
        time.sleep(_PAUSE)
        site.drive()
        seen.drivers += 1


def is_driven(site: Site) -> bool:
    """Tell whether the driver lives."""
    return site.driver is not None and site.driver.poll() is None


def counted_in(site: Site) -> Counted:
    """Count what the diary says by now."""
    diary = site.folder / "diary"
    return count(diary.read_text() if diary.exists() else "")


def rows_of(names: list[str]) -> Iterator[Row]:
    """List what is measured, and make the environments."""
    for name in names:
        system = SYSTEMS[name]
        try:
            python = python_of(system.environment, system.requirements, system.python)
        except RuntimeError as error:
            print(error)
            yield Row(name, "", {fault: cell(why="could not be installed") for fault in FAULTS})
        else:
            yield Row(name, python)


def cell(why: str = "") -> dict[str, Any]:
    """Return a cell without figures."""
    return {
        "samples": [],
        "why": why,
        "versions": {},
        "taken": datetime.date.today().isoformat(),
    }


def cannot(name: str, fault: str) -> str:
    """Say why a fault means nothing to a system."""
    system = SYSTEMS[name]
    if fault.startswith("worker") and not system.has_workers:
        return "iterations run in the driver"
    if fault == "scheduler" and not system.on_dask:
        return "has no scheduler of Dask"
    return ""


def versions(row: Row) -> dict[str, str]:
    """Ask the environment of a system what it holds."""
    packages = SYSTEMS[row.name].packages
    asked = (
        "import json, platform, sys; from importlib.metadata import version; "
        "print(json.dumps({'python': platform.python_version(), "
        "**{name: version(name) for name in sys.argv[1:]}}))"
    )
    said = subprocess.run(
        [row.python, "-c", asked, *packages], capture_output=True, text=True, check=True
    )
    return dict(json.loads(said.stdout))


def in_rounds(
    rows: list[Row], given: argparse.Namespace, job: tuple[int, int]
) -> Iterator[dict[str, Any]]:
    """Measure everything once, and again backwards; give all that is known after each."""
    began = time.monotonic()
    for turn in range(given.repeats or (1 if given.quick else 3)):
        if turn and time.monotonic() - began > given.minutes * 60:
            return
        for fault in given.faults.split(","):
            for row in rows if turn % 2 == 0 else reversed(rows):
                found = row.cells.setdefault(fault, cell(cannot(row.name, fault)))
                # What was not done in time will not be the next time, and takes the longest.
                if found["why"] or any(not one["finished"] for one in found["samples"]):
                    continue
                found["versions"] = versions(row)
                sample = measure(row, fault, given.seed + turn, job, given.keep)
                found["samples"].append(sample)
                print(f"  {fault:12} {row.name:9} {sample}", flush=True)
                yield plain(rows, given, job)


def plain(rows: list[Row], given: argparse.Namespace, job: tuple[int, int]) -> dict[str, Any]:
    """Return everything as plain data."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "taken": datetime.date.today().isoformat(),
        "seed": given.seed,
        "limit_s": _LIMIT,
        "loops": job[0],
        "iterations": job[1],
        "nap_s": NAP,
        "machine": {
            "cores": os.cpu_count(),
            "memory_gib": round(memory / 2**30),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "rows": [
            {
                "system": row.name,
                "label": SYSTEMS[row.name].label,
                "cells": {name: row.cells[name] for name in FAULTS if name in row.cells},
            }
            for row in rows
        ],
    }


def merged(found: dict[str, Any], path: Path) -> dict[str, Any]:
    """Put cells in the place of those of an earlier run, and keep its others."""
    if not path.exists():
        return found
    old = {row["system"]: row for row in json.loads(path.read_text())["rows"]}
    for row in found["rows"]:
        cells = {**old.pop(row["system"], {"cells": {}})["cells"], **row["cells"]}
        row["cells"] = {name: cells[name] for name in FAULTS if name in cells}
    rows = [*found["rows"], *(row for name, row in old.items() if name in SYSTEMS)]
    found["rows"] = sorted(rows, key=lambda row: list(SYSTEMS).index(row["system"]))
    return found


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="little work: is it broken?")
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--faults", default=",".join(_USUAL))
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--minutes", type=float, default=22, help="no further rounds after that")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep what the processes said")
    parser.add_argument("--out", type=Path, help="a raw file of your own")
    given = parser.parse_args()
    for names, known in ((given.systems, SYSTEMS), (given.faults, FAULTS)):
        for name in names.split(","):
            if name not in known:
                parser.error(f"{name!r} is none of {', '.join(known)}")
    # Asked to end, it first ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    job = _QUICK if given.quick else _FULL
    rows = list(rows_of(given.systems.split(",")))
    out = given.out or (None if given.quick else _RAW)
    found = plain(rows, given, job)
    for found in in_rounds(rows, given, job):
        if out:  # at once, since all of it takes long
            found = merged(found, out)
            out.write_text(json.dumps(found, indent=1) + "\n")
    print(f"\n{beside_table(found)}")


if __name__ == "__main__":
    main()
