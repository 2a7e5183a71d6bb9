"""A run that starts from states of an earlier one: `flow.run(task_states=...)`."""

from __future__ import annotations

import threading
from datetime import datetime, timezone

import pytest

from daskloop import Flow, context, flatten, task
from daskloop.engine.signals import FAIL, LOOP, PAUSE
from daskloop.engine.state import (
    Failed,
    Looped,
    Mapped,
    Paused,
    Pending,
    Running,
    Scheduled,
    Success,
    TriggerFailed,
)
from daskloop.errors import MapError, PayloadError
from tests.flows.test_submit import until
from tests.flows.traces import Trace


def test_c63_a_failed_loop_starts_again_at_the_iteration_it_failed_at(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=1)
    def loop(number):
        count = context.get("task_loop_count", 1)
        trace.note(number, count, context.get("task_loop_result"))
        if count == 3 and not (tmp_path / "mended").exists():
            raise FAIL("not yet")
        if count < 4:
            raise LOOP(result=number * count)
        return context.get("task_loop_result")

    with Flow("c63") as flow:
        ended = loop(7)
        children = loop.map([1, 2])
    state = flow.run(executor=executor)
    failed = state.result[ended]
    assert failed.is_failed() and failed.loop_count == 3 and failed.loop_payload == 14
    before = len(trace.notes())
    (tmp_path / "mended").touch()
    given = {ended: failed, children: state.result[children]}
    again = flow.run(executor=executor, task_states=given)
    assert again.is_successful()
    assert again.result[ended].result == 21 and again.result[children].result == [3, 6]
    assert sorted(trace.notes()[before:]) == [
        (1, 3, 2), (1, 4, 3), (2, 3, 4), (2, 4, 6), (7, 3, 14), (7, 4, 21),
    ]  # fmt: skip


def test_what_succeeded_is_not_run_again_and_can_be_mapped_over(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(nout=2)
    def make():
        trace.note("make")
        return [1, 2]

    @task
    def double(number):
        trace.note("double", number)
        return 2 * number

    @task
    def total(numbers, first):
        return sum(numbers) + first

    with Flow("given") as flow:
        made = make()
        doubled = double.map(made)
        end = total(doubled, made[0])
    state = flow.run(executor=executor, task_states={made: Success("earlier", [10, 20, 30])})
    assert state.result[end].result == 130
    assert ("make",) not in trace.notes()
    plain = flow.run(executor=executor)
    before = len(trace.notes())
    again = flow.run(executor=executor, task_states={doubled: plain.result[doubled]})
    assert again.result[end].result == 7
    assert trace.notes()[before:] == [("make",)]  # the others are run as always


def test_m05_a_map_that_is_given_one_success_can_be_mapped_over(executor):
    @task
    def double(number):
        return 2 * number

    @task
    def total(numbers):
        return sum(numbers)

    with Flow("given") as flow:
        doubled = double.map([1, 2])
        ends = [double.map(doubled), double.map(flatten(doubled)), total(doubled)]
        ends.append(total(flatten([doubled, [1]])))
    states = {doubled: Success("earlier", [10, 20, 30])}
    state = flow.run(executor=executor, task_states=states)
    assert [state.result[end].result for end in ends] == [[20, 40, 60], [20, 40, 60], 60, 61]


def test_a_looped_state_goes_on_after_its_iteration(executor):
    @task
    def loop():
        if context.get("task_loop_count", 1) < 5:
            raise LOOP(result=context.get("task_loop_result", 0) + 1)
        return context.get("task_loop_result"), context.get("task_loop_count")

    with Flow("looped") as flow:
        end = loop()
    looped = Looped("from elsewhere", {"not": "a number"}, loop_count=4)
    state = flow.run(executor=executor, task_states={end: looped})
    assert state.result[end].result == ({"not": "a number"}, 5)


def test_what_failed_without_a_loop_is_run_anew(executor):
    @task
    def works():
        return "worked"

    with Flow("anew") as flow:
        end = works()
    state = flow.run(executor=executor, task_states={end: Failed("before", ValueError())})
    assert state.result[end].result == "worked"


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
@pytest.mark.parametrize(
    "given",
    [
        Pending(),
        Running("under way"),
        Scheduled("later", start_time=datetime(2999, 1, 1, tzinfo=timezone.utc)),
        Paused("who says so?"),
        TriggerFailed("not yet"),
        Looped("of no iteration"),
    ],
    ids=lambda state: type(state).__name__,
)
def test_what_had_not_ended_and_handed_on_nothing_is_run_anew(executor, given):
    """`run.states` of a run that was given up holds such states."""

    @task
    def works(x):
        return x, context.get("task_loop_count"), context.get("task_loop_result")

    with Flow("anew") as flow:
        end, children = works(0), works.map([1, 2])
    between = Mapped(map_states=[given, Success("earlier", "kept")])
    state = flow.run(executor=executor, task_states={end: given, children: between})
    assert state.result[end].result == (0, None, None)
    assert state.result[children].result == [(1, None, None), "kept"]


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
def test_the_states_of_a_run_that_was_cancelled_are_what_another_one_starts_from(
    executor, tmp_path
):
    trace = Trace(tmp_path)

    @task
    def first():
        trace.note("first")
        return 1

    @task
    def wait(x):
        trace.note("wait")
        if not (tmp_path / "approved").exists():
            raise PAUSE("is it approved?")
        return x + 1

    with Flow("cancelled") as flow:
        one = first()
        end = wait(one)
    run = flow.submit(executor=executor)
    until(lambda: run.states[end].is_paused())
    before = run.states
    run.cancel()
    assert run.result(timeout=60).is_cancelled()
    (tmp_path / "approved").touch()
    for given in (before, run.states):
        state = flow.run(executor=executor, task_states=given)
        assert state.result[end].result == 2
    assert trace.notes() == [("first",), ("wait",), ("wait",), ("wait",)]


def test_a_map_that_is_given_another_number_of_children_is_told_so():
    """How many there are is known only when the task above has ended."""

    @task
    def double(x):
        return 2 * x

    with Flow("wide") as flow:
        doubled = double.map([1, 2])
        beside = double(3)
    given = Mapped(map_states=[Success("earlier", 2)] * 3)
    state = flow.run(executor="inline", task_states={doubled: given})
    assert isinstance(state.result[doubled].result, MapError)
    assert "task_states= says of 'double' that it has 3 children" in state.result[doubled].message
    assert state.result[beside].result == 6


def test_states_that_nothing_can_start_from_are_refused(tmp_path):
    @task
    def works():
        return 1

    with Flow("wrong") as flow:
        end = works()
    with pytest.raises(ValueError, match="no task of flow 'wrong'"):
        flow.run(executor="inline", task_states={works: Success("x", 1)})
    with pytest.raises(TypeError, match="no state"):
        flow.run(executor="inline", task_states={end: 5})
    with pytest.raises(ValueError, match="for 'works', which is not mapped"):
        flow.run(executor="inline", task_states={end: Mapped(map_states=[])})
    with pytest.raises(PayloadError, match="the result of 'works', which it was given by a state"):
        flow.run(executor="inline", task_states={end: Success("x", threading.Lock())})
    with pytest.raises(TypeError, match="give a dict"):
        flow.run(executor="inline", task_states=[end])
    with pytest.raises(ValueError, match="Leave one of them out"):
        flow.run(executor="inline", task_states={}, journal=tmp_path / "runs", resume=True)


def test_a_recorded_run_keeps_what_it_was_given(executor, tmp_path):
    @task
    def make():
        raise AssertionError("is given")

    @task
    def use(value):
        if not (tmp_path / "mended").exists():
            raise ValueError("not yet")
        return value

    with Flow("kept") as flow:
        made = make()
        end = use(made)
    journal = tmp_path / "runs"
    given = {made: Success("earlier", (1, 2))}
    assert flow.run(executor=executor, journal=journal, task_states=given).is_failed()
    (tmp_path / "mended").touch()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[end].result == (1, 2)
