"""Measure what a journal costs, and how soon a run of many records goes on.

python ci/bench/journal.py [--quick]

  1  100 loops of 20 iterations, recorded and not, in turns on one cluster
  2  a run of 100,000 recorded states is resumed: seconds until its last ten attempts are done
  3  bytes of the journal for each iteration

Prints a table. A run without --quick writes every figure to docs/performance/raw-journal.json.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import looping
from chain import connected
from distributed import Client
from measuring import Figure, Row, in_turns, machine, sample, settle, table

from daskloop.flow.options import checked_options
from daskloop.keys import Place
from daskloop.plan.compile import compile_plan
from daskloop.record.entries import Recorded
from daskloop.record.folder_journal import FolderJournal
from daskloop.record.sealed import seal
from daskloop.run.register import register

_RAW = Path(__file__).resolve().parents[2] / "docs" / "performance" / "raw-journal.json"
_LOOPS, _ITERATIONS = 100, 20


def recorded(client: Client, folder: str) -> object:
    """Run many loops with a journal, and throw it away."""
    state = looping.loops_flow.run(
        seeds=list(range(_LOOPS)), iterations=_ITERATIONS, executor=client, journal=folder
    )
    state.raise_if_failed()
    return shutil.rmtree(folder)


def beside(quick: bool) -> Iterator[Row]:
    """Measure iterations per second with a journal and without."""
    for kind in ("threads", "processes"):
        with connected(kind) as client, tempfile.TemporaryDirectory() as folder:
            plain, ours = in_turns(
                {
                    "without": partial(looping.loops, client, _LOOPS, _ITERATIONS),
                    "with": partial(recorded, client, f"{folder}/runs"),
                },
                unit="/s",
                amount=_LOOPS * _ITERATIONS,
                repeats=2 if quick else 9,
                between=partial(settle, client),
            )
        ratio = ours.median / plain.median
        what = f"1. {_LOOPS} loops of {_ITERATIONS}, recorded / not"
        yield Row(what, kind, ours, "ratio >= 0.9", ratio >= 0.9, plain, ratio)


def write_many(journal: FolderJournal, loops: int, iterations: int) -> str:
    """Write the record of a run whose last ten loops lack their last iteration."""
    options = checked_options(journal=journal)
    values: dict[str, Any] = {"seeds": list(range(loops)), "iterations": iterations}
    run = register(compile_plan(looping.loops_flow), values, options, None, None)
    slug = "iterate-1"
    now = time.time()
    run.ledger.commit(
        [Recorded((Place(slug, None, 1),), 1, 0, "Mapped", "", width=loops, attempted=False)], ()
    )
    for index in range(loops):
        records = []
        for count in range(1, iterations + 1):
            ends = count == iterations
            value = seal(7 if ends else [count, 12345], "a value", 10_000, None, "")
            state, text = ("Success", "Task run succeeded.") if ends else ("Looped", "goes on")
            if ends and index >= loops - 10:
                continue
            place = (Place(slug, index, count),)
            records.append(
                Recorded(
                    place, 1, 0, state, text, value, worker="w", started=now, ended=now, at=now
                )
            )
        run.ledger.commit(records, ())
    run.ledger.close()
    return run.run


def resuming(quick: bool) -> Iterator[Row]:
    """Measure how long it takes to go on with a long record, and how large it is."""
    loops = 500 if quick else 5_000
    with tempfile.TemporaryDirectory() as folder:
        journal = FolderJournal(folder)
        run = write_many(journal, loops, 20)
        size = sum(path.stat().st_size for path in Path(folder, run).glob("run.sqlite*"))
        copies = []
        for number in range(1 if quick else 5):
            copy = f"{folder}-{number}"
            shutil.copytree(folder, copy)
            began = time.perf_counter()
            state = looping.loops_flow.run(resume=run, journal=copy, executor="inline")
            copies.append(sample(time.perf_counter() - began))
            state.raise_if_failed()
            shutil.rmtree(copy)
    figure = Figure("daskloop", "s", copies)
    yield Row(f"2. resume of {loops * 20:,} records", "inline", figure, "< 3 s", figure.median < 3)
    bytes_each = Figure("daskloop", "bytes", [sample(size / (loops * 20))])
    yield Row("3. journal, per iteration", "", bytes_each, "stated", True)


def main() -> None:
    """Measure it all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="little work: is it broken?")
    quick = parser.parse_args().quick
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    rows = [*beside(quick), *resuming(quick)]
    print("\n" + table(rows))
    if not quick:
        kept = {
            "taken": datetime.date.today().isoformat(),
            "machine": machine(),
            "rows": [row.plain() for row in rows],
        }
        _RAW.parent.mkdir(parents=True, exist_ok=True)
        _RAW.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
