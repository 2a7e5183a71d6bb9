"""One long-lived cluster of each kind for the whole test session.

Starting a cluster costs a second or more; hundreds of tests share two. A test that kills
workers of the process cluster may do so: its nannies start new ones. A test that closes or
breaks a client gets a fresh one made for the next.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

PATIENCE = 5.0
"""Seconds that a run's last traces may take to go."""

_DASHBOARD = "127.0.0.1:0"
# None would take port 8787, where a cluster of the person at this machine may live.


class SharedCluster:
    """A cluster started on first use and used until the session ends.

    Parameters
    ----------
    start : callable
        Takes nothing, returns a cluster: Dask's or `LocalProcesses`.
    """

    def __init__(self, start: Callable[[], Any]) -> None:
        self._start = start
        self._client: Any = None
        self._cluster: Any = None
        self._former: list[Any] = []
        self.threads: set[threading.Thread] = set()
        """What its start and its clients added to this process."""
        self.pids: set[int] = set()

    @property
    def is_running(self) -> bool:
        """Tell whether it was started and has not been closed."""
        return self._cluster is not None

    @property
    def owned(self) -> list[Any]:
        """Its clusters and clients, former ones too: a test may have broken them beyond closing."""
        return [self._cluster, self._client, *self._former]

    def client(self) -> Any:
        """Return a client that works, starting or mending what is needed."""
        from distributed import Client

        threads, pids = set(threading.enumerate()), child_pids()
        if self._cluster is not None and not self._works():
            self.close()
        if self._cluster is None:
            with _scratch_folder():
                self._cluster = self._start()
        if self._client is None or self._client.status != "running":
            # Not the default client: a run without an executor must not find it by itself.
            target = getattr(self._cluster, "for_client", self._cluster)
            self._client = Client(target, set_as_default=False)
        self.threads |= set(threading.enumerate()) - threads
        self.pids |= child_pids() - pids
        return self._client

    def tasks(self) -> list[str]:
        """List the keys that the scheduler knows."""
        scheduler = getattr(self._cluster, "scheduler", None)
        if hasattr(scheduler, "tasks"):
            return [str(key) for key in list(scheduler.tasks)]

        def keys(dask_scheduler: Any) -> list[str]:
            return [str(key) for key in dask_scheduler.tasks]

        return list(self.client().run_on_scheduler(keys))

    def leftover_tasks(self) -> list[str]:
        """List the keys that the scheduler still knows after a while."""
        deadline = time.monotonic() + PATIENCE
        while (left := self.tasks()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return left

    def close(self) -> None:
        """End the client and the cluster, as far as a test has left them able to."""
        client, cluster = self._client, self._cluster
        self._client = self._cluster = None
        for one in (client, cluster):
            if one is not None:
                # An event loop that is closed or stands still can be told nothing.
                with contextlib.suppress(RuntimeError, TimeoutError):
                    one.close(**({} if hasattr(one, "is_gone") else {"timeout": 10}))
                self._former.append(one)

    def _works(self) -> bool:
        if hasattr(self._cluster, "is_gone"):
            return not self._cluster.is_gone()
        loop = self._cluster.loop.asyncio_loop
        return self._cluster.status.name == "running" and loop.is_running()


def child_pids() -> set[int]:
    """Return the process ids of everything that this process started, however deep."""
    return {child.pid for child in psutil.Process().children(recursive=True)}


@contextlib.contextmanager
def _scratch_folder() -> Iterator[None]:
    """Give what a cluster writes a folder of its own, below that of the session."""
    import dask

    folder = tempfile.mkdtemp(prefix="shared-cluster-")
    with (
        dask.config.set({"temporary-directory": folder}),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("DASK_TEMPORARY_DIRECTORY", folder)
        yield


def _start_threads() -> Any:
    from distributed import LocalCluster

    return LocalCluster(
        processes=False,
        n_workers=1,
        threads_per_worker=4,
        dashboard_address=_DASHBOARD,
        worker_dashboard_address=_DASHBOARD,
    )


def _start_processes() -> Any:
    from daskloop.executors.local_cluster import start_processes

    return start_processes(2)


threads = SharedCluster(_start_threads)
processes = SharedCluster(_start_processes)
