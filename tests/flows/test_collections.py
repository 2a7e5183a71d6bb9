"""Payloads that are Dask collections stay on the cluster."""

from __future__ import annotations

import dask
import pytest
from distributed import Client, LocalCluster, default_client

from daskloop import Flow, again, context, task
from daskloop.engine.signals import LOOP
from daskloop.record.in_cluster import publish
from tests.flows.traces import Trace

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")


@task
def halve(x=None, n=0):
    x = da.ones((40, 10), chunks=(10, 10)) if x is None else x
    return again(x=x / 2, n=n + 1) if n < 3 else float(x.sum().compute())


@task
def raised():
    import pandas as pd

    frame = context.get("task_loop_result")
    if frame is None:
        frame = dd.from_pandas(pd.DataFrame({"a": range(10)}), npartitions=2)
    if context.get("task_loop_count") == 3:
        return int(frame.a.sum().compute())
    raise LOOP("raised", result=frame.assign(a=frame.a + 1))


@pytest.mark.parametrize("executor", ["inline", "threads", "processes"])
def test_d01_d02_arrays_frames_and_delayed_are_handed_on(executor):
    @task
    def doubled():
        value = context.get("task_loop_result")
        if value is None:
            raise LOOP(result=dask.delayed(sum)([1, 2]))
        if context.get("task_loop_count") == 3:
            return value.compute()
        raise LOOP(result=value * 2)

    with Flow("collections") as flow:
        ends = [halve(), raised(), doubled()]
    with dask.config.set(scheduler="synchronous" if executor == "inline" else None):
        state = flow.run(executor=executor)
    assert [state.result[one].result for one in ends] == [50.0, 65, 6]


@pytest.fixture
def client():
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_d03_the_data_is_forgotten_with_the_loop_and_what_cannot_be_computed_fails(client):
    def bad():
        raise LOOP(result=dask.delayed(int)("no"))

    with Flow("collections") as flow:
        end, failed = halve(), task(bad)()
    state = flow.run(executor=client)
    assert state.result[end].result == 50.0
    assert state.result[failed].is_failed()
    assert "invalid literal" in state.result[failed].message
    assert not client.list_datasets()


def test_d05_what_is_returned_or_lies_deeper_is_refused():
    def deeper():
        raise LOOP(result={"deep": [da.ones(2)]})

    with Flow("collections") as flow:
        ends = [task(lambda: da.ones(2), name="returned")(), task(deeper)()]
    state = flow.run(executor="inline")
    for end in ends:
        assert "is a Dask collection; compute it" in state.result[end].message
    assert publish(da.ones(2), "dask:beside", here=False) is False, "this is no worker"


def test_d04_a_collection_that_went_with_its_cluster_is_told(tmp_path):
    trace = Trace(tmp_path)

    @task
    def loop(x=None, n=0):
        if n == 2 and trace.first("breaks"):
            raise ValueError("the first time")
        x = da.ones(4, chunks=2) if x is None else x
        return again(x=x + 1, n=n + 1) if n < 3 else float(x.sum().compute())

    with Flow("collections") as flow:
        end = loop()
    journal = tmp_path / "journal"
    assert flow.run(executor="threads", journal=journal).is_failed()
    state = flow.run(executor="threads", journal=journal, resume=True)
    assert state.is_failed() and "the cluster that held it" in state.result[end].message
    options = {"journal": journal, "resume": True, "only": "loop", "from_iteration": 1}
    assert flow.run(executor="threads", **options).result[end].result == 16.0


def test_d01_what_workers_in_this_process_made_is_closed_with_them():
    with Flow("collections") as flow:
        end = halve()
    assert flow.run(executor="threads").result[end].result == 50.0
    with pytest.raises(ValueError, match="No clients found"):
        default_client()
