"""What the processes of a cluster remember of keys: nothing for long, if the cluster is ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import dask.utils
import pytest
from distributed import Client

from daskloop.executors.forgetting import ForgetfulScheduler, ForgetfulWorker
from daskloop.executors.local_cluster import start_processes, start_threads

MANY = 1_000


def remember() -> int:
    """Have this process see many keys; say how many it remembers."""
    for number in range(MANY):
        dask.utils.key_split((f"fib-1-{number}", 0, 1, 1, 0))
    return remembered()


def remembered() -> int:
    """Say how many keys this process remembers."""
    return int(dask.utils.key_split.cache_info().currsize)


def until_forgotten(ask: Callable[[], Any]) -> None:
    """Wait until so few keys are remembered that the many were forgotten."""
    deadline = time.monotonic() + 30
    while ask() >= MANY:
        assert time.monotonic() < deadline, "it remembers them still"


@pytest.mark.parametrize("start", [start_threads, start_processes])
def test_processes_of_a_cluster_forget_the_keys_that_they_have_seen(
    start: Callable[[int], Any],
) -> None:
    cluster = start(1)
    try:
        with Client(cluster.for_client) as client:
            client.register_plugin(ForgetfulScheduler(20), name="soon-scheduler")
            client.register_plugin(ForgetfulWorker(20), name="soon-worker")
            assert client.run_on_scheduler(remember) >= MANY
            assert min(client.run(remember).values()) >= MANY
            until_forgotten(lambda: client.run_on_scheduler(remembered))
            until_forgotten(lambda: max(client.run(remembered).values()))
    finally:
        cluster.close()


def test_a_cluster_of_ours_has_what_makes_its_processes_forget() -> None:
    def names(dask_scheduler: Any) -> list[str]:
        return list(dask_scheduler.plugins)

    def worker_names(dask_worker: Any) -> list[str]:
        return list(dask_worker.plugins)

    cluster = start_processes(1)
    try:
        with Client(cluster.for_client) as client:
            assert ForgetfulScheduler.name in client.run_on_scheduler(names)
            assert all(ForgetfulWorker.name in one for one in client.run(worker_names).values())
    finally:
        cluster.close()
