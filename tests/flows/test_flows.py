"""Flows: parameters, inputs, results, context, logs, and what a run leaves behind."""

from __future__ import annotations

import asyncio
import copy
import datetime
import logging
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import dask
import pytest

import daskloop
from daskloop import Flow, Parameter, context, task, unmapped
from daskloop.engine.signals import FAIL, LOOP
from daskloop.engine.state import Failed, State, Success, TriggerFailed
from tests.flows.maps_notes import PATIENCE, Notes, wait_until, warned_of
from tests.flows.traces import on_clusters


@task
def give(value):
    return value


@task
def add(x, y):
    return x + y


@task
def boom():
    raise ValueError("boom")


def test_f01_c100_the_result_maps_every_task_object_to_its_state(executor):
    with Flow("f") as flow:
        x = Parameter("x")
        first = give(x)
        second = add(first, 1)
    state = flow.run(x=1, executor=executor)
    assert isinstance(state, Success)
    assert {x, first, second} <= set(state.result)
    assert all(isinstance(one, State) for one in state.result.values())
    assert [state.result[one].result for one in (x, first, second)] == [1, 1, 2]
    for no_key in (add, "add"):
        with pytest.raises(KeyError, match="no task of this run. Use what calling the task"):
            state.result[no_key]
    assert state.result.get(add) is None


def test_f01_c101_missing_parameters_are_all_named_before_any_body_ran(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def body(x):
        notes.write("ran")

    with Flow("f") as flow:
        body(1)
        body(Parameter("alpha"))
        body(Parameter("beta"))
        body(Parameter("gamma", default=1))
    with pytest.raises(ValueError, match=r"(?s)alpha.*beta") as caught:
        flow.run(executor=executor)
    assert "gamma" not in str(caught.value).split("beta")[0]
    assert notes.read() == []


def test_f01_c101_an_unknown_parameter_is_refused_with_the_nearest_name(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def body(x):
        notes.write("ran")

    with Flow("f") as flow:
        body(Parameter("M", default=1))
    with pytest.raises(ValueError, match=r"(?s)M1.*'M'"):
        flow.run(M1=3, executor=executor)
    with pytest.raises(ValueError, match="M1"):
        flow.run({"M1": 3}, executor=executor)
    with pytest.raises(ValueError, match="M1"):
        flow.run(parameters={"M": 1, "M1": 3}, executor=executor)
    assert notes.read() == []


def test_f01_c101_a_default_is_used_when_no_value_is_given(executor):
    with Flow("f") as flow:
        x = Parameter("x", default=[1])
        got = give(x)
        none = give(Parameter("none", default=None))
    state = flow.run(executor=executor)
    assert state.result[got].result == [1]
    assert state.result[none].result is None


def test_f01_a_mutable_default_is_new_for_each_run():
    @task
    def spoil(x):
        x.append(1)
        return len(x)

    default = []
    with Flow("f") as flow:
        spoiled = spoil(Parameter("x", default=default))
    assert [flow.run(executor="inline").result[spoiled].result for _ in range(2)] == [1, 1]
    assert default == []


def test_f01_values_may_come_as_a_mapping_and_as_keywords_together(executor):
    with Flow("f") as flow:
        total = add(Parameter("x"), Parameter("y"))
    state = flow.run({"x": 1}, y=2, executor=executor)
    assert state.result[total].result == 3


def test_f01_c110_a_cycle_is_refused_by_name_before_any_body_ran(tmp_path):
    notes = Notes(tmp_path)

    @task
    def alpha(x=None):
        notes.write("ran")

    @task
    def beta(x=None):
        notes.write("ran")

    def write_and_run():
        with Flow("f") as flow:
            a = alpha()
            b = beta(a)
            a.set_upstream(b, key="x")
        flow.run(executor="inline")

    with pytest.raises(ValueError, match=r"alpha.*beta.*alpha|beta.*alpha.*beta"):
        write_and_run()
    assert notes.read() == []


def test_f02_c102_running_inside_its_own_with_block_is_refused():
    flow = Flow("f")
    with flow:
        give(1)
        with pytest.raises(RuntimeError, match="with"):
            flow.run(executor="inline")


def test_f02_c102_calling_a_task_outside_a_flow_says_what_to_do():
    with pytest.raises(ValueError, match=r"\.run\(") as caught:
        give(1)
    assert "give" in str(caught.value)
    assert "Flow" in str(caught.value)
    with pytest.raises(ValueError, match="Flow"):
        give.map([1])


def test_f02_task_run_is_the_plain_function():
    assert give.run(5) == 5
    with pytest.raises(LOOP, match="LOOP"):
        _looping.run()


@task
def _looping():
    raise LOOP(message="again", result=1)


def test_f04_c103_one_failed_branch_does_not_stop_another(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def end(x):
        notes.write("end", x)
        return x

    with Flow("f") as flow:
        bad = end(boom())
        good = end(add(give(1), 1))
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert type(state.result[bad]) is TriggerFailed
    assert state.result[good].result == 2
    assert notes.read() == [("end", 2)]


def test_f03_c103_reference_tasks_decide_the_state_of_the_flow(executor):
    with Flow("f") as flow:
        give(boom())
        good = give(1)
    assert flow.run(executor=executor).is_failed()
    flow.set_reference_tasks([good])
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert set(flow.reference_tasks()) == {good}


def test_f03_the_terminal_tasks_decide_by_default(executor):
    @task(trigger=daskloop.triggers.all_finished)
    def repair(x):
        return "repaired"

    with Flow("f") as flow:
        failed = boom()
        repaired = repair(failed)
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert type(state.result[failed]) is Failed
    assert state.result[repaired].result == "repaired"


def test_f03_a_failed_child_of_a_terminal_map_fails_the_flow(executor):
    @task
    def divide(x):
        return 1 / x

    with Flow("f") as flow:
        divided = divide.map([1, 0])
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert state.result[divided].is_mapped()


def test_f03_reference_tasks_of_another_flow_are_refused():
    with Flow("other"):
        stranger = give(1)
    with Flow("f") as flow:
        give(1)
    with pytest.raises(ValueError, match="give"):
        flow.set_reference_tasks([stranger])


def test_f04_c104_a_shared_upstream_runs_once_even_if_a_branch_is_retried(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def top():
        notes.write("top")
        return 1

    @task(max_retries=2)
    def left(x):
        if notes.write("left") < 3:
            raise ValueError("twice")
        return x

    @task
    def right(x):
        notes.write("right")
        return x

    with Flow("f") as flow:
        shared = top()
        joined = add(left(shared), right(shared))
    assert flow.run(executor=executor).result[joined].result == 2
    assert [notes.count(name) for name in ("top", "left", "right")] == [1, 3, 1]


def test_f05_c101_a_flow_runs_many_times_and_each_run_is_its_own(executor):
    with Flow("f") as flow:
        x = Parameter("x")
        total = add(x, 1)
    first = flow.run(x=1, executor=executor)
    second = flow.run(x=[2], executor="inline")
    third = flow.run(x=10, executor=executor)
    assert [s.result[x].result for s in (first, second, third)] == [1, [2], 10]
    assert [first.result[total].result, third.result[total].result] == [2, 11]
    assert second.is_failed()


def test_f05_one_flow_runs_at_once_in_many_threads(executor):
    @task
    def count_to(n):
        so_far = context.get("task_loop_result", 0) + 1
        if so_far < n:
            raise LOOP(result=so_far)
        return (so_far, context.parameters["n"], context.run_id)

    with Flow("f") as flow:
        looped = count_to(Parameter("n"))
        mapped = count_to.map([1, 2])
        flow.set_reference_tasks([looped, mapped])

    def run(n):
        state = flow.run(n=n, executor=executor)
        return state.result[looped].result, state.result[mapped].result

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(run, range(1, 9)))
    run_ids = {alone[2] for alone, _ in outcomes}
    assert len(run_ids) == 8
    for n, (alone, children) in enumerate(outcomes, start=1):
        assert alone[:2] == (n, n)
        assert [child[:2] for child in children] == [(1, n), (2, n)]
        assert {child[2] for child in children} == {alone[2]}


def test_f05_temporary_clusters_of_runs_at_once_do_not_meet(caplog):
    with Flow("f") as flow:
        x = Parameter("x")
        doubled = add.map([x, 1], [x, 1])
    flow.run(x=0, executor="threads")  # the first import and run register defaults
    before = copy.deepcopy(dask.config.config)
    with ThreadPoolExecutor(4) as pool:
        states = list(pool.map(lambda n: flow.run(x=n, executor="threads"), range(8)))
    assert [s.result[doubled].result for s in states] == [[2 * n, 2] for n in range(8)]
    assert dask.config.config == before
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


def test_f05_an_empty_flow_succeeds_with_a_warning(executor, caplog):
    flow = Flow("nothing in it")
    with warned_of("nothing in it", caplog):
        state = flow.run(executor=executor)
    assert state.is_successful()
    assert state.result == {}


def test_f05_two_tasks_of_one_name_are_two_tasks(executor):
    with Flow("f") as flow:
        first, second = give(1), give(2)
    state = flow.run(executor=executor)
    assert first is not second
    assert [state.result[first].result, state.result[second].result] == [1, 2]


def test_f05_parameters_may_be_shared_between_flows(executor):
    x = Parameter("x")
    with Flow("one") as one:
        first = give(x)
    with Flow("two") as two:
        second = add(x, x)
    assert one.run(x=1, executor=executor).result[first].result == 1
    assert two.run(x=1, executor=executor).result[second].result == 2


def test_f06_tasks_inside_collections_are_inputs(executor):
    with Flow("f") as flow:
        one, two = give(1), give(2)
        collected = give([one, (two, 3), {"a": one, "b": [two, {"c": one}]}, 4])
        in_set = give({one, 5})
        by_keyword = add(x=[one], y=[two])
    state = flow.run(executor=executor)
    assert state.result[collected].result == [1, (2, 3), {"a": 1, "b": [2, {"c": 1}]}, 4]
    assert state.result[in_set].result == {1, 5}
    assert state.result[by_keyword].result == [1, 2]


def test_f06_a_failed_task_inside_a_collection_fails_what_takes_it(executor):
    with Flow("f") as flow:
        collected = give([1, {"a": boom()}])
    assert type(flow.run(executor=executor).result[collected]) is TriggerFailed


def test_f06_c106_nout_unpacks_and_items_index(executor):
    @task(nout=2)
    def pair():
        return 1, 10

    @task
    def record():
        return {"k": "v", "deep": [5, 6]}

    with Flow("f") as flow:
        first, second = pair()
        added = add(first, second)
        item, index = record()["k"], give([7, 8])[0]
        deep = record()["deep"][1]
    state = flow.run(executor=executor)
    assert state.result[added].result == 11
    assert [state.result[t].result for t in (item, index, deep)] == ["v", 7, 6]


def test_f06_c106_a_tuple_annotation_says_how_many_to_unpack(executor):
    @task
    def pair() -> tuple[int, str]:
        return 1, "a"

    with Flow("f") as flow:
        number, text = pair()
        collected = give([number, text])
    assert flow.run(executor=executor).result[collected].result == [1, "a"]


def test_f06_c106_a_missing_item_fails_that_index_alone(executor):
    with Flow("f") as flow:
        source = give({"a": 1})
        missing, present = source["b"], source["a"]
    state = flow.run(executor=executor)
    assert isinstance(state.result[missing].result, KeyError)
    assert state.result[present].result == 1


KEYS = {
    "task_name": "look",
    "task_full_name": "look",
    "task_slug": "look-1",
    "map_index": None,
    "task_run_count": 1,
    "flow_name": "f",
    "parameters": {"p": 5},
}


def test_f07_tasks_see_the_keys_that_the_docs_name(executor):
    @task
    def look():
        seen = {key: context[key] for key in KEYS}
        more = ("run_id", "idempotency_key", "date", "today")
        return seen, {key: context[key] for key in more}

    with Flow("f") as flow:
        Parameter("p")
        looked = look()
    before = datetime.datetime.now().astimezone() - datetime.timedelta(days=1)
    seen, more = flow.run(p=5, executor=executor).result[looked].result
    assert seen == KEYS
    assert more["run_id"]
    assert more["run_id"] in more["idempotency_key"]
    date = more["date"]
    assert isinstance(date, datetime.datetime)
    assert (date if date.tzinfo else date.astimezone()) > before
    assert str(more["today"])[:4] == f"{date.year:04d}"


def test_f07_c109_given_context_is_seen_by_every_task_and_leaves_nothing(executor):
    @task
    def look(x=None):
        return context.get("foo"), context.foo, context["foo"]

    with Flow("f") as flow:
        alone = look()
        children = look.map([1, 2])
    state = flow.run(context={"foo": 1}, executor=executor)
    assert state.result[alone].result == (1, 1, 1)
    assert state.result[children].result == [(1, 1, 1)] * 2
    assert "foo" not in context
    assert "run_id" not in context
    assert dict(context) == {}
    again = flow.run(context={"foo": 2}, executor=executor)
    assert again.result[alone].result == (2, 2, 2)
    without = flow.run(executor=executor)
    assert without.result[alone].is_failed()


def test_f07_c109_iterations_and_retries_see_the_given_context_too(executor):
    @task(max_retries=1)
    def loop():
        seen = context.get("task_loop_result", [])
        if context.task_run_count == 1:
            raise ValueError("first try")
        seen = [*seen, context.get("foo")]
        if len(seen) < 3:
            raise LOOP(result=seen)
        return seen

    with Flow("f") as flow:
        looped = loop()
    state = flow.run(context={"foo": "bar"}, executor=executor)
    assert state.result[looped].result == ["bar"] * 3


def test_f07_the_context_cannot_be_written_to(executor):
    @task
    def write():
        tried = []
        for how in ("attribute", "item", "delete"):
            try:
                if how == "attribute":
                    context.mine = 1
                elif how == "item":
                    context["mine"] = 1
                else:
                    del context["task_name"]
            except (AttributeError, TypeError) as error:
                tried.append(type(error).__name__)
        return tried, "mine" in vars(type(context)) or hasattr(context, "mine")

    with Flow("f") as flow:
        written = write()
    tried, stays = flow.run(executor=executor).result[written].result
    assert len(tried) == 3
    assert not stays


@pytest.mark.parametrize("key", ["task_loop_count", "task_loop_result"])
def test_f07_the_loop_keys_in_a_given_context_are_refused(key, executor):
    with Flow("f") as flow:
        give(1)
    with pytest.raises(ValueError, match=key):
        flow.run(context={key: 3}, executor=executor)


def test_f07_the_parameters_of_the_run_are_in_the_context_of_children(executor):
    @task
    def look(x):
        return context.parameters["scale"] * x

    with Flow("f") as flow:
        Parameter("scale")
        looked = look.map([1, 2])
    assert flow.run(scale=10, executor=executor).result[looked].result == [10, 20]


@on_clusters
def test_f07_parameters_cost_a_child_nothing_that_does_not_ask_for_them(executor):
    _Counted.pickled = 0
    with Flow("f") as flow:
        Parameter("heavy")
        given = give.map(range(40))
    state = flow.run(heavy=_Counted(), executor=executor)
    assert state.result[given].result == list(range(40))
    assert _Counted.pickled <= 10


class _Counted:
    """Counts how often it is pickled in the process of the test."""

    pickled = 0

    def __reduce__(self):
        _Counted.pickled += 1
        return _Counted, ()


@on_clusters
def test_f08_an_unpicklable_result_fails_its_own_task_alone(executor):
    @task
    def lock():
        return threading.Lock()

    with Flow("f") as flow:
        bad = lock()
        after = give(bad)
        good = give(1)
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert type(state.result[bad]) is Failed
    assert "lock" in state.result[bad].message
    assert type(state.result[after]) is TriggerFailed
    assert state.result[good].result == 1


@on_clusters
def test_f08_an_unpicklable_payload_names_iteration_and_child(executor):
    @task
    def loop(x):
        n = context.get("task_loop_count", 1)
        if n == 3:
            return x
        raise LOOP(result=threading.Lock() if (n, x) == (2, "b") else n)

    with Flow("f") as flow:
        looped = loop.map(["a", "b"])
    good, bad = flow.run(executor=executor).result[looped].map_states
    assert good.result == "a"
    assert type(bad) is Failed
    assert "loop[1]" in bad.message
    assert "2" in bad.message
    assert "lock" in bad.message


@on_clusters
def test_f08_an_unpicklable_argument_fails_the_task_that_takes_it(executor):
    with Flow("f") as flow:
        bad = give(threading.Lock())
        good = give(1)
    state = flow.run(executor=executor)
    assert type(state.result[bad]) is Failed
    assert "give" in state.result[bad].message
    assert "lock" in state.result[bad].message
    assert state.result[good].result == 1


@on_clusters
def test_f08_an_unpicklable_element_fails_its_child_alone(executor):
    with Flow("f") as flow:
        given = give.map([1, threading.Lock(), 3])
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert [type(c) for c in state.result[given].map_states] == [Success, Failed, Success]
    assert "lock" in state.result[given].map_states[1].message


@on_clusters
def test_f08_an_unpicklable_function_fails_its_task_alone(executor):
    lock = threading.Lock()

    @task
    def closure():
        return lock

    with Flow("f") as flow:
        bad = closure()
        good = give(1)
    state = flow.run(executor=executor)
    assert type(state.result[bad]) is Failed
    assert "closure" in state.result[bad].message
    assert "lock" in state.result[bad].message
    assert state.result[good].result == 1


@on_clusters
def test_f08_a_result_that_does_not_open_again_fails_no_other(executor):
    @task
    def closed():
        return _Closed()

    with Flow("f") as flow:
        bad = closed()
        after = give(bad)
        good = give(1)
    state = flow.run(executor=executor)
    assert state.result[good].result == 1
    # Found where it is opened for the next task, if not before.
    assert state.result[after].is_failed()


class _Closed:
    def __reduce__(self):
        return _refuse, ()


def _refuse():
    raise ValueError("does not open")


def test_f08_exceptions_that_cannot_travel_keep_their_name_and_text(executor):
    class Odd(Exception):
        def __init__(self, one, two):
            super().__init__(f"{one} and {two}")
            self.lock = threading.Lock()

    @task
    def fail():
        raise Odd("this", "that")

    with Flow("f") as flow:
        failed = fail()
    end = flow.run(executor=executor).result[failed]
    assert end.is_failed()
    assert isinstance(end.result, Exception)
    assert "Odd" in repr(end.result) + type(end.result).__name__
    assert "this and that" in str(end.result)


@pytest.mark.parametrize("kind", ["threads", "processes"])
@pytest.mark.parametrize("fails", [False, True], ids=["success", "failure"])
def test_f09_a_temporary_cluster_is_gone_and_results_are_there_when_run_returns(kind, fails):
    @task
    def where(x):
        if fails and x == 1:
            raise ValueError("one")
        return os.getpid()

    with Flow("f") as flow:
        pids = where.map([0, 1])
    state = flow.run(executor=kind)
    first, second = state.result[pids].result
    assert isinstance(second, ValueError) == fails
    if kind == "threads":
        assert first == os.getpid()
    else:
        assert first != os.getpid()
        wait_until(lambda: not _is_alive(first), "the worker process to end")


def _is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as line:
        return line.read().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_f09_c45_one_cluster_serves_all_retries_of_a_run(kind, tmp_path):
    @task(max_retries=2)
    def fail(x):
        folder = tmp_path / "pids"
        folder.mkdir(exist_ok=True)
        (folder / f"{os.getpid()}-{context.task_run_count}").touch()
        raise ValueError("always")

    with Flow("f") as flow:
        fail(1)
    assert flow.run(executor=kind, workers=1).is_failed()
    names = os.listdir(tmp_path / "pids")
    assert len(names) == 3
    assert len({name.split("-")[0] for name in names}) == 1


def test_f10_options_are_keyword_only_and_a_parameter_may_have_their_name(executor):
    with Flow("f") as flow:
        store, workers = Parameter("store"), Parameter("workers")
        got = give([store, workers])
    state = flow.run(parameters={"store": "s", "workers": "w"}, executor=executor)
    assert state.result[got].result == ["s", "w"]
    with pytest.raises(TypeError):
        flow.run({"store": 1, "workers": 2}, "inline")


def test_f10_raise_on_failure_raises_the_tasks_own_exception_and_names_it(executor):
    @task
    def pick(x):
        n = context.get("task_loop_count", 1)
        if x == "bad" and n == 2:
            raise KeyError("the key")
        if n < 3:
            raise LOOP()
        return x

    with Flow("f") as flow:
        pick.map(["good", "bad"])
    with pytest.raises(KeyError, match="the key") as caught:
        flow.run(executor=executor, raise_on_failure=True)
    said = str(caught.value.__cause__)
    assert "pick[1]" in said
    assert "iteration 2" in said


def test_f10_raise_if_failed_says_nothing_about_success(executor):
    with Flow("f") as flow:
        give(1)
    flow.run(executor=executor).raise_if_failed()
    state = flow.run(executor=executor, raise_on_failure=True)
    assert state.is_successful()


def test_f10_an_unknown_option_is_taken_for_a_parameter_and_refused():
    with Flow("f") as flow:
        give(1)
    with pytest.raises(ValueError, match="exekutor"):
        flow.run(exekutor="threads")


def test_f11_a_run_logs_children_retries_failures_and_a_summary(executor, caplog):
    @task(max_retries=1)
    def pick(x):
        if x == "retried" and context.task_run_count == 1:
            raise ConnectionError("first try")
        if x == "bad":
            raise KeyError("for good")
        return x

    caplog.set_level(logging.DEBUG, logger="daskloop")
    with Flow("logged-flow") as flow:
        pick.map(["good", "retried", "bad"])
    flow.run(executor=executor)
    lines = [record for record in caplog.records if record.name.split(".")[0] == "daskloop"]
    text = "\n".join(record.getMessage() for record in lines)
    for child in range(3):
        assert f"pick[{child}]" in text
    assert "first try" in text
    assert "for good" in text
    assert "logged-flow" in text
    assert any(record.levelno >= logging.WARNING for record in lines)


def test_f11_every_task_has_a_logger(executor):
    @task
    def log(x):
        logger = context.get("logger")
        logger.info("hello from %s", x)
        return logger.name

    with Flow("f") as flow:
        alone, children = log("a"), log.map(["b"])
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert state.result[alone].result.startswith("daskloop")
    assert state.result[children].result[0].startswith("daskloop")


def test_f11_what_an_inline_task_logs_reaches_the_callers_handlers(caplog):
    @task
    def log():
        context.logger.warning("hello from the task")

    with Flow("f") as flow:
        log()
    flow.run(executor="inline")
    assert "hello from the task" in caplog.text


def test_f11_c46_flow_handlers_see_running_once_and_the_final_state_once(executor):
    seen, failures = [], []

    def handler(the_flow, old, new):
        seen.append((the_flow.name, type(old).__name__, type(new).__name__))
        return new

    @task(max_retries=2)
    def twice():
        if context.task_run_count < 3:
            raise ValueError("twice")

    with Flow("f", state_handlers=[handler]) as flow:
        twice()
    assert flow.run(executor=executor).is_successful()
    assert [names[2] for names in seen] == ["Running", "Success"]
    assert {names[0] for names in seen} == {"f"}

    seen.clear()
    with Flow("g", state_handlers=[handler], on_failure=lambda f, s: failures.append(s)) as flow:
        boom()
    assert flow.run(executor=executor).is_failed()
    assert [names[2] for names in seen] == ["Running", "Failed"]
    assert [state.is_failed() for state in failures] == [True]


def test_f11_c100_a_flow_handler_that_raises_fails_the_flow_and_loses_no_state(executor):
    def handler(the_flow, old, new):
        if new.is_finished():
            raise ZeroDivisionError("in the handler")

    with Flow("f", state_handlers=[handler]) as flow:
        given = give(1)
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert "in the handler" in state.message
    assert state.result[given].result == 1


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
@pytest.mark.parametrize("error", [ZeroDivisionError("in the hook"), FAIL("in the hook")])
def test_f11_an_on_failure_of_a_flow_that_raises_is_logged_and_loses_no_state(
    executor, error, caplog
):
    called = []

    def hook(the_flow, state):
        called.append(state)
        raise error

    @task
    def fails():
        raise ValueError("bad")

    with Flow("f", on_failure=hook) as flow:
        given, failed = give(1), fails()
    state = flow.run(executor=executor)
    assert called == [state] and state.is_failed()
    assert state.result[given].result == 1 and state.result[failed].is_failed()
    assert "on_failure of flow 'f' raised" in caplog.text and "in the hook" in caplog.text


def test_f11_c100_a_flow_handler_may_decide_and_loses_no_state(executor):
    def handler(the_flow, old, new):
        return Failed("not today") if new.is_finished() else None

    with Flow("f", state_handlers=[handler]) as flow:
        given = give(1)
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert state.message == "not today"
    assert state.result[given].result == 1


def test_f11_ctrl_c_ends_the_run_and_its_cluster(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, sys, time
            from daskloop import Flow, task

            @task
            def wait(x, folder):
                open(os.path.join(folder, f"pid-{os.getpid()}"), "w").close()
                time.sleep(300)

            with Flow("f") as flow:
                from daskloop import unmapped
                wait.map([1, 2], unmapped(sys.argv[1]))
            state = flow.run(executor=sys.argv[2], workers=2)
            print("states", sorted(type(s).__name__ for s in state.result.values()))
            """
        )
    )
    for kind, pids in (("threads", 1), ("processes", 2)):
        folder = tmp_path / kind
        folder.mkdir()
        run = subprocess.Popen(
            [sys.executable, str(script), str(folder), kind],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "DASK_DASKLOOP__DRAIN": "1s"},
        )
        try:
            wait_until(lambda f=folder, n=pids: len(os.listdir(f)) == n, f"{kind} to begin")
            run.send_signal(signal.SIGINT)
            said, _ = run.communicate(timeout=PATIENCE)
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.communicate()
        assert "KeyboardInterrupt" in said or "states" in said
        for name in os.listdir(folder):
            pid = int(name.split("-")[1])
            wait_until(lambda p=pid: not _is_alive(p), f"process {pid} to end\n{said}")


def test_f00_row66_a_run_inside_a_task_is_refused_and_says_what_to_do(executor):
    @task
    def inner():
        return 1

    @task
    def nested():
        with Flow("inner") as flow:
            inner()
        return flow.run(executor="inline").is_successful()

    with Flow("outer") as flow:
        outer = nested()
    end = flow.run(executor=executor).result[outer]
    assert type(end) is Failed
    assert isinstance(end.result, RuntimeError)
    assert "task" in str(end.result)
    assert "flow.run" in str(end.result)


def test_f00_row67_a_run_inside_a_running_event_loop_works(executor):
    with Flow("f") as flow:
        given = give.map([1, 2])

    async def main():
        return flow.run(executor=executor).result[given].result

    assert asyncio.run(main()) == [1, 2]


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_f00_row67_a_run_with_a_temporary_cluster_inside_an_event_loop_works(kind):
    with Flow("f") as flow:
        given = give.map([1, 2])

    async def main():
        return flow.run(executor=kind).result[given].result

    assert asyncio.run(main()) == [1, 2]


def test_f09_states_can_be_copied_and_pickled(executor):
    with Flow("f") as flow:
        given = give.map([1, 2])
    state = flow.run(executor=executor)
    children = state.result[given]
    assert pickle.loads(pickle.dumps(children)).result == [1, 2]
    assert copy.copy(children).result == [1, 2]


def test_f06_upstream_tasks_only_order(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def note(name):
        notes.write(name)

    with Flow("f") as flow:
        first = note("first")
        second = note("second", upstream_tasks=[first])
        third = note("third")
        third.set_upstream(second)
    assert flow.run(executor=executor).is_successful()
    assert notes.read() == [("first",), ("second",), ("third",)]


def test_f06_a_flow_written_with_unmapped_outside_a_map_takes_the_value(executor):
    with Flow("f") as flow:
        given = give(unmapped([1, 2]))
    assert flow.run(executor=executor).result[given].result == [1, 2]
