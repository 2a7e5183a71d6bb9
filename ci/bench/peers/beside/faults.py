"""The faults, and when they come: by the clock or by how many iterations have ended."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from random import Random

from beside.site import Site

__all__ = ["FAULTS", "Fault"]

WORKERS = 10
PERIOD = 2.0  # seconds between two killed workers
DRIVERS = 3


class Fault:
    """No fault; others do something when they are shown the site.

    Parameters
    ----------
    seed : int
        Which worker is killed.
    total : int
        Iterations there are.
    """

    def __init__(self, seed: int, total: int) -> None:
        self.done = 0
        """How often something was killed."""
        self.draw, self.total = Random(seed), total

    def look(self, site: Site, ended: int, now: float) -> None:
        """Do it if it is due.

        Parameters
        ----------
        site : Site
            Open, with a driver.
        ended : int
            Different iterations that have ended.
        now : float
            Seconds since the first iteration began.
        """


class WorkerKilled(Fault):
    """One of the workers is killed each time that a tenth of the iterations has ended."""

    def look(self, site: Site, ended: int, now: float) -> None:
        if ended < self.total and ended >= self.total * (self.done + 1) // WORKERS:
            self.kill(site)

    def kill(self, site: Site) -> None:
        """Kill one, unless none lives."""
        if workers := site.workers:
            os.kill(self.draw.choice(workers), signal.SIGKILL)
            self.done += 1


class WorkerKilledByClock(WorkerKilled):
    """One of the workers is killed every two seconds, whether or not others have come back."""

    def look(self, site: Site, ended: int, now: float) -> None:
        if now >= PERIOD * (self.done + 1):
            self.kill(site)


class DriverKilled(Fault):
    """The driver is killed three times, each time when a third of what was left has ended."""

    def look(self, site: Site, ended: int, now: float) -> None:
        if self.done < DRIVERS and ended >= instants(self.total)[self.done]:
            site.kill_driver()
            self.done += 1


class SchedulerKilled(Fault):
    """The scheduler is killed when half of the iterations have ended, and started again."""

    def look(self, site: Site, ended: int, now: float) -> None:
        if not self.done and ended >= self.total // 2:
            site.kill_scheduler()
            self.done += 1


def instants(total: int) -> list[int]:
    """Return how many iterations have ended when a driver is killed.

    Examples
    --------
    >>> instants(200)
    [67, 112, 142]
    """
    found: list[int] = []
    before = 0
    for _ in range(DRIVERS):
        before += math.ceil((total - before) / 3)
        found.append(before)
    return found


FAULTS: dict[str, Callable[[int, int], Fault]] = {
    "none": Fault,
    "worker": WorkerKilled,
    "worker-clock": WorkerKilledByClock,
    "driver": DriverKilled,
    "scheduler": SchedulerKilled,
}
"""By name."""
