"""Measure ways of doing the same work in turns, and keep every figure with the load beside it."""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

__all__ = [
    "Figure",
    "Row",
    "Sample",
    "command_line",
    "in_turns",
    "keep",
    "machine",
    "sample",
    "settle",
    "table",
    "turns",
]


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement."""

    value: float
    """In the unit of its figure."""
    load: float
    """Load average of the last minute when it ended."""
    cpu: float | None = None
    """CPU milliseconds per piece of work, of this process and its children together."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured several times under one name."""

    name: str
    unit: str
    samples: Sequence[Sample]

    @property
    def median(self) -> float:
        """The middle of all values."""
        return statistics.median(one.value for one in self.samples)

    @property
    def cpu(self) -> float | None:
        """The middle of all CPU times, if they were taken."""
        taken = [one.cpu for one in self.samples if one.cpu is not None]
        return statistics.median(taken) if taken else None

    @property
    def load(self) -> float:
        """The middle of all loads."""
        return statistics.median(one.load for one in self.samples)

    def __str__(self) -> str:
        values = [one.value for one in self.samples]
        digits = 0 if self.median >= 100 else 1 if self.median >= 20 else 3
        low, middle, high = (
            f"{value:.{digits}f}" for value in (min(values), self.median, max(values))
        )
        return f"{middle} {self.unit} ({low}-{high})"

    def plain(self) -> dict[str, Any]:
        """Return plain data for the raw file."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "cpu_ms": self.cpu,
            "samples": [asdict(one) for one in self.samples],
        }


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report: a figure of ours, beside what it is compared with."""

    what: str
    where: str
    """Kind of cluster."""
    ours: Figure
    goal: str
    met: bool
    """Whether the goal was reached in this run."""
    raw: Figure | None = None
    ratio: float | None = None
    """Ours to theirs."""

    @property
    def cpu_ratio(self) -> float | None:
        """CPU time of ours to that of theirs: what a busy machine disturbs least."""
        if self.raw is None or not self.raw.cpu or not self.ours.cpu:
            return None
        return self.ours.cpu / self.raw.cpu

    def plain(self) -> dict[str, Any]:
        """Return plain data for the raw file."""
        return {
            "what": self.what,
            "where": self.where,
            "goal": self.goal,
            "met": self.met,
            "ratio": self.ratio,
            "cpu_ratio": self.cpu_ratio,
            "ours": self.ours.plain(),
            "raw": None if self.raw is None else self.raw.plain(),
        }


def sample(value: float, cpu: float | None = None) -> Sample:
    """Note a value with the present load."""
    return Sample(value, os.getloadavg()[0], cpu)


def turns(names: Iterable[str], repeats: int) -> Iterator[str]:
    """Name each, then each again, and so on: A B B A A B ..., so that none is always second."""
    there = list(names)
    for turn in range(repeats):
        yield from there if turn % 2 == 0 else reversed(there)


def in_turns(
    ways: Mapping[str, Callable[[], object]],
    *,
    unit: str,
    amount: int,
    repeats: int,
    between: Callable[[], None],
) -> list[Figure]:
    """Measure each way, then each again, and so on: A B B A A B ...

    Parameters
    ----------
    ways : mapping
        For each name, what is measured; called once more before, to warm up.
    unit : str
        "ms" for milliseconds per piece of work, anything else for pieces per second.
    amount : int
        How many pieces of work one call does.
    repeats : int
        How often each way is measured.
    between : callable
        Called before each measurement and not measured: waits until nothing is left of the last.
    """
    for way in ways.values():
        way()
    samples: dict[str, list[Sample]] = {name: [] for name in ways}
    for name in turns(ways, repeats):
        between()
        gc.collect()
        spent = _cpu_seconds()
        began = time.perf_counter()
        ways[name]()
        took = time.perf_counter() - began
        spent = _cpu_seconds() - spent
        value = took / amount * 1000 if unit == "ms" else amount / took
        samples[name].append(sample(value, spent / amount * 1000))
    return [Figure(name, unit, found) for name, found in samples.items()]


def _cpu_seconds() -> float:
    """Add up the CPU time of this process and of all that it started and that lives."""
    total = time.process_time()
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.Error:  # it has just ended
            continue
        total += times.user + times.system
    return total


def settle(client: Any) -> None:
    """Wait until the scheduler has forgotten every task."""
    deadline = time.monotonic() + 30
    while client.run_on_scheduler(_tasks_left):
        if time.monotonic() > deadline:
            raise TimeoutError("The scheduler still holds tasks 30 s after a measurement.")
        time.sleep(0.02)


def _tasks_left(dask_scheduler: Any) -> int:
    return len(dask_scheduler.tasks)


def machine() -> dict[str, Any]:
    """Say on what was measured, without naming it."""
    import dask
    import distributed

    import daskloop

    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "dask": dask.__version__,
        "distributed": distributed.__version__,
        "daskloop": daskloop.__version__,
    }


def table(rows: Sequence[Row]) -> str:
    """Lay rows out as a table of GitHub's Markdown, which also reads well in a terminal."""
    head = ("", "on", "daskloop", "by hand", "ratio", "CPU ratio", "goal", "met", "load")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    shown = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(shown)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        row.where,
        str(row.ours),
        "" if row.raw is None else str(row.raw),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.cpu_ratio is None else f"{row.cpu_ratio:.2f}",
        row.goal,
        "yes" if row.met else "NO",
        f"{row.ours.load:.1f}",
    )


def keep(number: str, rows: Sequence[Row], raw: Path) -> None:
    """Write the figures of one measurement into a raw file, in place of its last ones."""
    kept = json.loads(raw.read_text()) if raw.exists() else {}
    kept[number] = {
        "taken": datetime.date.today().isoformat(),
        "machine": machine(),
        "rows": [row.plain() for row in rows],
    }
    raw.parent.mkdir(parents=True, exist_ok=True)
    raw.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")


def command_line(
    doc: str | None,
    measurements: Mapping[str, Callable[[bool], Iterable[Row]]],
    raw: Path,
    busy: float,
) -> None:
    """Measure what the command line asks for, print it, and keep it unless it was quick.

    Parameters
    ----------
    doc : str or None
        What the script measures, for its help.
    measurements : mapping
        By number; each takes whether little work is wanted.
    raw : Path
        Where figures are kept.
    busy : float
        Load above which they say little.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="little work: is it broken?")
    parser.add_argument("--only", default=",".join(measurements), help="numbers, as in 1,2")
    arguments = parser.parse_args()
    numbers = [number.strip() for number in arguments.only.split(",")]
    unknown = [number for number in numbers if number not in measurements]
    if unknown:
        parser.error(f"--only got {unknown[0]!r}; the numbers are {', '.join(measurements)}")
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    shown: list[Row] = []
    for number in numbers:
        rows = list(measurements[number](arguments.quick))
        print("\n" + table(rows), flush=True)
        shown += rows
        if not arguments.quick:
            keep(number, rows, raw)
    if max(row.ours.load for row in shown) > busy:
        print("\nThe machine was busy with other work: read the CPU ratios, not the rest.")
