"""Bad input: each wrong use gets the outcome that its user would want, and no other."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import threading
import time

import pytest

from daskloop import Flow, Parameter, Task, context, task
from daskloop.engine.signals import LOOP
from daskloop.engine.state import Failed, Success
from tests.flows.maps_notes import Notes
from tests.flows.traces import on_clusters, on_processes


@task
def give(value):
    return value


@task
def fine():
    return "fine"


def run_beside(body, executor, **options):
    """Run a body, and another task beside it that must not mind; return the body's state."""
    with Flow("bad") as flow:
        one = task(body, **options)()
        other = fine()
    state = flow.run(executor=executor)
    assert state.result[other].result == "fine"
    return state.result[one]


def test_f00_row01_loop_outside_a_flow_explains_itself():
    @task
    def loop():
        raise LOOP(result=1)

    with pytest.raises(LOOP, match=r"only has meaning inside a task.*task\.run\(\)"):
        loop.run()


def test_f00_row02_a_returned_signal_is_an_error_that_says_raise(executor):
    def body():
        return LOOP(result=1)

    end = run_beside(body, executor)
    assert type(end) is Failed
    assert isinstance(end.result, TypeError)
    assert "raise" in end.message
    assert "LOOP" in end.message


def test_f00_row03_the_class_alone_may_be_raised(executor):
    def body():
        if context.get("task_loop_count", 1) < 3:
            raise LOOP
        return context.task_loop_result

    end = run_beside(body, executor)
    assert type(end) is Success
    assert end.result is None


def test_f00_row04_a_broad_except_does_not_swallow_a_loop(executor):
    def body():
        try:
            if context.get("task_loop_count", 1) < 3:
                raise LOOP(result=1)
        except Exception:
            return "swallowed"
        return "ended"

    assert run_beside(body, executor).result == "ended"


def test_f00_row06_an_endless_loop_is_ended_by_its_limits(executor):
    def forever():
        raise LOOP(message="and again")

    for limit in ({"max_loops": 20}, {"max_time": 0.3}):
        end = run_beside(forever, executor, **limit)
        assert end.is_failed()
        assert "forever" in end.message
        assert "and again" in end.message
        assert next(iter(limit)) in end.message


@on_clusters
@pytest.mark.parametrize("retries", [0, 2])
def test_f00_row08_an_unpicklable_payload_names_the_culprit_and_is_not_retried(
    retries, executor, tmp_path
):
    notes = Notes(tmp_path)

    def body():
        notes.write("ran")
        raise LOOP(result={"deep": [1, threading.Lock()]})

    end = run_beside(body, executor, max_retries=retries)
    assert type(end) is Failed
    assert "body" in end.message
    assert "lock" in end.message
    assert "deep" in end.message
    assert notes.count("ran") == 1


@on_clusters
def test_f00_row13_row14_dask_objects_are_neither_payload_nor_result(executor):
    def returns_delayed():
        import dask

        return {"a": dask.delayed(sum)([1, 2])}

    def loops_with_delayed():
        import dask

        raise LOOP(result={"a": dask.delayed(sum)([1, 2])})

    for body in (returns_delayed, loops_with_delayed):
        end = run_beside(body, executor)
        assert type(end) is Failed
        assert isinstance(end.result, TypeError)
        assert "Delayed" in end.message
        assert "'a'" in end.message


@on_clusters
def test_f00_row13_a_dask_future_is_no_argument(executor):
    future = executor.submit(sum, [1, 2], pure=False)
    with Flow("bad") as flow:
        given = give(future)
        deep = give({"a": [future]})
        children = give.map([1, future])
        other = fine()
    state = flow.run(executor=executor)
    future.release()
    ends = [state.result[given], state.result[deep], state.result[children].map_states[1]]
    for end in ends:
        assert type(end) is Failed
        assert "future" in end.message.lower()
    assert "['a'][0]" in ends[1].message
    assert state.result[children].map_states[0].result == 1
    assert state.result[other].result == "fine"


@on_clusters
def test_f00_row15_generators_coroutines_and_locks_are_no_results(executor):
    def generator():
        return (x for x in range(3))

    def coroutine():
        made = asyncio.sleep(0)
        made.close()
        return made

    def lock():
        return threading.Lock()

    for body, kind in (
        (generator, "generator"),
        (coroutine, "coroutine"),
        (lock, "lock"),
    ):
        end = run_beside(body, executor)
        assert type(end) is Failed
        assert isinstance(end.result, TypeError)
        assert kind in end.message


def test_f00_row17_generator_functions_are_refused():
    with pytest.raises(TypeError, match="generator"):

        @task
        def generator():
            yield 1


@pytest.mark.parametrize("wrong", [5, None, {"a": 1}, {1}], ids=repr)
def test_f00_row18_row21_row23_what_cannot_be_mapped_is_refused(wrong):
    with Flow("bad"), pytest.raises(TypeError, match="'value'"):
        give.map(wrong)


def test_f00_row31_a_map_after_a_failure_is_no_key_error(executor):
    @task
    def broken():
        raise ConnectionError("no list today")

    with Flow("bad") as flow:
        mapped = give.map(broken())
        indexed = broken()[0]
    state = flow.run(executor=executor)
    assert state.result[mapped].is_failed()
    assert "broken" in state.result[mapped].message
    assert not isinstance(state.result[mapped].result, KeyError)
    assert state.result[indexed].is_trigger_failed()


@on_clusters
def test_f00_row36_an_unpicklable_parameter_is_refused_before_any_body_ran(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def body():
        notes.write("ran")

    with Flow("bad") as flow:
        body()
        give(Parameter("handle"))
    with pytest.raises(TypeError, match=r"(?s)handle.*lock"):
        flow.run(handle={"deep": threading.Lock()}, executor=executor)
    assert notes.read() == []


def test_f00_row35_two_parameters_of_one_name_are_refused():
    with Flow("bad"):
        give(Parameter("x", default=1))
        with pytest.raises(ValueError, match="'x'"):
            give(Parameter("x", default=2))


def test_f00_row41_a_task_of_another_flow_is_refused_naming_both():
    with Flow("first"):
        given = give(1)
    with Flow("second"), pytest.raises(ValueError, match=r"(?s)first.*second|second.*first"):
        give(given)


def test_f00_row42_an_instance_called_twice_is_two_tasks(executor):
    class Count(Task):
        def run(self, x):
            return x

    count = Count(name="count")
    with Flow("bad") as flow:
        first, second = count(1), count(2)
    state = flow.run(executor=executor)
    assert [state.result[first].result, state.result[second].result] == [1, 2]
    assert sorted(flow.slugs.values()) == ["count-1", "count-2"]


def test_f00_row43_an_explicit_slug_twice_is_refused():
    def write():
        with Flow("bad") as flow:
            give(1, task_args={"slug": "same"})
            give(2, task_args={"slug": "same"})
        flow.run(executor="inline")

    with pytest.raises(ValueError, match="same"):
        write()


@pytest.mark.parametrize("name", ["", "x" * 300, "a\0b"], ids=["empty", "long", "null"])
def test_f00_row45_impossible_flow_names_are_refused(name):
    with pytest.raises(ValueError, match="name"):
        Flow(name)


@pytest.mark.parametrize("name", ["../../etc/x", "\N{TURTLE}", "a b", "%s {x}"])
def test_f00_row45_odd_flow_names_are_fine_and_name_no_files(name, executor, tmp_path):
    with Flow(name) as flow:
        named = task(lambda x: bytes(x), name=name)(300_000)
        children = task(lambda x: x, name=name).map([1])
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert state.result[named].result == bytes(300_000)
    assert state.result[children].result == [1]


def test_f00_row47_a_missing_argument_is_named_where_the_flow_is_written():
    @task
    def add(x, y):
        return x + y

    with Flow("bad"), pytest.raises((TypeError, ValueError), match="'y'"):
        add(1)


class BadInit(Exception):
    """An exception that cannot be rebuilt from its arguments."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


class BadText(Exception):
    """An exception that cannot be shown."""

    def __str__(self):
        raise ValueError("no text")

    __repr__ = __str__


def test_f00_row58_an_exception_with_a_bad_init_keeps_its_name_and_text(executor):
    def body():
        raise BadInit("one", "two")

    end = run_beside(body, executor)
    assert type(end) is Failed
    assert "BadInit" in end.message
    assert "one two" in str(end.result)


def test_f00_row59_an_exception_without_a_text_is_still_named(executor):
    def body():
        raise BadText

    end = run_beside(body, executor)
    assert type(end) is Failed
    assert "BadText" in end.message


def test_f00_row59_an_exception_with_an_enormous_text_is_cut(executor):
    def body():
        raise ValueError("x" * 10_000_000)

    end = run_beside(body, executor)
    assert type(end) is Failed
    assert "ValueError" in end.message
    assert len(end.message) < 100_000


def test_f00_row59_a_loop_with_an_enormous_message_goes_on(executor):
    def body():
        n = context.get("task_loop_count", 1)
        if n < 3:
            raise LOOP(message="x" * 100_000, result={"n": n})
        return context.task_loop_result

    end = run_beside(body, executor)
    assert end.result == {"n": 2}


@on_clusters
@pytest.mark.parametrize(
    "kind",
    [KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration, asyncio.CancelledError],
    ids=lambda kind: kind.__name__,
)
def test_r12_row60_row61_no_exception_hangs_a_run_or_ends_a_worker(kind, executor, tmp_path):
    notes = Notes(tmp_path)

    def body():
        if notes.write("ran") == 1:
            raise kind("of mine")
        return "second try"

    end = run_beside(body, executor)
    assert end.is_failed()
    assert not end.is_crashed()
    assert kind.__name__ in end.message or "exit" in end.message
    os.remove(notes.path)
    assert run_beside(body, executor, max_retries=3).result == "second try"


@on_clusters
def test_r12_row61_sys_exit_is_named(executor):
    def body():
        sys.exit(0)

    end = run_beside(body, executor)
    assert end.is_failed()
    assert "exit" in end.message.lower()


@on_processes
def test_r08_row62_a_child_that_kills_its_worker_fails_alone(executor, tmp_path):
    notes = Notes(tmp_path)

    @task(max_worker_losses=1)
    def dies(x):
        if x == 2:
            notes.write("dies")
            os._exit(3)
        return x

    with Flow("bad") as flow:
        children = dies.map(range(5))
    states = flow.run(executor=executor).result[children].map_states
    assert [state.is_successful() for state in states] == [True, True, False, True, True]
    assert states[2].is_crashed()
    assert "dies[2]" in states[2].message
    assert notes.count("dies") == 2


def test_f00_row64_a_recursion_without_end_fails_its_task(executor):
    def body():
        def deeper():
            return deeper()

        return deeper()

    end = run_beside(body, executor)
    assert isinstance(end.result, RecursionError)


@on_clusters
def test_f00_row64_a_payload_too_deep_to_pickle_fails_its_task(executor):
    def body():
        payload = []
        for _ in range(100_000):
            payload = [payload]
        raise LOOP(result=payload)

    end = run_beside(body, executor)
    assert type(end) is Failed
    assert "body" in end.message


def test_f00_row65_a_handler_that_raises_fails_its_task_by_name_and_no_other(executor):
    def my_handler(the_task, old, new):
        raise ZeroDivisionError("in the handler")

    def body():
        return 1

    end = run_beside(body, executor, state_handlers=[my_handler])
    assert end.is_failed()
    assert "body" in end.message
    assert "in the handler" in end.message


@on_clusters
def test_f00_row65_a_handler_that_blocks_holds_up_its_own_child_alone(executor, tmp_path):
    notes = Notes(tmp_path)

    def block(the_task, old, new):
        if context.get("map_index") == 0 and new.is_running():
            notes.wait_for("after", 1)
        return new

    @task
    def after(x):
        notes.write("after", x)
        return x

    with Flow("bad") as flow:
        ended = after.map(give.copy(state_handlers=[block]).map([0, 1]))
    assert flow.run(executor=executor).result[ended].result == [0, 1]


@on_processes
def test_f00_row63_a_task_that_changes_the_working_directory_harms_no_other(executor, tmp_path):
    @task
    def wander():
        before = os.getcwd()
        os.chdir("/")
        try:
            return bytes(300_000)
        finally:
            os.chdir(before)

    with Flow("bad") as flow:
        given = give(wander())
    assert flow.run(executor=executor).result[given].result == bytes(300_000)


@on_clusters
def test_f00_row70_lambdas_methods_and_partials_are_tasks(executor):
    class Scale:
        def __init__(self, by):
            self.by = by

        def times(self, x):
            return self.by * x

    factor = 3
    with Flow("bad") as flow:
        one = task(lambda x: factor * x)(5)
        two = task(Scale(4).times)(5)
        three = task(functools.partial(_power, exponent=2), name="power")(5)
    state = flow.run(executor=executor)
    assert [state.result[t].result for t in (one, two, three)] == [15, 20, 25]


def _power(base, exponent):
    return base**exponent


@on_clusters
def test_f00_row71_a_task_that_closes_over_a_lock_names_it(executor):
    lock = threading.Lock()

    def body():
        return lock.locked()

    end = run_beside(body, executor)
    assert type(end) is Failed
    assert "lock" in end.message
    assert "body" in end.message


class Hostile:
    """Answers everything, equals nothing, is falsy and hashes badly."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Hostile()

    def __call__(self, *args, **kwargs):
        return Hostile()

    def __eq__(self, other):
        raise ValueError("do not compare me")

    def __bool__(self):
        raise ValueError("I am neither")

    def __len__(self):
        raise ValueError("do not count me")

    def __iter__(self):
        raise ValueError("do not iterate me")

    def __repr__(self):
        raise ValueError("do not show me")

    __hash__ = None


def test_f00_fuzz_a_hostile_object_passes_as_argument_payload_and_result(executor):
    @task
    def loop(x):
        if context.get("task_loop_count", 1) < 3:
            raise LOOP(result=x)
        return type(context.task_loop_result).__name__, x

    with Flow("bad") as flow:
        constant = loop(Hostile())
        parameter = loop(Parameter("p"))
        children = loop.map([Hostile()])
        chained = give(give(Parameter("q")))
    state = flow.run(p=Hostile(), q=Hostile(), executor=executor)
    assert state.is_successful(), {t.name: s.message for t, s in state.result.items()}
    for one in (constant, parameter):
        assert state.result[one].result[0] == "Hostile"
    assert state.result[children].result[0][0] == "Hostile"
    assert type(state.result[chained].result) is Hostile


class Lying(list):
    """A list that lies about its length."""

    def __len__(self):
        return 5


def test_f00_fuzz_a_sequence_that_lies_about_its_length_fails_that_map_alone(executor):
    with Flow("bad") as flow:
        mapped = give.map(give(Lying([1, 2])))
        other = fine()
    state = flow.run(executor=executor)
    assert state.result[other].result == "fine"
    assert state.result[mapped].is_failed() or state.result[mapped].result == [1, 2]


def test_f00_row56_a_timeout_on_a_thread_leaves_the_flow_going(tmp_path):
    notes = Notes(tmp_path)

    @task(timeout=0.3)
    def slow():
        notes.wait_for("ended")
        time.sleep(0.05)

    @task
    def after(x):
        return x

    with Flow("bad") as flow:
        late = slow()
        other = after(1)
    state = flow.run(executor="threads", workers=2)
    notes.write("ended")
    assert state.result[late].is_timed_out()
    assert isinstance(state.result[late].result, TimeoutError)
    assert state.result[other].result == 1


@pytest.mark.parametrize(
    "options",
    [
        {"max_retries": -1},
        {"max_retries": 1, "retry_delay": -1},
        {"max_retries": 1, "retry_delay": float("nan")},
        {"retry_delay": 1},
        {"max_retries": 1, "retry_on": ValueError("an instance")},
        {"timeout": 0},
        {"max_loops": 0},
        {"trigger": "all_failed"},
        {"state_handlers": [5]},
    ],
    ids=str,
)
def test_f00_impossible_options_are_refused_where_the_task_is_written(options):
    with pytest.raises((TypeError, ValueError), match=list(options)[-1]):
        task(**options)(lambda: 1)
