"""Values and functions that cannot leave where they are (rule F8)."""

from __future__ import annotations

import contextlib
import os
import threading

import pytest
from distributed import Client

from daskloop import Flow, Parameter, context, task
from daskloop.engine.signals import LOOP
from tests.flows.one_failure import check_that_only_this_failed, fine
from tests.flows.traces import Trace, on_clusters, on_processes


def test_f08_a_payload_that_cannot_be_pickled_fails_its_task_and_is_named(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=3)
    def hand_on():
        trace.note(context.get("task_loop_count", 1))
        if context.get("task_loop_count", 1) == 2:
            raise LOOP(result={"page": 2, "guard": threading.Lock()})
        raise LOOP(result={"page": 1})

    with Flow("payload") as flow:
        bad, beside = hand_on(), fine()
    failed = check_that_only_this_failed(
        flow, bad, executor, "hand_on", "iteration 2", "lock", "guard", beside=beside
    )
    assert isinstance(failed.result, TypeError)
    assert failed.loop_payload == {"page": 1}
    assert trace.notes() == [(1,), (2,)]


@on_clusters
def test_f08_a_result_that_cannot_be_pickled_fails_its_task_and_is_named(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=3)
    def give():
        trace.note("ran")
        return [1, threading.Lock()]

    with Flow("result") as flow:
        bad, beside = give(), fine()
        after = fine(bad)
    check_that_only_this_failed(flow, bad, executor, "give", "lock", "result", beside=beside)
    assert trace.notes() == [("ran",)]
    assert flow.run(executor=executor).result[after].is_trigger_failed()


@on_clusters
def test_f08_an_argument_that_cannot_be_pickled_fails_its_task_and_is_named(executor):
    @task
    def use(guard, other):
        return guard

    with Flow("argument") as flow:
        bad, beside = use(threading.Lock(), other=1), fine()
    check_that_only_this_failed(flow, bad, executor, "use", "lock", "guard", beside=beside)


@on_clusters
def test_f08_an_element_that_cannot_be_pickled_fails_its_child_alone(executor):
    @task
    def use(value):
        return str(value)

    with Flow("element") as flow:
        used = use.map(Parameter("values"))
    state = flow.run(values=[1, threading.Lock(), 3], executor=executor)
    children = state.result[used].map_states
    assert [child.is_failed() for child in children] == [False, True, False]
    assert "use[1]" in children[1].message
    assert "lock" in children[1].message


@on_clusters
def test_f08_a_function_that_cannot_be_pickled_fails_its_task_and_is_named(executor):
    guard = threading.Lock()

    @task
    def guarded():
        with guard:
            return 1

    with Flow("function") as flow:
        bad, beside = guarded(), fine()
    check_that_only_this_failed(flow, bad, executor, "guarded", "lock", "guard", beside=beside)


ONLY_HERE = """
from daskloop import task

def helper(x):
    return x

@task(max_retries=3)
def elsewhere(x):
    return helper(x)
"""


@on_processes
def test_f08_a_module_that_the_worker_does_not_have_fails_its_task_at_once_and_says_what_to_do(
    executor, tmp_path, monkeypatch
):
    (tmp_path / "only_in_the_driver.py").write_text(ONLY_HERE)
    monkeypatch.syspath_prepend(tmp_path)  # the workers have begun before
    from only_in_the_driver import elsewhere

    with Flow("missing") as flow:
        bad, beside = elsewhere(1), fine()
    words = ["'elsewhere' cannot be opened on worker", "No module named 'only_in_the_driver'"]
    check_that_only_this_failed(flow, bad, executor, *words, "client.upload_file", beside=beside)


def test_f08_lambdas_closures_methods_and_partials_travel(executor):
    import functools

    class Adder:
        def __init__(self, number):
            self.number = number

        def add(self, value):
            return value + self.number

    number = 10
    by_partial = task(functools.partial(lambda a, b: a + b, 10), name="by_partial")
    with Flow("functions") as flow:
        results = [
            task(lambda value: value + number, name="by_lambda")(1),
            task(Adder(10).add, name="by_method")(1),
            by_partial(b=1),
        ]
    state = flow.run(executor=executor)
    assert [state.result[each].result for each in results] == [11, 11, 11]


@on_clusters
def test_f08_a_payload_that_cannot_be_opened_again_fails_its_task_and_is_named(executor):
    class Trap:
        def __reduce__(self):
            return int, ("not a number",)

    @task
    def hand_on():
        if context.get("task_loop_count", 1) == 1:
            raise LOOP(result=Trap())
        return context.task_loop_result

    with Flow("trap") as flow:
        bad, beside = hand_on(), fine()
    check_that_only_this_failed(flow, bad, executor, "payload", "not a number", beside=beside)


@pytest.mark.parametrize("where", ["payload", "result"])
def test_f08_something_nested_too_deep_fails_its_task(executor, where):
    @task
    def nest():
        if context.get("task_loop_count", 1) == 2:
            return "looped"
        deep = []
        for _ in range(20_000):
            deep = [deep]
        if where == "payload":
            raise LOOP(result=deep)
        return deep

    with Flow("deep") as flow:
        bad, beside = nest(), fine()
    state = flow.run(executor=executor)
    assert state.result[beside].result == 2
    if executor != "inline" or where == "payload":
        assert state.result[bad].is_failed()
        assert where in state.result[bad].message


def test_f08_a_task_that_returns_a_coroutine_fails_and_says_so(executor):
    @task
    def give():
        async def wait():
            pass

        waiting = wait()
        waiting.close()
        return waiting

    with Flow("coroutine") as flow:
        bad, beside = give(), fine()
    check_that_only_this_failed(flow, bad, executor, "give", "coroutine", beside=beside)


def test_f08_a_task_that_returns_a_generator_fails_and_says_so(executor):
    @task
    def give():
        return (number for number in range(3))

    with Flow("generator") as flow:
        bad, beside = give(), fine()
    check_that_only_this_failed(flow, bad, executor, "give", "generator", beside=beside)


def test_f08_a_task_that_returns_an_open_file_fails_and_says_so(executor, tmp_path):
    path = tmp_path / "text"
    path.write_text("text")
    trace = Trace(tmp_path)

    @task
    def give():
        descriptor = os.open(path, os.O_RDONLY)
        trace.note(os.getpid(), descriptor)
        return {"file": open(descriptor, closefd=False)}

    with Flow("file") as flow:
        bad, beside = give(), fine()
    check_that_only_this_failed(flow, bad, executor, "give", "file", beside=beside)
    ((pid, descriptor),) = trace.notes()
    if pid == os.getpid():
        os.close(descriptor)


@pytest.mark.parametrize("where", ["result", "payload"])
@pytest.mark.may_leave("dask")  # the task makes a client on the worker
def test_f08_a_dask_collection_or_future_is_no_data(executor, where):
    @task
    def give(kind):
        import dask

        if context.get("task_loop_count", 1) == 2:
            return "looped"
        if kind == "Delayed":
            value = dask.delayed(int)("5")
        else:
            from distributed import get_client

            value = get_client().submit(int, "5", pure=False)
        if where == "payload":
            raise LOOP(result={"a": value})
        return {"a": value}

    if executor != "inline" and executor.scheduler.address.startswith("inproc://"):
        executor = "threads"  # the clients that its workers make are closed below
    with Flow("dask") as flow:
        delayed = give("Delayed")
        future = give("Future") if executor != "inline" else None
        beside = fine()
    check_that_only_this_failed(flow, delayed, executor, "give", "Delayed", beside=beside)
    if future is not None:
        check_that_only_this_failed(flow, future, executor, "give", "Future", beside=beside)
    # Made in this process, such a client is the current one for all tests to come.
    with contextlib.suppress(ValueError):
        while executor == "threads":
            Client.current().close()


def test_f08_hostile_values_pass_or_fail_but_never_stop_the_run(executor):
    class Strange:
        def __eq__(self, other):
            raise RuntimeError("not to be compared")

        __hash__ = None

        def __len__(self):
            raise RuntimeError("no length")

        def __bool__(self):
            raise RuntimeError("neither true nor false")

        def __repr__(self):
            raise RuntimeError("not to be shown")

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return self

    @task
    def make():
        if context.get("task_loop_count", 1) == 1:
            raise LOOP(result=Strange())
        assert type(context.task_loop_result).__name__ == "Strange"
        return context.task_loop_result

    @task
    def take(value):
        return type(value).__name__

    with Flow("strange") as flow:
        strange = make()
        name = take(strange)
        constant = take(Strange())
    state = flow.run(executor=executor)
    assert state.result[strange].is_successful(), state.result[strange]
    assert state.result[name].result == "Strange"
    assert state.result[constant].result == "Strange"
