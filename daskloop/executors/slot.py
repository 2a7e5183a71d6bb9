"""Keep one place of a local cluster filled with a living worker process, whatever dies.

::

    keep_worker ── makes ──► nanny ── starts, and starts again ──► worker process
         ▲                     │
         └── ended | stranded ─┘   then another nanny takes its place

Only the process of the cluster imports this module, see `cluster_process`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Callable
from typing import Any

from distributed import Nanny

from daskloop.executors.cluster_process import HOST, HTTP_SERVER
from daskloop.executors.forgetting import ForgetfulWorker
from daskloop.executors.send_intervals import own_interval
from daskloop.executors.send_plugins import ShortWorker
from daskloop.executors.unwatched import worker_plugins

__all__ = ["WatchedNanny", "first_of", "keep_worker", "make_nanny"]

PATIENCE = 0.8
"""Seconds that a worker has to end its task at the end, before it is killed."""

CLOSE_TIMEOUT = 3.0
"""Seconds after which a nanny that does not close is left to itself."""

WORKER_TIMEOUT = 30.0
"""Seconds that a worker has to come up, before another is tried."""

FIRST_TRIES = 3
"""So often a worker is started before the cluster is said not to start: one may get killed."""

LOOK_EVERY = 0.2
"""Seconds between looks whether a nanny is stranded."""

LOOKS = 3
"""So many in a row must find it stranded: between two workers it has none for a moment."""

logger = logging.getLogger("distributed.nanny")


class WatchedNanny(Nanny):  # type: ignore[misc]
    """A nanny that can be asked whether it still does its work.

    Notes
    -----
    When the fork server dies while it is to fork a worker, Dask's nanny logs that and stays as
    it is for ever: it takes itself for running, has no worker and starts none.
    """

    _starting = 0

    async def instantiate(self) -> Any:
        """Start a worker process."""
        self._starting += 1
        try:
            return await super().instantiate()
        except BaseException:
            if not self.is_alive():  # `close` would stumble over half a process
                self.process = None
            raise
        finally:
            self._starting -= 1

    def is_stranded(self) -> bool:
        """Tell whether there is neither a worker process nor a start under way.

        An earlier start may still wait for a worker that died, while a later one has failed and
        has left no process: what it waits for never comes.
        """
        return not self.is_alive() and (self.process is None or not self._starting)


async def keep_worker(
    make: Callable[[], WatchedNanny], name: int, first: asyncio.Future[None], ended: asyncio.Event
) -> None:
    """Keep one worker process running until `ended`.

    A nanny restarts a worker that dies. It gives up when the worker dies again while it starts,
    or when the scheduler dismisses the worker; it is stranded when a start fails otherwise. Then
    another nanny takes its place.

    Parameters
    ----------
    make : callable
        Returns a new `WatchedNanny`.
    name : int
        Number of the worker, for logs.
    first : asyncio.Future
        Done when the first worker is up; failed when several in a row could not start.
    ended : asyncio.Event
        Set when the cluster is to end.
    """
    pause, tries = 0.1, 0
    while not ended.is_set():
        nanny = make()
        try:
            await nanny
        except Exception as error:  # whatever keeps one from starting, the next may start
            tries += 1
            if not first.done() and tries >= FIRST_TRIES:
                first.set_exception(error)
                return
            logger.warning("Worker %s: %s (%r)", name, error, error.__cause__)
            _forget_half_processes()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(ended.wait(), pause)
            pause = min(2 * pause, 5.0)
            continue
        pause = 0.1
        if not first.done():
            first.set_result(None)
        await first_of(ended.wait(), nanny.finished(), _stranded(nanny))
        if ended.is_set():  # what a worker says when it is ended in the middle of a task is no news
            logging.getLogger("distributed").setLevel(logging.CRITICAL)
        await _dismiss(nanny)


def make_nanny(scheduler: str, method: str, name: int, workers: int) -> WatchedNanny:
    """Make the nanny of one single-threaded worker process.

    Parameters
    ----------
    scheduler : str
        Address.
    method : str
        What tasks that start processes are to use, ``distributed.worker.multiprocessing-method``.
    name : int
        Number of the worker.
    workers : int
        How many there are, to share the machine's memory.
    """
    return WatchedNanny(
        scheduler,
        name=name,
        nthreads=1,
        host=HOST,
        memory_limit=1.0 / workers,  # this part of the machine's memory
        death_timeout=WORKER_TIMEOUT,
        silence_logs=logging.WARNING,
        plugins=(ShortWorker(own_interval()), ForgetfulWorker(), *worker_plugins()),
        config={"distributed.worker.multiprocessing-method": method},
        **HTTP_SERVER,
    )


async def _stranded(nanny: WatchedNanny) -> None:
    """Wait until a nanny has no worker and does nothing about it."""
    seen = 0
    while seen < LOOKS:
        await asyncio.sleep(LOOK_EVERY)
        seen = seen + 1 if nanny.is_stranded() else 0


async def _dismiss(nanny: WatchedNanny) -> None:
    """Close a nanny, however broken."""
    stranded = nanny.is_stranded()
    try:
        # A nanny waits for 0.8 of it.
        await asyncio.wait_for(nanny.close(timeout=PATIENCE / 0.8), CLOSE_TIMEOUT)
    except Exception as error:  # it is being replaced, or everything ends: nothing may stop that
        logger.warning("A nanny could not be closed: %r", error)
    if stranded:
        _forget_half_processes()


def _forget_half_processes() -> None:
    """End workers that were forked without our hearing of it.

    Such a worker lives as long as our end of a pipe to it is open, and would keep its name on
    the scheduler. The objects that hold the pipe refer to each other.
    """
    gc.collect()


async def first_of(*awaitables: Any) -> None:
    """Wait until one of them is done."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
