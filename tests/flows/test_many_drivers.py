"""Fifty runs at once by eight driver processes in one journal: none is lost, or taken by two."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daskloop.record.folder_journal import FolderJournal
from tests.chaos.notes import read_notes
from tests.chaos.site import ROOT
from tests.flows.many_drivers import BREAKS, CHILDREN, LAST

DRIVERS, RUNS = 8, 50
PATIENCE = 120.0


@contextlib.contextmanager
def drivers(folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Start all drivers, between them with all runs; they are gone when the block ends."""
    command = [sys.executable, "-m", "tests.flows.many_drivers", str(folder)]
    with contextlib.ExitStack() as stack:
        made = []
        for number in range(DRIVERS):
            count = len(range(number, RUNS, DRIVERS))
            process = subprocess.Popen(
                [*command, str(count)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            made.append(stack.enter_context(process))
            stack.callback(process.kill)
        yield made


def ask(processes: list[subprocess.Popen[str]], word: str) -> list[Any]:
    """Ask all of them for the same thing at once."""
    for one in processes:
        assert one.stdin is not None
        one.stdin.write(f"{word}\n")
        one.stdin.flush()
    answers = []
    for one in processes:
        assert one.stdout is not None
        answers.append(json.loads(one.stdout.readline()))
    return answers


def statuses(journal: FolderJournal) -> Counter[str]:
    return Counter(one.status for one in journal.runs())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fifty_runs_of_eight_drivers_in_one_journal_end_well_and_none_is_taken_by_two(tmp_path):
    journal = FolderJournal(tmp_path / "runs")
    with drivers(tmp_path) as processes:
        ends = time.monotonic() + PATIENCE
        while statuses(journal) != {"running": RUNS}:
            assert time.monotonic() < ends, statuses(journal)
            assert all(one.poll() is None for one in processes)
            time.sleep(0.05)
        assert ask(processes, "knock") == [{"refused": RUNS, "taken": 0}] * DRIVERS
        assert statuses(journal) == {"running": RUNS}
        (tmp_path / "go").touch()
        ended = ask(processes, "end")
        assert [name for one in ended for name in one] == ["Failed"] * RUNS
        assert statuses(journal) == {"failed": RUNS}
        (tmp_path / "mended").touch()
        results = [found for one in ask(processes, "resume") for found in one.items()]
    assert statuses(journal) == {"success": RUNS}
    wanted = [number * LAST for number in range(1, CHILDREN + 1)]
    assert all(found == wanted for _, found in results)
    assert len({name for name, _ in results}) == RUNS
    for summary in journal.runs():
        judge(journal, summary.header.run, tmp_path)


def judge(journal: FolderJournal, run: str, folder: Path) -> None:
    """Compare what is recorded with what attempts noted: each iteration is there once."""
    made = {(child, turn) for child in range(CHILDREN) for turn in range(1, LAST + 1)}
    ended = Counter(
        (place.child, place.iteration)
        for record in journal.read(run).records
        for place in record.address[-1:]
        if record.state in ("Looped", "Success") and place.child is not None
    )
    assert ended == dict.fromkeys(made, 1)
    begun = [note for note in read_notes(folder, run) if note.what == "begun"]
    times = Counter(note.iteration for note in begun)
    # The one at which each loop failed was made again, once; no other was.
    assert Counter(times.values()) == {1: CHILDREN * (LAST - 1), 2: CHILDREN}
    assert all(f"@{BREAKS}" in key for key, count in times.items() if count == 2)
    lives = {note.process for note in begun}
    assert len(lives) <= 2  # the driver that began it, and the one that went on with it
