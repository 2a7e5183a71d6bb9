"""What Dask keeps of a loop whose iterations come one by one: nothing, if it can be helped."""

from __future__ import annotations

import threading
from typing import Any

import dask
import pytest
from distributed import Client

from daskloop import Flow, context, task
from daskloop.executors.local_cluster import start_processes, start_threads
from daskloop.executors.unwatched import scheduler_plugins, settings, worker_plugins
from daskloop.signals import LOOP


@task
def count_up():
    """Loop 15 times, each iteration sent when the one before has come back."""
    count = context.get("task_loop_result", 0) + 1
    if count < 15:
        raise LOOP(result=count)
    return count


def run(client: Client) -> None:
    with Flow("one by one") as flow:
        counted = count_up()
    assert flow.run(executor=client, batch=1).result[counted].result == 15


def spans(dask_scheduler: Any) -> int | None:
    """Count the spans of a scheduler."""
    extension = dask_scheduler.extensions.get("spans")
    return None if extension is None else len(extension.spans)


def sums(dask_worker: Any) -> int:
    """Count what a worker sums up."""
    return len(dask_worker.digests_total)


def is_profiled(dask_worker: Any) -> bool:
    """Tell whether a worker looks at what its threads do."""
    return "profile" in dask_worker.periodic_callbacks


def profilers() -> list[str]:
    """Name the threads that look at the event loop of a process; none ever does on Python 3.11."""
    return [one.name for one in threading.enumerate() if one.name == "Profile"]


@pytest.mark.parametrize("start", [start_threads, start_processes])
def test_a_cluster_of_ours_keeps_nothing_of_each_iteration(start):
    cluster = start(1)
    try:
        with Client(cluster.for_client) as client:
            run(client)
            before = max(client.run(sums).values())
            run(client)
            assert max(client.run(sums).values()) - before < 15  # less than one an iteration
            assert client.run_on_scheduler(spans) is None
            assert not any(client.run(is_profiled).values())
            assert start is start_threads or not client.run_on_scheduler(profilers)
    finally:
        cluster.close()


def test_where_there_is_a_dashboard_its_pages_about_spans_and_profiles_have_some():
    with dask.config.set({"daskloop.dashboard": True}):
        assert scheduler_plugins() == worker_plugins() == []
        assert settings() == {}
    assert len(scheduler_plugins()) == len(worker_plugins()) == 1
