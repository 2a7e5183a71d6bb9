"""Keep Dask from watching every moment of a cluster of ours, and remembering what it saw.

The scheduler begins a span whenever a task arrives while nothing is under way, so one for each
iteration of a loop, and keeps it for good: 4 KB there, and 0.8 KB of sums on each worker. A worker
looks a hundred times a second at what its threads do, and on most versions of Python each process
at its event loop as well. That takes a tenth of the CPU of tiny work, and a tree of calls is kept
for each second of the last hour.

Clusters of others are left as they are: a span of a session's own would hold on to groups of tasks
all the same, 2 KB for each such moment, and annotations that reach a task make Dask warn of them
where it computes a collection.
"""

from __future__ import annotations

from typing import Any

from distributed.diagnostics.plugin import SchedulerPlugin, WorkerPlugin

from daskloop.config import flag

__all__ = ["scheduler_plugins", "settings", "worker_plugins"]

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


def settings() -> dict[str, Any]:
    """Return the settings of Dask that a cluster of our own is started with."""
    return {} if _is_looked_at() else {"distributed.worker.profile.enabled": False}


def scheduler_plugins() -> list[Any]:
    """Return what a scheduler of our own is given."""
    return [] if _is_looked_at() else [SchedulerWithoutSpans()]


def worker_plugins() -> list[Any]:
    """Return what each worker of that scheduler is given."""
    return [] if _is_looked_at() else [WorkerWithoutSpans()]


def _is_looked_at() -> bool:
    """Tell whether there is a dashboard, which has pages about spans and profiles."""
    return flag("dashboard") is True
