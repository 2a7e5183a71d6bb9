"""The executors of Prefect Core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from daskloop.executors.choose import Address, Inline, StartedCluster, Temporary, choose
from daskloop.executors.connection import open_connection
from daskloop.executors.local_cluster import start_processes
from daskloop.executors.prefect_names import DaskExecutor, LocalDaskExecutor, LocalExecutor

QUIET = {
    "n_workers": 1,
    "threads_per_worker": 1,
    "processes": False,
    "dashboard_address": "127.0.0.1:0",
    "worker_dashboard_address": "127.0.0.1:0",
}


def test_local_executor_is_inline() -> None:
    assert choose(LocalExecutor()) == Inline()


@pytest.mark.parametrize(
    ("executor", "choice"),
    [
        (LocalDaskExecutor(), Temporary("threads")),
        (LocalDaskExecutor("processes", 2), Temporary("processes", 2)),
        (LocalDaskExecutor(scheduler="synchronous"), Inline()),
    ],
)
def test_local_dask_executor_names_a_local_executor(executor: object, choice: object) -> None:
    assert choose(executor) == choice


@pytest.mark.parametrize("kind", [LocalExecutor, LocalDaskExecutor, DaskExecutor])
def test_s7_a_class_of_executors_is_refused_with_its_call(kind: type) -> None:
    name = kind.__name__
    with pytest.raises(TypeError, match=rf"got the class {name}, .* Write {name}\(\)"):
        choose(kind)


def test_local_dask_executor_takes_workers_once() -> None:
    assert choose(LocalDaskExecutor(), workers=2) == Temporary("threads", 2)
    with pytest.raises(ValueError, match="both given"):
        choose(LocalDaskExecutor(num_workers=3), workers=2)


def test_local_dask_executor_refuses_an_unknown_scheduler_at_once() -> None:
    with pytest.raises(ValueError, match="threads, processes, synchronous, not 'process'"):
        LocalDaskExecutor("process")


def test_local_dask_executor_refuses_workers_without_threads_or_processes() -> None:
    with pytest.raises(ValueError, match="num_workers=2 cannot apply"):
        LocalDaskExecutor("synchronous", num_workers=2)


def test_dask_executor_with_an_address_connects() -> None:
    executor = DaskExecutor("tcp://h:1", client_kwargs={"name": "x"}, performance_report_path="r")
    assert choose(executor) == Address("tcp://h:1", {"name": "x"}, "r")


def test_dask_executor_without_arguments_starts_local_processes() -> None:
    choice = choose(DaskExecutor())
    assert isinstance(choice, StartedCluster)
    assert choice.cluster_class is start_processes


def test_dask_executor_refuses_an_address_together_with_a_cluster() -> None:
    with pytest.raises(ValueError, match=r"address='tcp://h:1' and cluster_class, adapt_kwargs"):
        DaskExecutor("tcp://h:1", cluster_class=dict, adapt_kwargs={"maximum": 3})


def test_dask_executor_refuses_an_address_that_is_no_text(threads_client: Any) -> None:
    with pytest.raises(TypeError, match="given to flow.run"):
        DaskExecutor(threads_client)


@pytest.mark.parametrize("name", ["no_such_module.Cluster", "distributed.NoSuch", "LocalCluster"])
def test_dask_executor_says_which_class_cannot_be_imported(name: str) -> None:
    with pytest.raises(ValueError, match=f"cluster_class='{name}'"):
        choose(DaskExecutor(cluster_class=name))


@pytest.mark.parametrize("name", ["distributed.LocalCluster", None])
def test_f09_dask_executor_starts_a_cluster_and_closes_it(name: str | None) -> None:
    connection = open_connection(choose(DaskExecutor(cluster_class=name, cluster_kwargs=QUIET)))
    cluster = connection.cluster
    try:
        assert connection.client.submit(sum, [1, 2]).result() == 3
        assert "LocalCluster" in connection.description
    finally:
        connection.close()
    assert connection.client.status == "closed"
    assert cluster.status.name == "closed"


def test_dask_executor_lets_the_cluster_adapt() -> None:
    executor = DaskExecutor(cluster_kwargs=QUIET, adapt_kwargs={"minimum": 2, "maximum": 2})
    connection = open_connection(choose(executor))
    try:
        connection.client.wait_for_workers(2, timeout=10)
    finally:
        connection.close()


def test_dask_executor_closes_a_cluster_that_it_cannot_use() -> None:
    executor = DaskExecutor(cluster_kwargs=QUIET, client_kwargs={"no_such": 1})
    with pytest.raises(ConnectionError, match="no_such"):
        open_connection(choose(executor))


@pytest.mark.parametrize("reports", [False, True])
def test_workers_take_the_profiles_that_a_performance_report_shows(reports: bool) -> None:
    path = "report.html" if reports else None
    cluster = choose(DaskExecutor(performance_report_path=path)).cluster_class()
    try:
        with Client(cluster.for_client) as client:
            found = client.run(lambda dask_worker: "profile" in dask_worker.periodic_callbacks)
    finally:
        cluster.close()
    assert set(found.values()) == {reports}


def test_dask_executor_writes_the_performance_report(tmp_path: Path) -> None:
    pytest.importorskip("bokeh")
    path = tmp_path / "report.html"
    executor = DaskExecutor(cluster_kwargs=QUIET, performance_report_path=str(path))
    connection = open_connection(choose(executor))
    connection.client.submit(sum, [1, 2]).result()
    connection.close()
    assert "Duration" in path.read_text()


def test_a_performance_report_that_fails_hides_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "report.html"
    executor = DaskExecutor(cluster_kwargs=QUIET, performance_report_path=str(path))
    connection = open_connection(choose(executor))
    connection.close()
    assert connection.client.status == "closed"
    assert "performance report failed" in caplog.text
