"""The faults of a campaign: what each does to the processes of a site, and how it is healed."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

import psutil

from tests.chaos.notes import set_trap
from tests.chaos.site import Site, workers_of

__all__ = ["FAULTS", "Disk", "Wound"]

Heal = Callable[[], None]


class Wound(NamedTuple):
    """A fault that was done."""

    lasts: float = 0.0
    """Seconds until it is healed."""
    heal: Heal | None = None


class Disk(NamedTuple):
    """Where the journal lies."""

    folder: Path
    is_small: bool
    """True if it is a disk of its own, which can be filled."""


Fault = Callable[[Site, Disk, Random], "Wound | None"]
"""Does it; None if there was nothing to do it to."""


def _signal(pid: int, what: signal.Signals) -> bool:
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        return False
    return True


def _kill(*pids: int) -> Wound | None:
    killed = [_signal(pid, signal.SIGKILL) for pid in pids]
    return Wound() if any(killed) else None


def _stop(pids: list[int], lasts: float) -> Wound | None:
    stopped = [pid for pid in pids if _signal(pid, signal.SIGSTOP)]
    if not stopped:
        return None

    def go_on() -> None:
        for pid in stopped:
            _signal(pid, signal.SIGCONT)

    return Wound(lasts, go_on)


def _worker(site: Site, draw: Random) -> psutil.Process | None:
    workers = site.workers()
    return draw.choice(workers) if workers else None


def kill_worker(site: Site, disk: Disk, draw: Random) -> Wound | None:
    worker = _worker(site, draw)
    return None if worker is None else _kill(worker.pid)


def kill_all_workers(site: Site, disk: Disk, draw: Random) -> Wound | None:
    return _kill(*(one.pid for one in site.workers()))


def kill_nanny(site: Site, disk: Disk, draw: Random) -> Wound | None:
    return _kill(draw.choice(site.nannies).pid)


def kill_scheduler(site: Site, disk: Disk, draw: Random) -> Wound | None:
    assert site.scheduler is not None
    return _kill(site.scheduler.pid)


def kill_driver(site: Site, disk: Disk, draw: Random) -> Wound | None:
    return None if site.driver is None else _kill(site.driver.pid)


def kill_driver_and_worker(site: Site, disk: Disk, draw: Random) -> Wound | None:
    worker = _worker(site, draw)
    if worker is None or site.driver is None:
        return None
    return _kill(site.driver.pid, worker.pid)


def kill_driver_and_scheduler(site: Site, disk: Disk, draw: Random) -> Wound | None:
    assert site.scheduler is not None
    return None if site.driver is None else _kill(site.driver.pid, site.scheduler.pid)


def end_driver(site: Site, disk: Disk, draw: Random) -> Wound | None:
    """SIGTERM, which a driver of the command line takes as a wish to stop softly."""
    if site.driver is None:
        return None
    return Wound() if _signal(site.driver.pid, signal.SIGTERM) else None


def stop_worker(site: Site, disk: Disk, draw: Random) -> Wound | None:
    worker = _worker(site, draw)
    return None if worker is None else _stop([worker.pid], draw.uniform(0.5, 5))


def stop_worker_long(site: Site, disk: Disk, draw: Random) -> Wound | None:
    """For longer than the scheduler waits for a word of it."""
    worker = _worker(site, draw)
    return None if worker is None else _stop([worker.pid], 20)


def stop_node_long(site: Site, disk: Disk, draw: Random) -> Wound | None:
    """A nanny and its worker: both are given up, and come back beside those in their place."""
    nanny = draw.choice(site.nannies).pid
    return _stop([nanny, *(one.pid for one in workers_of(nanny))], 20)


def stop_scheduler(site: Site, disk: Disk, draw: Random) -> Wound | None:
    assert site.scheduler is not None
    return _stop([site.scheduler.pid], draw.uniform(0.5, 4))


def stop_driver(site: Site, disk: Disk, draw: Random) -> Wound | None:
    return None if site.driver is None else _stop([site.driver.pid], draw.uniform(0.5, 5))


def exhaust_memory(site: Site, disk: Disk, draw: Random) -> Wound | None:
    set_trap(site.notes)
    return Wound()


def cut_network(site: Site, disk: Disk, draw: Random) -> Wound | None:
    site.say("cut")
    return Wound(draw.choice((0.1, 1, 3, 6)), lambda: site.say("heal"))


def freeze_network(site: Site, disk: Disk, draw: Random) -> Wound | None:
    site.say("freeze")
    return Wound(draw.choice((0.5, 2, 8)), lambda: site.say("heal"))


def freeze_then_cut_network(site: Site, disk: Disk, draw: Random) -> Wound | None:
    """What is under way is lost, and nobody is told for a while."""
    site.say("freeze")

    def end() -> None:
        site.say("cut")
        site.say("heal")

    return Wound(draw.choice((0.5, 2)), end)


def fill_disk(site: Site, disk: Disk, draw: Random) -> Wound | None:
    """Take all that is left on the journal's disk."""
    if not disk.is_small:
        return None
    ballast = disk.folder.parent / "ballast"
    # No space left: that is what was wanted.
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4_096):
            pass
    return Wound(draw.uniform(0.5, 4), ballast.unlink)


def limit_files(site: Site, disk: Disk, draw: Random) -> Wound | None:
    """Let the driver write no file beyond its first page, as a disk quota does."""
    if site.driver is None:
        return None
    pid, usual = site.driver.pid, resource.getrlimit(resource.RLIMIT_FSIZE)
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, usual[1]))

        def lift() -> None:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, usual)

        return Wound(draw.uniform(0.2, 2), lift)
    return None


FAULTS: Mapping[str, tuple[int, Fault]] = {
    "worker killed": (6, kill_worker),
    "all workers killed": (2, kill_all_workers),
    "nanny killed": (3, kill_nanny),
    "scheduler killed": (2, kill_scheduler),
    "driver killed": (6, kill_driver),
    "driver and a worker killed": (2, kill_driver_and_worker),
    "driver and scheduler killed": (1, kill_driver_and_scheduler),
    "driver told to end (SIGTERM)": (1, end_driver),
    "worker stopped 0.5 to 5 s": (2, stop_worker),
    "worker stopped 20 s": (1, stop_worker_long),
    "nanny and worker stopped 20 s": (1, stop_node_long),
    "scheduler stopped 0.5 to 4 s": (1, stop_scheduler),
    "driver stopped 0.5 to 5 s": (1, stop_driver),
    "worker out of memory": (2, exhaust_memory),
    "network cut 0.1 to 6 s": (2, cut_network),
    "network frozen 0.5 to 8 s": (1, freeze_network),
    "network frozen, then cut": (1, freeze_then_cut_network),
    "disk full": (2, fill_disk),
    "driver at its file size limit": (1, limit_files),
}
"""By name: how often each is drawn, and what it does."""
