"""A cluster that loses all its workers and gets others: the run waits, and says so."""

from __future__ import annotations

import logging
import threading
import time

import dask
from distributed import Client, LocalCluster

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP
from tests.flows.traces import Trace


def test_a_run_waits_for_a_cluster_that_has_no_workers_and_says_so(tmp_path, caplog):
    trace = Trace(tmp_path)

    @task
    def loop(number):
        count = context.get("task_loop_count", 1)
        trace.note(number, count)
        time.sleep(0.01)
        if count < 12:
            raise LOOP(result=count)
        return number

    with Flow("shrinking") as flow:
        ended = loop.map([1, 2, 3])

    with (
        dask.config.set({"daskloop.stall-report": "500ms"}),
        caplog.at_level(logging.WARNING, "daskloop"),
        LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        states = []
        run = threading.Thread(target=lambda: states.append(flow.run(executor=client)))
        run.start()
        while len(trace.notes()) < 8:
            assert run.is_alive()
        cluster.scale(0)
        while "the cluster has no workers" not in caplog.text:
            assert run.is_alive()
        assert not states
        cluster.scale(1)
        run.join()
    assert states[0].result[ended].result == [1, 2, 3]
    assert len(set(trace.notes())) == 36
