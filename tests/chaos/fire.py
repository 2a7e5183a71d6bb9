"""Many loops while a worker is killed every second, and what became of each iteration.

python -m tests.chaos.fire LOOPS TURNS [--batch auto] [--every SECONDS]

A scheduler, two nannies with a worker of one thread each, and a driver, all processes of their own;
the run is recorded. Only a worker that has begun an attempt is killed, so that none dies before it
could do anything. Prints a line of figures; returns 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import psutil

from daskloop.record.folder_journal import FolderJournal
from tests.chaos import fire_flow
from tests.chaos.audit import judge
from tests.chaos.gates import read_gates
from tests.chaos.notes import read_notes
from tests.chaos.site import Site

__all__ = ["Fire", "broken", "fire"]

_LOOK = 0.1  # seconds between looks at memory
_TAIL = 8_192  # bytes of notes that say which workers are busy
_UP = 60.0  # seconds that a driver has to begin its run


class Fire(NamedTuple):
    """What a run under fire was, and what came of it."""

    loops: int
    turns: int
    batch: str
    seconds: float
    kills: int
    recorded: int
    """Iterations."""
    begun: int
    """Attempts."""
    again: int
    """Attempts that began once more."""
    charged: int
    """Losses that an attempt was charged for."""
    beside: int
    """Attempts that had passed their gate, and whose body began when they were recorded."""
    failed: int
    """Loops; nobody does anything to deserve it."""
    right: bool
    """Whether results are those of a plain program."""
    driver: float
    """Peak of its memory, MiB."""
    scheduler: float
    journal: float
    """Bytes for each iteration."""
    wrong: tuple[str, ...]
    """Broken promises about iterations."""


def fire(
    folder: Path, loops: int, turns: int, batch: str, *, every: float, limit: float, seed: int = 1
) -> Fire:
    """Run the loops under fire.

    Parameters
    ----------
    folder : Path
        Empty; for notes, the journal and what processes say.
    loops, turns : int
        How many, and how many iterations of each.
    batch : str
        "1" or "auto".
    every : float
        Seconds from one killed worker to the next; 0 for none.
    limit : float
        Seconds that it may take.
    seed : int
        Which of the workers.
    """
    site = Site(folder)
    journal = folder / "journal"
    try:
        site.open()
        driver = site.drive("tests.chaos.fire_driver", loops, turns, batch, journal, site.inside)
        assert site.scheduler is not None
        watched = {"driver": driver.pid, "scheduler": site.scheduler.pid}
        run = _run_of(site)
        peaks, kills = _under_fire(site, run, watched, every, limit, Random(seed))
        code = driver.wait(_UP)
        said = _said(site, "ended")
    finally:
        left = site.close()
    assert code == 0, f"the driver ended with {code}, see {site.said}"
    return _audited(site, journal, run, said, peaks, kills, left, (loops, turns, batch))


def _run_of(site: Site) -> str:
    """Wait for the driver to name its run."""
    deadline = time.monotonic() + _UP
    while (name := _said(site, "run")) is None:
        assert time.monotonic() < deadline, f"no run began within {_UP:g} s, see {site.said}"
        time.sleep(_LOOK)
    return str(name)


def _said(site: Site, word: str) -> Any:
    """Return what the driver said after a word, on a line of its own; None if it has not yet."""
    for line in (site.said / "driver-001").read_text().splitlines():
        if line.startswith(f"{word} "):
            return json.loads(line.removeprefix(f"{word} "))
    return None


def _under_fire(
    site: Site, run: str, watched: dict[str, int], every: float, limit: float, draw: Random
) -> tuple[dict[str, float], int]:
    """Kill until the driver has ended; return peaks of memory, and how many were killed."""
    assert site.driver is not None
    begun = time.monotonic()
    peaks = dict.fromkeys(watched, 0.0)
    kills, due, killed = 0, begun + every, set[int]()
    while site.driver.poll() is None:
        now = time.monotonic()
        assert now < begun + limit, f"not ended within {limit:g} s, with {kills} workers killed"
        for name, pid in watched.items():
            peaks[name] = max(peaks[name], _memory(pid))
        if every and now >= due:
            busy = sorted(_busy(site.notes / f"{run}.notes") - killed)
            alive = [one for one in site.workers() if one.pid in busy]
            if alive:
                victim = draw.choice(alive).pid
                os.kill(victim, signal.SIGKILL)
                killed.add(victim)
                kills, due = kills + 1, now + every
        time.sleep(_LOOK)
    return peaks, kills


def _memory(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_info().rss) / 2**20
    except psutil.Error:  # it has just ended
        return 0.0


def _busy(notes: Path) -> set[int]:
    """Say which processes have begun something lately."""
    if not notes.exists():
        return set()
    with notes.open("rb") as file:
        file.seek(max(0, notes.stat().st_size - _TAIL))
        lines = file.read().splitlines()[1:]  # the first one may be cut
    return {json.loads(line)[-1] for line in lines}


def _audited(
    site: Site,
    journal: Path,
    run: str,
    said: dict[str, Any],
    peaks: dict[str, float],
    kills: int,
    left: list[str],
    asked: tuple[int, int, str],
) -> Fire:
    loops, turns, batch = asked
    wanted = fire_flow.iterations(loops, turns)
    records = FolderJournal(journal).read(run).records
    noted, gates = read_notes(site.notes, run), read_gates(site.notes, run)
    found = judge(run, records, noted, wanted, gates)
    size = sum(one.stat().st_size for one in journal.rglob("*") if one.is_file())
    return Fire(
        loops=loops,
        turns=turns,
        batch=batch,
        seconds=said["seconds"],
        kills=kills,
        recorded=found.iterations,
        begun=found.begun,
        again=found.again,
        charged=found.charged,
        beside=found.beside,
        failed=said["failed"],
        right=said["right"],
        driver=peaks["driver"],
        scheduler=peaks["scheduler"],
        journal=size / (loops * turns),
        wrong=(*found.wrong, *said["texts"], *left),
    )


def broken(found: Fire) -> list[str]:
    """Say which promises were broken."""
    wrong = list(found.wrong)
    if found.recorded != found.loops * found.turns:
        wrong.append(f"{found.recorded} iterations are recorded, not {found.loops * found.turns}")
    if found.failed:
        wrong.append(f"{found.failed} loops failed")
    if not found.right:
        wrong.append("results are not those of a plain program")
    return wrong


def lines(found: Fire) -> str:
    """Write the figures."""
    how = "strict" if found.batch == "1" else f"batch={found.batch}"
    each = f"{found.again / found.kills:.2f} a kill" if found.kills else "nobody was killed"
    return (
        f"{found.loops:,} loops x {found.turns}, {how}: {found.seconds:.0f} s, "
        f"{found.recorded / found.seconds:.0f} iterations/s; {found.kills} workers killed; "
        f"{found.recorded:,} iterations recorded, {found.begun:,} attempts begun, {found.again} of "
        f"them again ({each}), {found.charged} losses charged, {found.beside} began beside their "
        f"record; {found.failed} loops failed; peak RSS driver {found.driver:.0f} MiB, scheduler "
        f"{found.scheduler:.0f} MiB; journal {found.journal:.0f} bytes an iteration"
    )


def main(arguments: list[str]) -> int:
    """Run; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description="Loops while a worker is killed every second.")
    parser.add_argument("loops", type=int)
    parser.add_argument("turns", type=int)
    parser.add_argument("--batch", default="1")
    parser.add_argument("--every", type=float, default=1.0, help="seconds; 0 kills nobody")
    parser.add_argument("--limit", type=float, default=1_500.0, help="seconds it may take")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # processes are ended on the way out
    folder = Path(tempfile.mkdtemp(prefix="daskloop-fire-"))
    found = fire(
        folder,
        given.loops,
        given.turns,
        given.batch,
        every=given.every,
        limit=given.limit,
        seed=given.seed,
    )
    print(lines(found))
    wrong = broken(found)
    print("\n".join(f"BROKEN: {text}" for text in wrong[:20]) or "no broken promise")
    if wrong:
        print(f"{len(wrong)} broken; see {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
