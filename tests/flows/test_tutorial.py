"""The founding text, word for word, on every way of running it."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
import requests
from distributed import Client, LocalCluster

import daskloop
from daskloop import Flow, Parameter, task
from daskloop.engine.signals import LOOP
from tests.examples.scripts import load

serve = load("fibonacci_service").serve

URL = ""


@pytest.fixture
def service(monkeypatch):
    """The local Fibonacci service; its address is the tutorial's URL."""
    with serve() as service:
        monkeypatch.setattr(f"{__name__}.URL", service.url)
        yield service


# The tutorial begins.
@task(max_retries=5, retry_delay=timedelta(seconds=2))
def compute_large_fibonacci(M):
    loop_payload = daskloop.context.get("task_loop_result", {})
    n = loop_payload.get("n", 1)
    fib = loop_payload.get("fib", 1)
    next_fib = requests.post(URL, data={"nth": n}).json()
    if next_fib > M:
        return fib
    raise LOOP(message=f"Fib {n}={next_fib}", result=dict(n=n + 1, fib=next_fib))  # noqa: C408


with Flow("fibonacci") as flow:
    M = Parameter("M")
    fib_num = compute_large_fibonacci(M)

with Flow("mapped-fibonacci") as mapped_flow:
    ms = Parameter("ms")
    fib_nums = compute_large_fibonacci.map(ms)
# The tutorial ends.


def runs_as_the_tutorial_says(**options):
    state = flow.run(M=100, **options)
    assert state.is_successful()
    assert state.result[fib_num].result == 89
    assert flow.run(M=1000, **options).result[fib_num].result == 987
    mapped = mapped_flow.run(ms=[10, 100, 1000, 1500], **options)
    assert mapped.is_successful()
    assert mapped.result[fib_nums].result == [8, 89, 987, 987]


@pytest.mark.usefixtures("service")
def test_s0_the_tutorial_runs_without_a_word_about_executors():
    runs_as_the_tutorial_says()


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("kind", ["inline", "threads", "processes"])
def test_s0_the_tutorial_runs_on_each_name(kind):
    runs_as_the_tutorial_says(executor=kind)


@pytest.mark.usefixtures("service")
def test_s0_the_tutorial_runs_on_a_client(executor):
    runs_as_the_tutorial_says(executor=executor)


@pytest.mark.usefixtures("service")
def test_s0_the_tutorial_runs_on_an_address_and_on_a_cluster():
    with LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        runs_as_the_tutorial_says(executor=cluster.scheduler_address)
        runs_as_the_tutorial_says(executor=cluster)


@pytest.mark.usefixtures("service")
def test_s0_the_tutorial_runs_on_the_current_client():
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster),
    ):
        runs_as_the_tutorial_says()


@pytest.mark.usefixtures("service")
def test_c02_the_stop_test_is_strictly_greater(executor):
    assert flow.run(M=89, executor=executor).result[fib_num].result == 89
    assert flow.run(M=88, executor=executor).result[fib_num].result == 55


@pytest.mark.usefixtures("service")
def test_c08_the_messages_of_the_loop_are_the_tutorials(executor):
    state = flow.run(M=10, executor=executor).result[fib_num]
    assert state.loop_count == 7
    assert state.loop_messages[-1] == "Fib 6=8"


def test_r01_a_request_that_fails_once_costs_exactly_one_more_request(executor, monkeypatch):
    with serve(fail_first=1, seed=0) as service:
        monkeypatch.setattr(f"{__name__}.URL", service.url)
        state = flow.run(M=100, executor=executor)
        assert state.result[fib_num].result == 89
        # Twelve numbers up to 144, the first above 100, and the one that was asked for twice.
        assert service.stats() == {"requests": 13, "failed": 1, "bad": 0}


def test_r01_in_a_map_a_request_that_fails_once_costs_exactly_one_more(executor, monkeypatch):
    with serve(fail_first=2, seed=1) as service:
        monkeypatch.setattr(f"{__name__}.URL", service.url)
        state = mapped_flow.run(ms=[10, 100], executor=executor)
        assert state.result[fib_nums].result == [8, 89]
        assert service.stats() == {"requests": 7 + 12 + 2, "failed": 2, "bad": 0}


def test_s0_the_import_paths_of_prefect_core_work():
    import daskloop.engine.signals
    import daskloop.engine.state
    import daskloop.executors
    import daskloop.triggers

    for name in ("task", "Task", "Flow", "Parameter", "context", "unmapped", "flatten", "tags"):
        assert hasattr(daskloop, name)
    for name in ("LOOP", "SKIP", "SUCCESS", "FAIL", "RETRY", "TRIGGERFAIL"):
        assert issubclass(getattr(daskloop.engine.signals, name), BaseException)
    for name in ("State", "Success", "Failed", "Looped", "Mapped", "Retrying", "TriggerFailed"):
        assert issubclass(getattr(daskloop.engine.state, name), daskloop.engine.state.State)
    assert callable(daskloop.triggers.all_finished)
    assert daskloop.executors.DaskExecutor


def test_s0_importing_daskloop_imports_no_dask():
    code = "import sys, daskloop; assert not {'dask', 'distributed'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
