"""A cluster that has no worker yet, or none at the moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP
from daskloop.executors.first_worker import await_first_worker


@pytest.fixture
def empty() -> Iterator[Any]:
    """A cluster of worker processes that has none."""
    from distributed import LocalCluster

    address = "127.0.0.1:0"
    with LocalCluster(
        n_workers=0,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=address,
        worker_dashboard_address=address,
        silence_logs=50,
    ) as cluster:
        yield cluster


def test_r73_none_comes_in_time_and_nothing_is_left_on_the_scheduler(empty: Any) -> None:
    from distributed import Client

    with Client(empty, set_as_default=False) as client:
        assert not await_first_worker(client, 0.3)
        client.run_on_scheduler(lambda: None)  # an answer: the release before it has arrived
        assert not empty.scheduler.tasks


@pytest.mark.slow
def test_a_run_waits_for_the_first_worker_to_know_what_it_shares(
    empty: Any, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @task(at_most_once=True)
    def large() -> int:
        count: int = context.get("task_loop_count", 1)
        if count < 3:
            raise LOOP(result=bytes(100_000))
        return count

    with Flow("waits") as flow:
        end = large()
    empty.adapt(minimum=0, maximum=1)  # starts a worker when there is work
    state = flow.run(executor=empty, journal=tmp_path / "journal")
    assert state.result[end].result == 3
    assert "has no workers: waiting" in caplog.text
    assert "share no folder" not in caplog.text
