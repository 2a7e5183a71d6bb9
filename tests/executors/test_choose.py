"""Which executor a run uses."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import dask
import pytest
from distributed import Client

from daskloop.executors.choose import (
    Address,
    GivenClient,
    GivenCluster,
    Inline,
    StartedCluster,
    Temporary,
    choose,
)
from daskloop.executors.prefect_names import DaskExecutor


class _Cluster:
    scheduler_address = "tcp://127.0.0.1:1"

    def __init__(self, asynchronous: bool = False) -> None:
        self.asynchronous = asynchronous


def test_the_call_goes_before_the_flow_before_the_config_before_the_current_client(
    threads_client: Any,
) -> None:
    with threads_client.as_current():
        assert choose() == GivenClient(threads_client)
        with dask.config.set({"daskloop.executor": "processes"}):
            assert choose() == Temporary("processes")
            assert choose(None, "threads") == Temporary("threads")
            assert choose("inline", "threads") == Inline()


def test_a_current_client_that_is_closed_or_asynchronous_is_not_taken() -> None:
    async def chosen() -> tuple[Any, Any]:
        async with Client(
            asynchronous=True, processes=False, n_workers=1, dashboard_address="127.0.0.1:0"
        ) as client:
            assert Client.current() is client
            open_one = choose()
        with client.as_current():
            assert client.status == "closed"
            return open_one, choose()

    assert asyncio.run(chosen()) == (Temporary("threads"), Temporary("threads"))


def chosen_elsewhere(call: str, **environment: str) -> str:
    """Print what is chosen in a process that no test has left a current client in."""
    code = f"from daskloop.executors.choose import *; print({call})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_without_any_word_the_executor_is_threads() -> None:
    assert chosen_elsewhere("(choose(), choose(workers=1))") == str(
        (Temporary("threads"), Temporary("threads", 1))
    )


def test_the_environment_can_name_the_executor() -> None:
    assert chosen_elsewhere("choose()", DASK_DASKLOOP__EXECUTOR="inline") == "Inline()"


def test_choosing_does_not_import_distributed() -> None:
    code = (
        "import sys; from daskloop.executors.choose import choose; choose(); "
        "import daskloop.executors.connection; assert 'distributed' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.parametrize(
    "text", ["tcp://10.0.0.5:8786", "tls://host:8786", "10.0.0.5:8786", "host:8786", "ucx://h:1"]
)
def test_an_address_is_taken_as_it_is(text: str) -> None:
    assert choose(text) == Address(text)


def test_a_client_and_a_cluster_are_taken_as_they_are(threads_client: Any) -> None:
    cluster = _Cluster()
    assert choose(threads_client) == GivenClient(threads_client)
    assert choose(cluster) == GivenCluster(cluster)


def test_an_executor_of_prefect_stands_for_one_of_ours() -> None:
    assert isinstance(choose(DaskExecutor(cluster_class=dict)), StartedCluster)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("process", "processes"),
        ("thread", "threads"),
        ("Threads", "threads"),
        ("in-line", "inline"),
    ],
)
def test_a_misspelt_name_brings_the_right_one_and_the_list(given: str, wanted: str) -> None:
    with pytest.raises(ValueError, match=f"Did you mean '{wanted}'") as caught:
        choose(given)
    for accepted in ("'inline'", "'threads'", "tcp://host:8786", "Client", "DaskExecutor"):
        assert accepted in str(caught.value)


def test_a_wrong_name_in_the_config_is_said_to_come_from_there() -> None:
    with (
        dask.config.set({"daskloop.executor": "cluster"}),
        pytest.raises(ValueError, match=r"config daskloop\.executor got 'cluster'"),
    ):
        choose()


@pytest.mark.parametrize("given", [3, object(), ["threads"], True])
def test_what_is_no_executor_is_refused_with_the_list(given: object) -> None:
    with pytest.raises(TypeError, match="An executor is one of"):
        choose(given)


def test_a_class_instead_of_an_object_is_refused_with_what_to_write() -> None:
    with pytest.raises(TypeError, match=r"DaskExecutor\(cluster_class=_Cluster\)"):
        choose(_Cluster)


def test_an_asynchronous_cluster_is_refused_with_what_to_do() -> None:
    with pytest.raises(TypeError, match="asynchronous _Cluster"):
        choose(_Cluster(asynchronous=True))


def test_workers_set_the_slots_of_a_temporary_cluster() -> None:
    assert choose("threads", workers=3) == Temporary("threads", 3)
    assert choose(None, "processes", 2) == Temporary("processes", 2)


@pytest.mark.parametrize("workers", [0, -1])
def test_less_than_one_worker_is_refused(workers: int) -> None:
    with pytest.raises(ValueError, match=f"workers must be 1 or more, not {workers}"):
        choose("threads", workers=workers)


@pytest.mark.parametrize("workers", [2.0, "2", True])
def test_workers_that_are_no_whole_number_are_refused(workers: object) -> None:
    with pytest.raises(TypeError, match="workers must be a whole number"):
        choose("threads", workers=workers)


@pytest.mark.parametrize("executor", ["inline", "tcp://h:1", _Cluster(), DaskExecutor("tcp://h:1")])
def test_workers_are_refused_where_they_cannot_apply(executor: object) -> None:
    with pytest.raises(ValueError, match="workers=2 cannot apply: the executor"):
        choose(executor, workers=2)


def test_workers_are_refused_when_the_current_client_is_used(threads_client: Any) -> None:
    with (
        threads_client.as_current(),
        pytest.raises(ValueError, match=r"the current Dask client\) is a Client"),
    ):
        choose(workers=2)
