"""How long the nodes of a cluster wait before they send: short in our own, else left alone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import dask
import pytest

from daskloop import Flow, task
from daskloop.executors import send_intervals
from daskloop.executors.choose import Address, GivenClient, GivenCluster, StartedCluster, Temporary
from daskloop.executors.connection import Connection, open_connection
from daskloop.executors.send_intervals import INTERVAL, USUAL, interval_of, shorten

LOOPBACK = "127.0.0.1:0"
PATIENCE = 20.0

USUAL_WORKER, USUAL_STREAM, USUAL_CLIENT = 0.002, 0.005, 0.002
"""Of a worker, and of a scheduler to workers and to clients; Dask's own, in seconds."""


def _of_scheduler(dask_scheduler: Any) -> tuple[set[float], set[float]]:
    to_workers = {stream.interval for stream in dask_scheduler.stream_comms.values()}
    return to_workers, {stream.interval for stream in dask_scheduler.client_comms.values()}


def _of_worker(dask_worker: Any) -> float:
    return float(dask_worker.batched_stream.interval)


def _intervals(client: Any) -> tuple[float, set[float], set[float], set[float]]:
    """Return those of the client, of the scheduler to workers and to clients, of the workers."""
    to_workers, to_clients = client.run_on_scheduler(_of_scheduler)
    return (
        client.scheduler_comm.interval,
        to_workers,
        to_clients,
        set(client.run(_of_worker).values()),
    )


ALL_SHORT = (INTERVAL, {INTERVAL}, {INTERVAL}, {INTERVAL})
ALL_USUAL = (USUAL, {USUAL_STREAM}, {USUAL_CLIENT}, {USUAL_WORKER})


@pytest.fixture(params=["threads", "processes"])
def own(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A cluster of ours."""
    connection = open_connection(Temporary(request.param, 1))
    yield connection
    connection.close()


def _start_cluster(**arguments: Any) -> Any:
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp://",
        dashboard_address=LOOPBACK,
        worker_dashboard_address=LOOPBACK,
        **arguments,
    )


@pytest.fixture
def foreign() -> Iterator[Any]:
    """A cluster of somebody else's, with a client of theirs."""
    from distributed import Client

    with _start_cluster() as cluster, Client(cluster, set_as_default=False) as client:
        yield client


def test_every_connection_of_an_own_cluster_is_short(own: Connection) -> None:
    assert _intervals(own.client) == ALL_SHORT
    assert interval_of(own.client) == INTERVAL


def test_what_is_sent_first_does_not_wait_for_the_usual_interval() -> None:
    clock = SimpleNamespace(interval=USUAL, next_deadline=12.5)  # a message went out just before
    shorten(SimpleNamespace(scheduler_comm=clock), INTERVAL)
    assert (clock.interval, clock.next_deadline) == (INTERVAL, None)


def test_dask_sends_at_once_where_no_deadline_is_set(own: Connection) -> None:
    # The attribute is private: it is asked for here, so that a Dask without it is noticed.
    assert hasattr(own.client.scheduler_comm, "next_deadline")


def test_a_client_that_comes_later_is_sent_to_soon_as_well(own: Connection) -> None:
    from distributed import Client

    with Client(own.cluster.scheduler_address, set_as_default=False) as client:
        assert client.run_on_scheduler(_of_scheduler)[1] == {INTERVAL}
        assert client.scheduler_comm.interval == USUAL  # it is not ours


def test_a_worker_that_starts_again_is_short() -> None:
    connection = open_connection(Temporary("processes", 1))
    try:
        ((before, pid),) = connection.client.run(os.getpid).items()
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while not set(connection.client.nthreads()) - {before}:
            assert time.monotonic() < deadline, "no worker came back"
            time.sleep(0.01)
        connection.client.submit(sum, [1]).result(timeout=PATIENCE)
        assert _intervals(connection.client) == ALL_SHORT
    finally:
        connection.close()


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_the_config_says_how_short_and_never_makes_longer(kind: Any) -> None:
    with dask.config.set({"daskloop.send-interval": "4ms"}):
        connection = open_connection(Temporary(kind, 1))
    try:
        found = _intervals(connection.client)
    finally:
        connection.close()
    assert found == (0.004, {0.004}, {USUAL_CLIENT}, {USUAL_WORKER})


def test_a_nonsensical_interval_is_named_before_anything_starts() -> None:
    with (
        dask.config.set({"daskloop.send-interval": "soon"}),
        pytest.raises(ValueError, match=r"daskloop\.send-interval is 'soon'"),
    ):
        open_connection(Temporary("threads", 1))


def test_clusters_of_others_are_left_alone(foreign: Any) -> None:
    for choice in (
        GivenClient(foreign),
        GivenCluster(foreign.cluster),
        Address(foreign.scheduler.address),
        StartedCluster(_start_cluster),
    ):
        connection = open_connection(choice)
        try:
            connection.send_soon()
            assert _intervals(connection.client) == ALL_USUAL
        finally:
            connection.close()
    assert _intervals(foreign) == ALL_USUAL


def test_clusters_of_others_send_sooner_where_the_config_asks_for_it(foreign: Any) -> None:
    from distributed import Client

    with dask.config.set({"daskloop.send-interval": "1ms"}):
        connection = open_connection(GivenClient(foreign))
    connection.close()
    assert _intervals(foreign) == ALL_SHORT
    with Client(foreign.cluster, set_as_default=False) as later:
        assert later.run_on_scheduler(_of_scheduler) == ({INTERVAL}, {INTERVAL})


def test_a_cluster_that_takes_no_plugins_is_used_as_it_is(
    foreign: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("nobody may")

    monkeypatch.setattr(foreign, "register_plugin", refuse)
    with dask.config.set({"daskloop.send-interval": "1ms"}):
        connection = open_connection(GivenClient(foreign))
    connection.close()
    assert _intervals(foreign) == (INTERVAL, *ALL_USUAL[1:])
    assert "nobody may" in caplog.text


def test_a_client_that_had_to_connect_again_is_shortened_again(own: Connection) -> None:
    own.client.scheduler_comm.interval = USUAL  # as a new connection has it
    own.send_soon()
    assert interval_of(own.client) == INTERVAL


def test_a_dask_without_the_attributes_costs_the_speed_and_never_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(send_intervals, "_OF_CLIENT", "gone")
    monkeypatch.setattr(send_intervals, "_OF_WORKER", "gone")
    monkeypatch.setattr(send_intervals, "_OF_SCHEDULER", ("gone", "gone_too"))

    @task
    def look() -> float:
        from distributed import get_worker

        return _of_worker(get_worker())

    with Flow("f") as flow:
        seen = look()
    state = flow.run(executor="threads", workers=1)
    assert state.is_successful()
    assert state.result[seen].result == USUAL_WORKER


@pytest.mark.parametrize(
    "sender", [None, object(), SimpleNamespace(interval=None), SimpleNamespace(interval="2ms")]
)
def test_whatever_else_is_found_there_is_left_alone(sender: Any) -> None:
    before = getattr(sender, "interval", None)
    node = SimpleNamespace(scheduler_comm=sender, stream_comms=sender, client_comms={"c": sender})
    shorten(node)
    assert interval_of(node) == USUAL
    assert getattr(sender, "interval", None) == before


def test_an_interval_of_nothing_is_one() -> None:
    node = SimpleNamespace(scheduler_comm=SimpleNamespace(interval=USUAL))
    shorten(node, 0.0)
    assert interval_of(node) == 0.0
