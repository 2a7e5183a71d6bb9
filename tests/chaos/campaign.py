"""Faults at random moments, run after run, and the audit of each.

python -m tests.chaos.campaign 60 --seed 7
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from daskloop.record.folder_journal import FolderJournal
from tests.chaos.audit import Audit, audit
from tests.chaos.faults import FAULTS, Disk, Heal
from tests.chaos.report import report
from tests.chaos.site import Site

__all__ = ["Campaign", "Found", "campaign"]

_LOOK = 0.02  # seconds between looks
_STILL = 60.0  # seconds without progress, with all faults healed, that are a broken promise
_LAST = 240.0  # seconds that the last run has to end once there are no faults any more
_AT_ONCE = 2  # faults that are not healed yet
_DISK = "24m"


@dataclass
class Found:
    """What a campaign was and what came of it."""

    seed: int
    seconds: float = 0.0
    faults: list[tuple[float, str]] = field(default_factory=list)
    """When, from the beginning, and which."""
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By fault: seconds from its end to the next attempt that began."""
    drivers: int = 0
    restarts: int = 0
    audits: list[Audit] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Broken promises that are not of one run."""

    @property
    def broken(self) -> list[str]:
        """All broken promises."""
        return [*self.wrong, *(text for one in self.audits for text in one.wrong)]


class _Open(NamedTuple):
    """A fault that has been done, and how it is healed."""

    name: str
    until: float
    heal: Heal | None


class Campaign:
    """One campaign.

    Parameters
    ----------
    site : Site
        Open.
    disk : Disk
        Where the journal lies.
    seed : int
        Which faults come, and after how long.
    size : int
        Of each run.
    """

    def __init__(self, site: Site, disk: Disk, seed: int, size: int) -> None:
        self.found = Found(seed)
        self._site = site
        self._disk = disk
        self._draw = Random(seed)
        self._size = size
        self._open: list[_Open] = []
        self._awaiting: list[tuple[str, float]] = []
        """Faults that are over and after which no attempt has begun yet, and since when."""
        self._run: str | None = None
        self._flow = "quick"
        self._ends = False
        self._failures = 0
        self._may_fail = False
        self._begun = self._moved = self._next = self._drives_at = time.monotonic()
        self._bytes = 0
        self._log = (site.folder / "faults").open("a")

    def go_on(self, seconds: float) -> Found:
        """Do faults for so long, let the last run end, and say what was found."""
        ends = self._begun + seconds
        self._new_run()
        while (now := time.monotonic()) < ends and not self.found.wrong:
            self._look(now)
            if now >= self._next and len(self._open) < _AT_ONCE:
                self._wound(now)
        self._say("no faults any more")
        self._ends = True
        self._open = [one._replace(until=0.0) for one in self._open]
        while self._flow and not self.found.wrong:
            self._look(time.monotonic())
            if time.monotonic() > ends + _LAST:
                self._wrong(f"run {self._run} did not end within {_LAST:g} s without faults")
        self.found.seconds = time.monotonic() - self._begun
        self.found.restarts = self._site.restarts
        self._log.close()
        return self.found

    def _look(self, now: float) -> None:
        """Heal what is due, start again what has ended, notice what moves."""
        self._heal(now)
        self._site.mend()
        self._look_for_progress(now)
        code = self._site.driver_ended()
        if code is not None:
            self._driver_ended(code)
        if self._flow and self._site.driver is None and now >= self._drives_at:
            self._drive()
        time.sleep(_LOOK)

    def _heal(self, now: float) -> None:
        """End the faults whose time is over."""
        for one in [one for one in self._open if one.until <= now]:
            self._open.remove(one)
            if one.heal is not None:
                one.heal()
                self._say(f"healed: {one.name}")
            self._awaiting.append((one.name, now))
            self._moved = now

    def _look_for_progress(self, now: float) -> None:
        count = sum(path.stat().st_size for path in self._site.notes.glob("*.notes"))
        if count != self._bytes:
            self._bytes, self._moved = count, now
            for name, since in self._awaiting:
                self.found.recoveries[name].append(now - since)
            if self._awaiting:
                self._next = min(self._next, now + self._draw.uniform(0.2, 3.0))
            self._awaiting.clear()
        elif now - self._moved > _STILL and not self._open:
            self._wrong(f"nothing has begun for {_STILL:g} s")

    def _wound(self, now: float) -> None:
        """Do the next fault, and wait for progress before the one after it, mostly."""
        names = list(FAULTS)
        name = self._draw.choices(names, [FAULTS[one][0] for one in names])[0]
        wound = None
        if all(one.name != name for one in self._open):
            wound = FAULTS[name][1](self._site, self._disk, self._draw)
        if wound is None:
            self._next = now + 0.1
            return
        self.found.faults.append((now - self._begun, name))
        self._say(f"{name}{f', {wound.lasts:.1f} s' if wound.lasts else ''}")
        self._may_fail = self._may_fail or "disk" in name or "limit" in name
        self._open.append(_Open(name, now + wound.lasts, wound.heal))
        hasty = self._draw.random() < 0.25
        self._next = now + (self._draw.uniform(0, 1) if hasty else _STILL + 5.0)

    def _new_run(self) -> None:
        self._run = None
        self._failures, self._may_fail = 0, False
        self._flow = "" if self._ends else {"quick": "careful"}.get(self._flow, "quick")

    def _drive(self) -> None:
        """Begin the run, or go on with it, in one of the two ways there are."""
        journal = self._disk.folder
        if self._run is None:
            begun = [path.name for path in journal.glob("*-*") if not path.name.startswith(".")]
            self._run = begun[0] if begun else None
        self.found.drivers += 1
        if self._draw.random() < 0.5:
            words = ["tests.chaos.driver", self._flow, self._size, journal, self._site.address]
            words += [self._run] if self._run else []
        else:
            flow, size = f"tests.chaos.mixed_flow:{self._flow}", f"size={self._size}"
            start = ["run", flow, "-p", size] if self._run is None else ["resume", self._run, flow]
            words = ["daskloop", *start, "--journal", journal, "--executor", self._site.address]
        self._say(f"driver: {' '.join(map(str, words))}")
        self._site.drive(*words)

    def _driver_ended(self, code: int) -> None:
        self._say(f"driver ended: {code}")
        self._drives_at = time.monotonic() + 0.2
        if code == 0 and self._run is None:
            self._drive_by_name()
        if code == 0:
            self._audit()
        elif code == 1:
            self._failures += 1
            if not self._may_fail or self._failures > 10:
                self._wrong(f"run {self._run} of flow {self._flow} failed")

    def _drive_by_name(self) -> None:
        (self._run,) = (path.name for path in self._disk.folder.glob("[a-z]*-*"))

    def _audit(self) -> None:
        """Audit the run that has ended, and make room for the next one."""
        assert self._run is not None
        self._open = [one._replace(until=0.0) for one in self._open]
        self._heal(time.monotonic())  # whoever audits needs a disk
        journal = self._disk.folder
        found = audit(self._site.notes, journal, self._run, self._flow, self._size)
        self.found.audits.append(found)
        self._say(f"run {self._run} ended: {found}")
        if found.wrong:
            shutil.copytree(journal / self._run, self._site.folder / self._run)
            self._wrong(f"run {self._run} of flow {self._flow}, see {self._site.folder}")
        FolderJournal(journal).remove(self._run)
        (self._site.notes / f"{self._run}.notes").rename(self._site.folder / f"{self._run}.notes")
        self._bytes = 0
        self._awaiting.clear()  # the next run begins whenever it does
        self._next = time.monotonic() + self._draw.uniform(0.2, 3.0)
        self._new_run()

    def _wrong(self, text: str) -> None:
        self._say(f"WRONG: {text}")
        self.found.wrong.append(text)

    def _say(self, text: str) -> None:
        self._log.write(f"{time.monotonic() - self._begun:8.2f} {time.time():.3f} {text}\n")
        self._log.flush()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Make a disk that can be filled; where that is not allowed, a folder like any other."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(folder)]
    made = os.geteuid() == 0 and not subprocess.run(mount, capture_output=True).returncode
    try:
        yield Disk(folder / "runs", made)
    finally:
        if made:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def campaign(folder: Path, seconds: float, seed: int, size: int = 10) -> Found:
    """Run one campaign in a folder of its own, and end all of its processes.

    Parameters
    ----------
    folder : Path
        Empty; keeps what the processes said.
    seconds : float
        How long there are faults.
    seed, size : int
        Of the faults; of each run.
    """
    site = Site(folder)
    with small_disk(folder / "disk") as disk:
        try:
            site.open()
            found = Campaign(site, disk, seed, size).go_on(seconds)
        finally:
            left = site.close()
    found.wrong += [f"left behind: {text}" for text in left]
    return found


def main(arguments: list[str]) -> int:
    """Run a campaign; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="ci/chaos", description="Faults at random moments.")
    parser.add_argument("seconds", type=float, nargs="?", default=60.0)
    parser.add_argument("--seed", type=int, default=None, help="which faults, and when")
    parser.add_argument("--folder", type=Path, help="keep what was said and noted in this folder")
    given = parser.parse_args(arguments)
    seed = int(time.time()) % 100_000 if given.seed is None else given.seed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # processes are ended on the way out
    folder = given.folder or Path(tempfile.mkdtemp(prefix="daskloop-chaos-"))
    folder.mkdir(exist_ok=True)
    print(f"seed {seed}; what is said goes to {folder}", flush=True)
    found = campaign(folder, given.seconds, seed)
    print(report(found))
    if found.broken:
        return 1
    if given.folder is None:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
