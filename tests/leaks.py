"""What a test left behind: threads, child processes, clients, clusters, temporary files."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from tests import shared_clusters
from tests.shared_clusters import PATIENCE

DASK_THREADS = (
    "Dask-Offload",  # distributed.utils: one pool that serializes, for ever
    "Dask-Callback-Thread",  # distributed.client: one pool for done callbacks, for ever
    "Profile",  # distributed.profile: ends with the last worker, at its own pace
    "TCP-Executor",  # distributed.comm.tcp: name lookups, for ever
    "asyncio_",  # the default pool of an event loop
    "pytest_timeout",
)
"""Names of threads that belong to the whole process, not to a run."""

WORKER_THREADS = ("Dask-Default-Threads", "Dask-Actor-Threads")
"""Names of the threads that the shared cluster's worker starts when it needs them."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is at one moment."""

    threads: frozenset[threading.Thread]
    processes: frozenset[int]
    dask: frozenset[int]
    """Identities of the clients and clusters that are open."""
    files: frozenset[str]

    @classmethod
    def now(cls) -> Standing:
        """Look around."""
        return cls(
            frozenset(threading.enumerate()),
            frozenset(shared_clusters.child_pids()),
            frozenset(id(one) for one in _open_dask()),
            frozenset(_temporary_files()),
        )


def left_since(before: Standing, allowed: frozenset[str] = frozenset()) -> list[str]:
    """List what was not there before, once it had time to go.

    Parameters
    ----------
    before : Standing
        What there was.
    allowed : frozenset of str
        Kinds that may stay: "threads", "processes", "dask", "files".
    """
    deadline = time.monotonic() + PATIENCE
    while found := [text for kind, text in _new(before) if kind not in allowed]:
        if time.monotonic() > deadline:
            return found
        gc.collect()
        time.sleep(0.02)
    return []


def _new(before: Standing) -> Iterator[tuple[str, str]]:
    clusters = (shared_clusters.threads, shared_clusters.processes)
    shared_threads = {thread for cluster in clusters for thread in cluster.threads}
    for thread in threading.enumerate():
        if thread in before.threads or thread in shared_threads:
            continue
        if thread.is_alive() and not _is_of_dask(thread.name):
            yield "threads", f"thread {thread.name!r}"
    for child in psutil.Process().children(recursive=True):
        if child.pid not in before.processes and not _is_shared(child):
            command = _command(child)
            if command is not None:
                yield "processes", f"process {child.pid}: {command[:160]}"
    for one in _open_dask():
        if id(one) not in before.dask:
            yield "dask", f"open {one!r}"
    for path in sorted(_temporary_files() - before.files):
        yield "files", f"temporary file {path}"


def _is_of_dask(name: str) -> bool:
    if name.startswith(DASK_THREADS):
        return True
    return shared_clusters.threads.is_running and any(word in name for word in WORKER_THREADS)


def _command(process: psutil.Process) -> str | None:
    """Return the command of a living process; None if it is dead, or Python's own helper."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        command = " ".join(process.cmdline())
    except psutil.Error:  # it ended while we looked
        return None
    # One per process, started by multiprocessing, ends with the interpreter.
    return None if "resource_tracker" in command else command


def _is_shared(process: psutil.Process) -> bool:
    pids = shared_clusters.threads.pids | shared_clusters.processes.pids
    try:
        return bool(pids & {process.pid, *(parent.pid for parent in process.parents())})
    except psutil.Error:  # it ended while we looked
        return True


def _open_dask() -> list[Any]:
    """List the clients and clusters of this process that nobody closed, but the shared ones."""
    if "distributed" not in sys.modules:
        return []
    from distributed import Client
    from distributed.deploy.spec import SpecCluster

    shared: list[Any] = [*shared_clusters.threads.owned, *shared_clusters.processes.owned]
    clients = [
        one for one in list(Client._instances) if one.status not in ("closed", "newly-created")
    ]
    clusters = [one for one in list(SpecCluster._instances) if one.status.name == "running"]
    return [one for one in clients + clusters if not any(one is known for known in shared)]


def _temporary_files() -> set[str]:
    root = tempfile.gettempdir()
    return {os.path.join(root, name) for name in os.listdir(root) if name.startswith("daskloop")}
