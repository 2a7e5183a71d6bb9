"""Temporary Dask clusters on this machine, of threads or of worker processes, on loopback only."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from daskloop.executors import hushing
from daskloop.executors.cluster_process import ALLOWED_FAILURES, HTTP_SERVER, scheduler_server
from daskloop.executors.launch import launch, read_ready_file
from daskloop.executors.send_intervals import own_interval
from daskloop.executors.worker_clients import close_worker_clients

__all__ = [
    "SHORT_LOGS",
    "LocalProcesses",
    "LocalThreads",
    "dask_config",
    "start_processes",
    "start_threads",
]

START_TIMEOUT = 60.0
"""Seconds that a cluster has to come up."""

CLOSE_TIMEOUT = 4.0
"""Seconds that it has to end by itself, before it is killed."""

BUSY_TIMEOUT = 1.5
"""Seconds that threads which still execute something have to end."""

SHORT_LOGS: Mapping[str, Any] = {"distributed.admin.low-level-log-length": 20}
"""Each connection keeps its last messages: 1,000 of up to a megabyte, if nobody says otherwise."""

NO_TIMEOUTS: Mapping[str, Any] = {
    "distributed.scheduler.idle-timeout": None,
    "distributed.scheduler.no-workers-timeout": None,
}
"""A run may wait for hours between two attempts; its own cluster must wait with it."""

ALL_ON_THE_WORKER: Mapping[str, Any] = {"distributed.scheduler.worker-saturation": "inf"}
"""Where one worker does all, what is ready waits there, and not in the scheduler for a message."""

_config_lock = threading.RLock()


def start_threads(workers: int | None = None) -> LocalThreads:
    """Start one worker with threads in this process.

    Parameters
    ----------
    workers : int, optional
        Number of threads; the number of cores by default, at least 4.
    """
    from dask.system import CPU_COUNT

    return LocalThreads(workers or max(4, CPU_COUNT))


def start_processes(workers: int | None = None, *, profiled: bool = False) -> LocalProcesses:
    """Start single-threaded worker processes; one that dies is started again.

    Parameters
    ----------
    workers : int, optional
        Number of processes; the number of cores by default.
    profiled : bool
        True if Dask is to look at what their threads do, for a report that shows it.
    """
    from dask.system import CPU_COUNT

    return LocalProcesses(workers or CPU_COUNT, profiled)


class LocalThreads:
    """A cluster inside this process.

    Attributes
    ----------
    for_client : distributed.SpecCluster
        What a Client is to be given.
    scheduler_address : str
        Where the scheduler is; means something inside this process only.
    """

    def __init__(self, threads: int) -> None:
        from distributed import Scheduler, SpecCluster, Worker

        from daskloop.executors.forgetting import ForgetfulScheduler
        from daskloop.executors.send_plugins import ShortScheduler, ShortWorker
        from daskloop.executors.unwatched import scheduler_plugins, worker_plugins

        interval = own_interval()
        self._directory = _scratch_directory()
        # For a program that ends without closing; Dask ends its part of the cluster itself then.
        self._remove = weakref.finalize(self, _remove_scratch, self._directory)
        scratch = {"local_directory": self._directory}
        hushing.begin()
        self._speak = weakref.finalize(self, hushing.end)
        try:
            with dask_config({**_own_config(), **ALL_ON_THE_WORKER}):
                self.for_client = SpecCluster(
                    scheduler={
                        "cls": Scheduler,
                        "options": {
                            "protocol": "inproc",
                            "allowed_failures": ALLOWED_FAILURES,
                            "plugins": [
                                ShortScheduler(interval),
                                ForgetfulScheduler(),
                                *scheduler_plugins(),
                            ],
                            **scratch,
                            **scheduler_server(),
                        },
                    },
                    workers={
                        0: {
                            "cls": Worker,
                            "options": {
                                "protocol": "inproc",
                                "nthreads": threads,
                                "memory_limit": 1.0,  # this part of the machine's memory
                                "plugins": (ShortWorker(interval), *worker_plugins()),
                                **scratch,
                                **HTTP_SERVER,
                            },
                        }
                    },
                    name="daskloop-threads",
                )
        except BaseException:  # no files stay behind, Ctrl-C included; raised again
            self._remove()
            self._speak()
            raise
        self.scheduler_address: str = self.for_client.scheduler_address

    def close(self) -> None:
        """End the cluster; threads that still execute something are left to themselves."""
        try:
            close_worker_clients(self.for_client)
            self.for_client.sync(self._leave, callback_timeout=CLOSE_TIMEOUT)
            self.for_client.close(timeout=CLOSE_TIMEOUT)
        finally:
            self._remove()
            self._speak()

    async def _leave(self) -> None:
        # Closed by the cluster, a worker would wait half a minute for an attempt that hangs.
        for worker in list(self.for_client.workers.values()):
            await worker.close(timeout=BUSY_TIMEOUT, nanny=False)


class LocalProcesses:
    """A cluster in child processes, which end by themselves when this process dies.

    Attributes
    ----------
    for_client : str
        What a Client is to be given.
    scheduler_address : str
        Where the scheduler is, on loopback.
    process : subprocess.Popen
        The process that holds the scheduler and the nannies, leader of a group of its own.
    """

    def __init__(self, workers: int, profiled: bool = False) -> None:
        self._directory = _scratch_directory()
        try:
            config = {**_own_config(profiled), "temporary-directory": self._directory}
            self.process = launch(workers, self._directory, config)
        except BaseException:  # no files stay behind, Ctrl-C included; raised again
            shutil.rmtree(self._directory, ignore_errors=True)
            raise
        try:
            self.scheduler_address = self._await_ready()
        except BaseException:  # no processes stay behind, Ctrl-C included; raised again
            self.close()
            raise
        self.for_client = self.scheduler_address

    def _await_ready(self) -> str:
        """Wait until every worker is up, and return the scheduler's address."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            code = self.process.poll()  # before the look at the file, which is written first
            message = read_ready_file(self._directory)
            if message is not None:
                if "error" in message:
                    raise RuntimeError(
                        f"The local cluster did not start: {message['error']}. What its processes "
                        f"said is on stderr."
                    )
                return message["address"]
            if code is not None:
                raise RuntimeError(
                    f"The local cluster did not start: its process ended with code {code}; what "
                    f"it said is on stderr. It was started as {sys.executable!r}."
                )
            time.sleep(0.01)
        raise TimeoutError(
            f"The local cluster was not up after {START_TIMEOUT:.0f} seconds. Is the machine very "
            f"busy, or out of memory? Fewer processes: flow.run(workers=...)."
        )

    def is_gone(self) -> bool:
        """Tell whether the process that holds the scheduler has ended; it does not come back."""
        return self.process.poll() is not None

    def close(self) -> None:
        """End the cluster, by force if it does not end by itself."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):  # it is dead already
            self.process.stdin.close()
        if sys.platform != "win32":  # a fork of this process may hold another copy of stdin open
            self.process.terminate()
        try:
            self.process.wait(CLOSE_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._kill()
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _kill(self) -> None:
        """Kill the child and everything that it started."""
        if sys.platform == "win32":
            self.process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _scratch_directory() -> str:
    """Make the directory that a cluster keeps its files in."""
    import dask.config

    parent = dask.config.get("temporary-directory", None)
    if parent is not None:
        parent = os.path.abspath(parent)
        os.makedirs(parent, exist_ok=True)
    return tempfile.mkdtemp(prefix="daskloop-cluster-", dir=parent)


def _remove_scratch(directory: str) -> None:
    """Remove what `_scratch_directory` made, also where Dask has put it into `sys.path`."""
    sys.path[:] = [part for part in sys.path if not str(part).startswith(directory)]
    shutil.rmtree(directory, ignore_errors=True)


def _own_config(profiled: bool = False) -> dict[str, Any]:
    """Say what a cluster is to have in its Dask configuration."""
    # Python lets a thread import parts of what another is just importing, and then finds them half
    # made; whoever imports the whole of it waits for the other.
    import distributed  # noqa: F401

    from daskloop.executors.unwatched import settings

    return {**SHORT_LOGS, **NO_TIMEOUTS, **({} if profiled else settings())}


@contextlib.contextmanager
def dask_config(values: Mapping[str, Any]) -> Iterator[None]:
    """Change Dask's configuration for a moment.

    Notes
    -----
    The configuration belongs to the process. The lock keeps two starts at once from undoing
    each other's change in the wrong order, which would leave it changed for good.
    """
    import dask.config
    import distributed  # noqa: F401  # else its import meanwhile would be undone at the end

    with _config_lock, dask.config.set(dict(values)):
        yield
