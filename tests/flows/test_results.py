"""Results: they come back as they were, large ones too, and stay when the cluster is gone."""

from __future__ import annotations

import datetime
import decimal
import gc
import math
import os
import pickle
import tempfile
import threading
import traceback
import uuid
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from daskloop import Flow, Parameter, context, task
from daskloop.engine.signals import LOOP
from tests.flows.traces import on_clusters

LARGE = 5_000_000


@task
def give(value):
    return value


@task
def blob(i):
    return bytes([i]) * LARGE


class Plain:
    """A user's class, with equality."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Plain) and self.value == other.value

    def __hash__(self):
        return hash(self.value)


VALUES = {
    "nan": float("nan"),
    "infinity": -math.inf,
    "huge": 10**400,
    "bytes": bytes(range(256)),
    "surrogate": "a\ud800b",
    "null": "a\x00b",
    "wide": "\U0001f422 \u202e",
    "nested": {"a": [1, (2, {3})], None: {b"x": frozenset({1})}},
    "bool": True,
    "decimal": decimal.Decimal("1.10"),
    "aware": datetime.datetime(2024, 3, 31, 2, 30, tzinfo=datetime.timezone.utc),
    "naive": datetime.datetime(2024, 10, 27, 2, 30),
    "uuid": uuid.UUID(int=5),
    "class": Plain,
    "instance": Plain([1, 2]),
    "numpy scalar": numpy.int64(5),
    "ellipsis": ...,
    "empty": "",
    "key-like": ("give-1", 0),
}


def same(one, other):
    """Compare so that NaN equals itself, and types count."""
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and bool(one == other)


def test_f08_row38_every_value_goes_through_parameters_tasks_and_maps_unchanged(executor):
    with Flow("v") as flow:
        one = Parameter("one")
        passed = give(give(one))
        constants = give.map(list(VALUES.values()))
        again = give.map(constants)
    for value in VALUES.values():
        assert same(flow.run(one=value, executor="inline").result[passed].result, value)
    state = flow.run(one=list(VALUES.values()), executor=executor)
    for values in (state.result[t].result for t in (passed, constants, again)):
        assert [same(*pair) for pair in zip(values, VALUES.values(), strict=True)] == (
            [True] * len(VALUES)
        )


def test_l03_row38_every_value_goes_through_a_loop_unchanged(executor):
    @task
    def loop(value):
        if context.get("task_loop_count", 1) < 3:
            raise LOOP(result=context.get("task_loop_result", value))
        return context.task_loop_result

    with Flow("v") as flow:
        looped = loop.map(list(VALUES.values()))
    values = flow.run(executor=executor).result[looped].result
    assert all(same(*pair) for pair in zip(values, VALUES.values(), strict=True))


def test_f06_row38_text_that_looks_like_one_of_dasks_keys_is_text(executor):
    @task
    def echo(x):
        return x

    with Flow("v") as flow:
        first = echo("give-1")
        second = echo(("echo-1", 0))
        third = echo(["echo-1", first, (sum, [1, 2])])
    state = flow.run(executor=executor)
    assert state.result[first].result == "give-1"
    assert state.result[second].result == ("echo-1", 0)
    assert state.result[third].result == ["echo-1", "give-1", (sum, [1, 2])]


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_f09_large_results_are_readable_after_the_temporary_cluster_is_closed(kind):
    with Flow("large") as flow:
        alone = blob(7)
        children = blob.map([1, 2, 3])
        reduced = give(children)
    state = flow.run(executor=kind, workers=2)
    assert state.result[alone].result == bytes([7]) * LARGE
    assert state.result[children].result == [bytes([i]) * LARGE for i in (1, 2, 3)]
    assert state.result[reduced].result == [bytes([i]) * LARGE for i in (1, 2, 3)]


@on_clusters
def test_f09_large_arrays_pass_between_tasks_and_loops(executor):
    @task
    def grow(array):
        n = context.get("task_loop_count", 1)
        array = context.get("task_loop_result", array)
        array += 1
        if n < 4:
            raise LOOP(result=array)
        return array

    with Flow("large") as flow:
        start = give(numpy.zeros(700_000))
        grown = grow(start)
        children = grow.map([start, start])
    state = flow.run(executor=executor)
    assert (state.result[grown].result == 4).all()
    assert [(child == 4).all() for child in state.result[children].result] == [True, True]
    assert (state.result[start].result == 0).all()


def test_f09_a_result_is_opened_when_it_is_read_from_any_thread(executor):
    with Flow("large") as flow:
        children = blob.map([1, 2])
    state = flow.run(executor=executor)
    with ThreadPoolExecutor(4) as pool:
        lists = list(pool.map(lambda _: state.result[children].result, range(4)))
    assert all(one == [bytes([1]) * LARGE, bytes([2]) * LARGE] for one in lists)


def test_f09_states_can_be_pickled_with_their_large_results(executor):
    with Flow("large") as flow:
        alone = blob(1)
    one = flow.run(executor=executor).result[alone]
    copied = pickle.loads(pickle.dumps(one))
    del one
    gc.collect()
    assert copied.result == bytes([1]) * LARGE


@pytest.mark.parametrize("kind", ["inline", "threads", "processes"])
def test_f09_what_a_run_keeps_on_disk_goes_with_its_states(kind):
    before = set(os.listdir(tempfile.gettempdir()))
    with Flow("large") as flow:
        alone = blob(1)
    state = flow.run(executor=kind)
    assert state.result[alone].result == bytes([1]) * LARGE
    del state
    gc.collect()
    assert set(os.listdir(tempfile.gettempdir())) - before == set()


def test_f09_large_results_of_several_runs_do_not_meet(executor):
    with Flow("large") as flow:
        alone = blob(Parameter("i"))
    states = [flow.run(i=i, executor=executor) for i in (1, 2)]
    assert [state.result[alone].result[0] for state in states] == [1, 2]
    del states[0]
    gc.collect()
    assert states[0].result[alone].result == bytes([2]) * LARGE


@on_clusters
def test_f05_what_a_task_does_to_its_input_stays_with_it(executor):
    @task
    def make():
        return {"list": [1]}

    @task
    def spoil(value):
        value["list"].append("spoiled")
        return value

    with Flow("own") as flow:
        made = make()
        first = spoil(made)
        second = spoil(made)
    state = flow.run(executor=executor)
    assert state.result[made].result == {"list": [1]}
    assert state.result[first].result == {"list": [1, "spoiled"]}
    assert state.result[second].result == {"list": [1, "spoiled"]}


@on_clusters
def test_f01_what_a_task_does_to_a_parameter_stays_with_it(executor):
    @task
    def spoil(value):
        value.append("spoiled")
        return value

    given = [1]
    with Flow("own") as flow:
        x = Parameter("x")
        spoiled = spoil(x)
    state = flow.run(x=given, executor=executor)
    assert state.result[spoiled].result == [1, "spoiled"]
    assert given == [1]
    assert state.result[x].result == [1]


def test_r09_an_exception_keeps_its_type_arguments_and_traceback(executor):
    class Special(Exception):
        def __init__(self, code, text):
            super().__init__(code, text)
            self.code = code

    @task
    def a_function_of_mine():
        raise Special(5, "five")

    with Flow("e") as flow:
        failed = a_function_of_mine()
    end = flow.run(executor=executor).result[failed]
    assert type(end.result).__name__ == "Special"
    assert end.result.args == (5, "five")
    assert end.result.code == 5
    assert repr(end.result) in end.message
    shown = "".join(traceback.format_exception(end.result))
    assert "a_function_of_mine" in shown


def test_f05_results_of_a_run_in_a_thread_are_readable_elsewhere(executor):
    with Flow("t") as flow:
        alone = blob(3)
    states = []
    thread = threading.Thread(target=lambda: states.append(flow.run(executor=executor)))
    thread.start()
    thread.join()
    assert states[0].result[alone].result == bytes([3]) * LARGE


@on_clusters
def test_r09_an_exception_keeps_its_type_whatever_it_was_raised_from(executor):
    class Holds(Exception):
        def __init__(self):
            super().__init__("holds a lock")
            self.lock = threading.Lock()

    @task
    def chained():
        try:
            raise Holds
        except Holds as error:
            raise KeyError("mine") from error

    @task
    def in_passing():
        try:
            raise Holds
        except Holds:
            return {}["mine"]

    with Flow("e") as flow:
        ends = [chained(), in_passing()]
    state = flow.run(executor=executor)
    for one in ends:
        assert type(state.result[one].result) is KeyError
        assert state.result[one].result.args == ("mine",)
