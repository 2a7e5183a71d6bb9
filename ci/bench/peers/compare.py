"""Run every peer on every workload, in turns, and write all figures to one raw file.

python ci/bench/peers/compare.py [--quick] [--peers ray,parsl] [--workloads W1,W4] [--repeats 3]

Each measurement is a process of its own, with a time limit, in the peer's own environment. The
next round goes through the peers backwards. A run without --quick writes its figures to
docs/performance/raw-peers.json and leaves there what it did not measure.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ending import end_all, start
from environments import PEERS, python_of
from peers_table import COLUMNS, peers_table
from workloads import FULL

_HERE = Path(__file__).resolve().parent
_RAW = _HERE.parents[2] / "docs" / "performance" / "raw-peers.json"
_LIMIT = 180.0  # seconds for one measurement
_ENOUGH = 20.0  # seconds after which a cell is not measured once more
_LARGE = 20.0  # seconds that the large map may take


@dataclass
class Cell:
    """All that is known of one peer on one workload."""

    unit: str = ""
    samples: list[dict[str, float]] = field(default_factory=list)
    why: str = ""
    """Why there is no figure."""
    versions: dict[str, str] = field(default_factory=dict)
    took: float = 0.0
    """Seconds that its measurements took, with everything."""
    taken: str = ""

    @property
    def settled(self) -> bool:
        """Whether another measurement would say nothing new, or last too long."""
        return bool(self.why) or self.took > _ENOUGH


@dataclass
class Row:
    """One peer in one way, and its cells by workload."""

    peer: str
    on: str
    label: str
    python: str
    cells: dict[str, Cell] = field(default_factory=dict)

    def cell(self, workload: str) -> Cell:
        """Return a cell, which is empty at first."""
        return self.cells.setdefault(workload, Cell(taken=datetime.date.today().isoformat()))


def rows_of(peers: Sequence[str]) -> Iterator[Row]:
    """List what is measured, and make what it needs."""
    for name in peers:
        spec = PEERS[name]
        why = python = ""
        try:
            python = python_of(name, spec.requirements)
        except RuntimeError as error:
            why = str(error)
            print(why)
        for way in spec.ways:
            row = Row(name, way.on, way.label, python)
            if why:
                row.cells = {workload: Cell(why="could not be installed") for workload in COLUMNS}
            yield row


def run_one(row: Row, workload: str, quick: bool) -> dict[str, Any]:
    """Run one measurement to its end, or end it, and return what it said."""
    command = [row.python, str(_HERE / PEERS[row.peer].script), workload, "--on", row.on]
    folder = tempfile.mkdtemp(prefix="bench-")
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as errors:
        process, mark = start(
            command + ["--quick"] * quick,
            env={"TMPDIR": folder},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=errors,
            cwd=folder,
        )
        try:
            process.wait(timeout=_LIMIT)
        except subprocess.TimeoutExpired:
            return {"why": f"over {_LIMIT:.0f} s"}
        finally:
            end_all(process, mark)
            shutil.rmtree(folder, ignore_errors=True)
        return answer(process.returncode, text_of(said), text_of(errors))


def text_of(file: Any) -> str:
    """Read all of a file that another process wrote."""
    file.seek(0)
    return str(file.read())


def answer(code: int, said: str, errors: str) -> dict[str, Any]:
    """Find the line of figures, or the error, in what a measurement printed."""
    lines = [line for line in said.splitlines() if line.startswith('{"workload"')]
    if lines:
        return dict(json.loads(lines[-1]))
    raised = [line for line in errors.splitlines() if line[:1].strip() and "Error" in line]
    last = raised[-1] if raised else f"ended with {code}"
    return {"why": f"failed: {last[:200]}"}


def measure(row: Row, workload: str, quick: bool) -> None:
    """Add one measurement to a cell, unless that is settled."""
    cell = row.cell(workload)
    if not cell.settled and workload == "W4b" and not quick:
        cell.why = hopeless(row)
    if cell.settled:
        return
    began = time.monotonic()
    found = run_one(row, workload, quick)
    cell.took += time.monotonic() - began
    cell.versions = found.get("versions", cell.versions)
    value = found.pop("value", None)
    if value is None:
        # A figure that was measured before stands, whatever happened to a later one.
        cell.why = "" if cell.samples else found["why"]
        cell.took += _ENOUGH if cell.samples else 0
        shown = found["why"]
    else:
        cell.unit = found["unit"]
        inner = found.pop("samples")
        numbers = {k: v for k, v in found.items() if isinstance(v, (int, float)) and k != "quick"}
        cell.samples.append({"value": value, "load": os.getloadavg()[0], **numbers})
        shown = f"{value:.4g} {cell.unit} ({len(inner)})"
    print(f"  {workload:4} {row.label:55} {shown}", flush=True)


def hopeless(row: Row) -> str:
    """Say why the large map is left out, if the small one tells how long it would take."""
    small = row.cells.get("W4")
    if small is None:
        return ""
    if small.why:
        return small.why
    seconds = FULL.maps[1] / statistics.median(one["value"] for one in small.samples)
    return f"not run: {seconds:.0f} s at the rate of 2,000" if seconds > _LARGE else ""


def plain(rows: Sequence[Row], quick: bool) -> dict[str, Any]:
    """Return everything as plain data."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "taken": datetime.date.today().isoformat(),
        "quick": quick,
        "limit_s": _LIMIT,
        "machine": {
            "cores": os.cpu_count(),
            "memory_gib": round(memory / 2**30),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "rows": [
            {
                "peer": row.peer,
                "on": row.on,
                "label": row.label,
                "cells": {name: asdict(row.cells[name]) for name in COLUMNS if name in row.cells},
            }
            for row in rows
        ],
    }


def merged(found: dict[str, Any], path: Path) -> dict[str, Any]:
    """Put figures in the place of those of an earlier run, and keep its others."""
    if not path.exists():
        return found
    old = {(row["peer"], row["on"]): row for row in json.loads(path.read_text())["rows"]}
    for row in found["rows"]:
        before = old.pop((row["peer"], row["on"]), {"cells": {}})
        cells = {**before["cells"], **row["cells"]}
        row["cells"] = {name: cells[name] for name in COLUMNS if name in cells}
    order = [(name, way.on) for name, spec in PEERS.items() for way in spec.ways]
    kept = [row for key, row in old.items() if key in order]
    found["rows"] = sorted(
        [*found["rows"], *kept], key=lambda row: order.index((row["peer"], row["on"]))
    )
    return found


def chosen(parser: argparse.ArgumentParser, text: str, known: Sequence[str]) -> list[str]:
    """Read names that are separated by commas."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            parser.error(f"{name!r} is none of {', '.join(known)}")
    return names


def in_rounds(
    rows: Sequence[Row], workloads: Sequence[str], repeats: int, given: argparse.Namespace
) -> None:
    """Measure everything once, and again backwards, and so on while there is time."""
    began = time.monotonic()
    for turn in range(repeats):
        print(f"round {turn + 1}, after {time.monotonic() - began:.0f} s", flush=True)
        for workload in workloads:
            for row in rows if turn % 2 == 0 else reversed(rows):
                if turn == 0 or time.monotonic() - began < given.minutes * 60:
                    measure(row, workload, given.quick)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="little work: is it broken?")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--workloads", default=",".join(COLUMNS))
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--minutes", type=float, default=22, help="no further rounds after that")
    parser.add_argument("--out", type=Path, help="a raw file of your own")
    given = parser.parse_args()
    workloads = chosen(parser, given.workloads, list(COLUMNS))
    rows = list(rows_of(chosen(parser, given.peers, list(PEERS))))
    out = given.out or (None if given.quick else _RAW)
    # Asked to end, it first ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    in_rounds(rows, workloads, given.repeats or (1 if given.quick else 3), given)
    found = plain(rows, given.quick)
    if out:
        found = merged(found, out)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(found, indent=1) + "\n")
    print(f"\n{peers_table(found)}\n\n{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
