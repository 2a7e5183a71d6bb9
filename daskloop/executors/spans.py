"""Keep Dask from remembering every moment in which a cluster had nothing to do.

The scheduler begins a span whenever a task arrives while nothing is under way, so one for each
iteration of a loop, and keeps it for good: 4 KB there, and 0.8 KB of sums on each worker. Clusters
of our own have no spans. Those of others are left as they are: a span of a session's own would hold
on to groups of tasks all the same, 2 KB for each such moment, and annotations that reach a task
make Dask warn of them where it computes a collection.
"""

from __future__ import annotations

from typing import Any

from distributed.diagnostics.plugin import SchedulerPlugin, WorkerPlugin

from daskloop.config import flag

__all__ = ["scheduler_plugins", "worker_plugins"]

_NAME = "spans"


class SchedulerWithoutSpans(SchedulerPlugin):  # type: ignore[misc]
    """Takes spans away from a scheduler before it has any."""

    name = "daskloop-scheduler-without-spans"

    async def start(self, scheduler: Any) -> None:
        """Let tasks be observed by nobody."""
        scheduler.extensions.pop(_NAME, None)


class WorkerWithoutSpans(WorkerPlugin):  # type: ignore[misc]
    """Takes spans away from a worker, which would tell the scheduler of them."""

    name = "daskloop-worker-without-spans"

    def setup(self, worker: Any) -> None:
        """Keep no sums by span."""
        worker.extensions.pop(_NAME, None)


def scheduler_plugins() -> list[Any]:
    """Return what a scheduler of our own is given; a dashboard has pages about spans."""
    return [] if flag("dashboard") is True else [SchedulerWithoutSpans()]


def worker_plugins() -> list[Any]:
    """Return what each worker of that scheduler is given."""
    return [] if flag("dashboard") is True else [WorkerWithoutSpans()]
