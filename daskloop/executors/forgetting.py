"""Let the processes of a cluster of ours forget the keys of attempts that have ended.

``dask.utils.key_split`` remembers its last 100,000 answers, and each attempt has a key of its own:
342 bytes an attempt in the scheduler and in each worker that sees it, 34 MB before it ends. An
answer takes two microseconds to find again.
"""

from __future__ import annotations

from typing import Any

import dask.utils
from distributed.diagnostics.plugin import SchedulerPlugin, WorkerPlugin
from tornado.ioloop import PeriodicCallback

__all__ = ["ForgetfulScheduler", "ForgetfulWorker"]

_EVERY = 10_000  # milliseconds


def _forgetting(every: int) -> PeriodicCallback:
    """Begin to forget, on the event loop of this thread; a Dask without that memory has nothing."""
    forget = getattr(dask.utils.key_split, "cache_clear", None)
    clock = PeriodicCallback(forget or (lambda: None), every)
    clock.start()
    return clock


class ForgetfulScheduler(SchedulerPlugin):  # type: ignore[misc]
    """Has the process of a scheduler forget keys, again and again.

    Parameters
    ----------
    every : int
        Milliseconds.
    """

    name = "daskloop-forgetful-scheduler"

    def __init__(self, every: int = _EVERY) -> None:
        self.every = every

    async def start(self, scheduler: Any) -> None:
        """Begin."""
        self._clock = _forgetting(self.every)

    async def close(self) -> None:
        """End."""
        self._clock.stop()


class ForgetfulWorker(WorkerPlugin):  # type: ignore[misc]
    """Has the process of a worker forget keys, again and again.

    Parameters
    ----------
    every : int
        Milliseconds.
    """

    name = "daskloop-forgetful-worker"

    def __init__(self, every: int = _EVERY) -> None:
        self.every = every

    def setup(self, worker: Any) -> None:
        """Begin."""
        self._clock = _forgetting(self.every)

    def teardown(self, worker: Any) -> None:
        """End."""
        self._clock.stop()
