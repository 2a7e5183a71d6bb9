"""Where, with what and how early attempts run, on a cluster whose workers differ (rules P)."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import dask
import pytest
from distributed import Client, Scheduler, SpecCluster, Worker, get_worker

from daskloop import Flow, Parameter, Task, context, tags, task, unmapped
from daskloop.engine.signals import LOOP
from daskloop.executors import DaskExecutor
from tests.flows.traces import Trace, linger

LARGE = b"x" * 20_000
"""Is stored, so that the engine by itself would prefer the worker where it lies."""

PLAIN = {"dashboard": False, "protocol": "inproc"}


def worker(threads: int = 1, **resources: float) -> dict[str, Any]:
    options = {**PLAIN, "nthreads": threads, "resources": resources}
    return {"cls": Worker, "options": options}


@pytest.fixture(scope="module")
def unlike() -> Iterator[Client]:
    """A client of three workers: one has a GPU for two threads, two have none."""
    workers = {"gpu": worker(2, GPU=1), "cpu": worker(2), "single": worker()}
    with (
        SpecCluster(
            scheduler={"cls": Scheduler, "options": {**PLAIN, "dashboard_address": "127.0.0.1:0"}},
            workers=workers,
            silence_logs=50,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        for name in workers:  # their threads start when they are needed, and are no leak
            calls = client.map(linger, [0.05, 0.05], workers=[name], pure=False)
            client.gather(calls)
            del calls
        yield client


@pytest.fixture(params=[1, "auto"])
def batch(request: pytest.FixtureRequest) -> Iterator[None]:
    """One attempt in one future, or as many as are worth it."""
    with dask.config.set({"daskloop.batch": request.param}):
        yield


def here() -> str:
    return str(get_worker().name)


@pytest.mark.usefixtures("batch")
@pytest.mark.parametrize("said_by", ["option", "tag", "annotate"])
def test_w10_every_iteration_retry_and_child_runs_where_the_resource_is(unlike, tmp_path, said_by):
    trace = Trace(tmp_path)

    @task(max_retries=1)
    def train(number):
        count = context.get("task_loop_count", 1)
        trace.note("in", here(), number, count, context.task_run_count)
        linger(0.005)
        trace.note("out")
        if context.task_run_count == 1 and count == 2:
            raise ValueError("once more")
        if count < 3:
            raise LOOP(result=LARGE)
        assert context.task_loop_result == LARGE
        return number

    with Flow("gpu") as flow:
        if said_by == "option":
            trained = train.map([1, 2, 3, 4], task_args={"resources": {"GPU": 1}})
        elif said_by == "tag":
            with tags("dask-resource:GPU=1"):
                trained = train.map([1, 2, 3, 4])
        else:
            with dask.annotate(resources={"GPU": 1}):
                trained = train.map([1, 2, 3, 4])
    state = flow.run(executor=unlike)
    assert state.result[trained].result == [1, 2, 3, 4]
    began = [note for note in trace.notes() if note[0] == "in"]
    assert {note[1] for note in began} == {"gpu"}
    tried = [(count, run) for count, run in ((1, 1), (2, 1), (2, 2), (3, 1))]
    assert sorted(note[2:] for note in began) == [(n, *one) for n in (1, 2, 3, 4) for one in tried]
    # Two threads share one GPU.
    assert [note[0] for note in trace.notes()] == ["in", "out"] * 16


@pytest.mark.usefixtures("batch")
def test_w10_workers_are_kept_to_in_every_iteration_and_preferred_ones_are_preferred(unlike):
    @task
    def where():
        seen = [*context.get("task_loop_result", (LARGE, []))[1], here()]
        if len(seen) < 4:
            raise LOOP(result=(LARGE, seen))
        return seen

    @task
    def whole(found):
        return found

    with Flow("named") as flow:
        named = where(task_args={"workers": ["cpu"]})
        anywhere = where(task_args={"workers": "nobody", "allow_other_workers": True})
        with dask.annotate(workers="single"):
            annotated = where()
            below = whole(annotated)
    state = flow.run(executor=unlike)
    assert state.is_successful(), state.message
    assert state.result[named].result == ["cpu"] * 4
    assert len(state.result[anywhere].result) == 4
    assert state.result[annotated].result == state.result[below].result == ["single"] * 4


def test_w08_a_child_of_higher_priority_overtakes_those_that_wait(unlike, tmp_path):
    trace = Trace(tmp_path)

    @task(workers="single")
    def note(what):
        linger(0.02)
        trace.note(what)

    with Flow("overtaking") as flow:
        first = note("first", task_args={"priority": 10})
        note.map(["low"] * 20)
        note.map(["high"] * 4, task_args={"priority": 10}, upstream_tasks=[unmapped(first)])
        note.map(["never mind"] * 4, task_args={"priority": -10})
    assert flow.run(executor=unlike, batch=1).is_successful()
    order = [what for (what,) in trace.notes()]
    assert order[0] == "first"
    assert order[-4:] == ["never mind"] * 4
    assert "high" not in order[len(order) // 2 :]


@pytest.mark.parametrize("highest", [0, 1])
def test_w08_inline_the_higher_priority_goes_first_too(tmp_path, highest):
    trace = Trace(tmp_path)

    @task
    def note(number):
        trace.note(number)

    with Flow("order") as flow:
        for number in (0, 1):
            note(number, task_args={"priority": int(number == highest)})
    assert flow.run(executor="inline").is_successful()
    assert trace.notes() == [(highest,), (1 - highest,)]


@task
def on_gpu(trace):
    trace.note("ran")
    return here()


@pytest.mark.parametrize("kind", ["inline", "threads", "processes", "cluster"])
@pytest.mark.parametrize("options", [{"resources": {"GPU": 1}}, {"workers": "alice"}], ids=repr)
def test_w07_a_place_that_has_no_such_worker_refuses_before_anything_runs(kind, options, tmp_path):
    if kind == "processes" and "workers" in options:
        pytest.skip("as with threads")
    trace = Trace(tmp_path)
    with Flow("refused") as flow:
        on_gpu(trace)
        on_gpu(trace, task_args=options)
    executor = {"cluster": DaskExecutor(cluster_kwargs={"processes": False, "n_workers": 1})}
    with pytest.raises(ValueError, match=r"'on_gpu-2'.*(GPU|alice).*off the task"):
        flow.run(executor=executor.get(kind, kind), workers=None)
    assert trace.notes() == []


def test_w07_a_cluster_that_is_started_with_the_resource_will_do(tmp_path):
    with Flow("started") as flow:
        ran = on_gpu(Trace(tmp_path), task_args={"resources": {"GPU": 1}, "workers": [0]})
    cluster = {"processes": False, "n_workers": 1, "resources": {"GPU": 1}}
    state = flow.run(executor=DaskExecutor(cluster_kwargs=cluster))
    assert state.result[ran].result == "0"


def test_w07_a_number_names_a_worker_that_is_there_or_none(unlike, tmp_path):
    with Flow("numbers") as flow:
        on_gpu(Trace(tmp_path), task_args={"workers": [0, 1]})
    with pytest.raises(ValueError, match=r"no worker is called 0, 1; there is: .*'gpu' \(GPU=1\)"):
        flow.run(executor=unlike)


def test_w07_a_resource_that_may_come_is_waited_for_with_a_warning(unlike, tmp_path, caplog):
    with Flow("waiting") as flow:
        plain = on_gpu(Trace(tmp_path, "plain"), task_args={"workers": "cpu"})
        ran = on_gpu(Trace(tmp_path), task_args={"resources": {"TPU": 1}})
    states: list[Any] = []
    with (
        dask.config.set({"daskloop.stall-report": "200ms"}),
        caplog.at_level(logging.WARNING, "daskloop"),
    ):
        run = threading.Thread(target=lambda: states.append(flow.run(executor=unlike)))
        run.start()
        while "waits: no worker offers TPU=1; there is:" not in caplog.text:
            assert run.is_alive()
            time.sleep(0.01)
        assert "'on_gpu-2' waits until Client of inproc" in caplog.text
        assert not states
        options = {**worker(TPU=2)["options"], "name": "tpu"}
        late = unlike.cluster.sync(_start, unlike.cluster.scheduler.address, options)
        run.join()
        unlike.cluster.sync(late.close)
    assert states[0].result[plain].result == "cpu"
    assert states[0].result[ran].result == "tpu"


async def _start(address: str, options: dict[str, Any]) -> Worker:
    return await Worker(address, **{k: v for k, v in options.items() if k != "protocol"})


class Fetch(Task):
    def run(self, number):
        if number > 0 and not context.parameters["good"].wait_for("good", seconds=0):
            raise ValueError("not yet")
        return here()


def test_w11_where_a_task_runs_may_change_from_one_driver_to_the_next(unlike, tmp_path):
    good = Trace(tmp_path, "good")

    def flow(**options: Any) -> tuple[Flow, Task]:
        with Flow("changing") as made:
            Parameter("good")
            fetched = Fetch(name="fetch", **options).map([0, 1])
        return made, fetched

    before, _ = flow(workers="gpu", priority=3)
    options = {"executor": unlike, "journal": tmp_path / "runs", "good": good}
    assert before.run(**options).is_failed()
    good.note("good")
    after, fetched = flow(resources={"GPU": 1})
    again, _ = flow(workers="cpu")
    state = after.run(**options, resume=True)
    assert state.result[fetched].result == ["gpu", "gpu"]
    # It is over: nothing runs any more, and so it does not matter where.
    (name,) = (path.name for path in (tmp_path / "runs").iterdir() if path.is_dir())
    over = again.run(**{**options, "executor": "inline"}, resume=name)
    assert over.is_successful()


@pytest.mark.slow
def test_w12_a_named_worker_that_dies_and_comes_back_goes_on_with_what_is_bound_to_it(tmp_path):
    trace = Trace(tmp_path)

    @task(workers=[0], max_worker_losses=1)
    def loop(number):
        count = context.get("task_loop_count", 1)
        trace.note(number, count)
        if (number, count) == (1, 3) and trace.first():
            os._exit(7)
        linger(0.05)
        if count < 4:
            raise LOOP(result=here())
        assert here() == "0"
        return context.task_loop_result

    with Flow("bound") as flow:
        ended = loop.map([0, 1, 2, 3])
    state = flow.run(executor="processes", workers=2)
    assert state.is_successful(), state.result[ended].result
    assert state.result[ended].result == ["0"] * 4
    # What was executing there was run again, and nothing that had been recorded.
    assert Counter(trace.notes())[1, 3] == 2
    assert len(trace.notes()) == 17
