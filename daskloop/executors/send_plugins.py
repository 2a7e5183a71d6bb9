"""Plugins of Dask that shorten the intervals of nodes which come and go; see `send_intervals`.

Imports distributed: whoever starts a cluster, or is asked to change one, imports this then.
"""

from __future__ import annotations

import logging
from typing import Any

from distributed.diagnostics.plugin import SchedulerPlugin, WorkerPlugin

from daskloop.executors.send_intervals import shorten

__all__ = ["ShortScheduler", "ShortWorker", "shorten_cluster"]

logger = logging.getLogger("daskloop.executors")


class ShortWorker(WorkerPlugin):  # type: ignore[misc]
    """Shortens the intervals of a worker when it starts, and when it starts again.

    Parameters
    ----------
    interval : float
        Seconds.
    """

    name = "daskloop-short-worker"

    def __init__(self, interval: float) -> None:
        self.interval = interval

    def setup(self, worker: Any) -> None:
        """Shorten what the worker has: one connection to the scheduler for all its life."""
        shorten(worker, self.interval)


class ShortScheduler(SchedulerPlugin):  # type: ignore[misc]
    """Shortens the intervals of a scheduler, connection by connection.

    Parameters
    ----------
    interval : float
        Seconds.
    """

    name = "daskloop-short-scheduler"

    def __init__(self, interval: float) -> None:
        self.interval = interval

    async def start(self, scheduler: Any) -> None:
        """Shorten the connections that there are."""
        shorten(scheduler, self.interval)

    def add_client(self, scheduler: Any, client: str) -> None:
        """Shorten the connection to a new client."""
        # Dask makes it right after this call.
        scheduler.loop.add_callback(shorten, scheduler, self.interval)

    def add_worker(self, scheduler: Any, worker: str) -> None:
        """Shorten the connection to a new worker."""
        shorten(scheduler, self.interval)


def shorten_cluster(client: Any, interval: float) -> None:
    """Shorten the intervals of a cluster that is not ours, because its user has asked for it.

    Parameters
    ----------
    client : distributed.Client
        Synchronous and connected.
    interval : float
        Seconds.

    Notes
    -----
    The cluster keeps them when the run has ended. One that lets nobody add plugins, or whose
    nodes have no daskloop, stays as it is.
    """
    try:
        client.register_plugin(ShortScheduler(interval))
        client.register_plugin(ShortWorker(interval))
    # Whatever a deployment raises: it costs the speed, and the run goes on without.
    except Exception as error:
        logger.warning("daskloop.send-interval holds for this client alone: %r", error)
