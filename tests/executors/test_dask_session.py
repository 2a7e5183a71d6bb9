"""What a session on a Dask cluster tells the run when the cluster is gone."""

from __future__ import annotations

import queue
import time

import psutil
import pytest

from daskloop import Flow, task
from daskloop.executors import company
from daskloop.executors.choose import Temporary
from daskloop.executors.connection import open_connection
from daskloop.executors.dask_session import DaskSession
from daskloop.executors.session import Arrival, Demand, Job, Returned, Severed

GONE = "the connection to the Dask scheduler is gone"


def test_a_session_is_severed_soon_when_the_process_of_its_cluster_dies() -> None:
    arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
    connection = open_connection(Temporary("processes", 1))
    session = DaskSession(connection, arrivals.put, slots=1)
    try:
        assert not connection.is_hopeless()
        connection.cluster.process.kill()
        arrival = arrivals.get(timeout=10)
    finally:
        session.close()
    assert isinstance(arrival, Severed)
    assert GONE in arrival.detail
    assert connection.is_hopeless()


def test_a_run_whose_own_cluster_dies_ends_cancelled_and_says_why() -> None:
    @task
    def end_the_cluster() -> None:
        for process in psutil.Process().parents():
            if "cluster_process" in " ".join(process.cmdline()):
                process.kill()
                break
        time.sleep(60)  # this process ends before

    with Flow("f") as flow:
        end_the_cluster()
    state = flow.run(executor="processes", workers=1)
    assert state.is_cancelled()
    assert GONE in str(state.message)


def test_an_error_of_ours_in_what_listens_to_the_scheduler_ends_the_run_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(self: company.Company, ended: list[object], slots: int) -> None:
        raise AssertionError("nobody thought of this")

    monkeypatch.setattr(company.Company, "gathers", fail)

    @task
    def one() -> int:
        return 1

    with Flow("f") as flow:
        one()
    state = flow.run(executor="threads", workers=1)
    assert state.is_cancelled()
    assert "nobody thought of this" in str(state.message)
    (said,) = [record for record in caplog.records if record.exc_info]
    assert "session with the Dask scheduler failed" in said.getMessage()


def _bytes(shared: bytes, own: bytes) -> bytes:
    return shared + own


def test_nobody_waits_for_company_of_attempts_that_only_some_workers_may_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(company, "_LONGEST", 600.0)
    gpu = Demand(resources=(("GPU", 1.0),))
    arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
    session = DaskSession(
        open_connection(Temporary("threads", 1)), arrivals.put, slots=1, asked={"render-1": gpu}
    )
    try:
        bound = [("render-1-0", n, 1, 1, 0) for n in range(4)]
        session.submit([Job(key, _bytes, b"", b"", 0, gpu) for key in bound])
        for turn in range(3):
            session.submit([Job(("fib-1-0", -1, turn, 1, 0), _bytes, b"a", b"b", 0)])
            arrival = arrivals.get(timeout=30)
            assert isinstance(arrival, Returned) and arrival.envelope == b"ab"
    finally:
        session.close()
