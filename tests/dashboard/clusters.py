"""Clusters with a dashboard, for one test each."""

from __future__ import annotations

import contextlib
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import dask

__all__ = ["address_of", "cluster_with_dashboard", "eventually", "fetch", "plugin_of"]

_HERE = "127.0.0.1:0"


@contextlib.contextmanager
def cluster_with_dashboard(**scheduler: Any) -> Iterator[Any]:
    """Start a cluster of threads with a dashboard that nobody else can reach."""
    from distributed import LocalCluster

    with (
        dask.config.set({"distributed.admin.low-level-log-length": 20}),
        LocalCluster(
            processes=False,
            n_workers=1,
            threads_per_worker=4,
            scheduler_kwargs=scheduler,
            dashboard_address=_HERE,
            worker_dashboard_address=_HERE,
        ) as cluster,
    ):
        yield cluster


def address_of(cluster: Any, page: str = "loops") -> str:
    """Return the address of a page of its dashboard."""
    return f"http://127.0.0.1:{cluster.scheduler.http_server.port}/{page}"


def fetch(address: str) -> tuple[int, str]:
    """Fetch a page: its status and its text."""
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


def plugin_of(cluster: Any) -> Any:
    """Return the plugin that a run has put on a scheduler of this process; None without one."""
    return cluster.scheduler.plugins.get("daskloop-loops")


def eventually(look: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait until something is true, and return it."""
    ends = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.02)
    return found
