"""Loops that fail after they have emitted something, and the maps that have grown by then."""

from __future__ import annotations

import pytest

from daskloop import Flow, again, emitted, flatten, loop_flow, task, unmapped
from daskloop.errors import IterationFailed
from daskloop.record.folder_journal import FolderJournal
from daskloop.triggers import (
    all_finished,
    all_successful,
    any_failed,
    any_successful,
    some_successful,
)
from tests.flows.traces import Trace


@task
def double(x):
    return 2 * x


@task
def total(xs):
    return sum(xs)


@task
def twice(x):
    return [x, x]


@task
def add(x, y):
    return x + y


@task
def fails(n=0, at=2):
    if n == at:
        raise ConnectionError("down")
    return again(n=n + 1, emit=n + 1) if n < 3 else None


def test_e04_a_loop_that_fails_later_has_emitted_what_it_has_and_fails_the_map(executor):
    @task
    def fails(n=0):
        if n == 2:
            raise ValueError("no")
        return again(n=n + 1, emit=n + 1)

    with Flow("streamed") as flow:
        loop = fails()
        doubled = double.map(emitted(loop))
    with Flow("taken whole") as whole:
        end = total(double.map(emitted(fails())))
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert [one.result for one in state.result[doubled].map_states] == [2, 4]
    assert whole.run(executor=executor).result[end].is_trigger_failed()


def over_one(grown):
    return grown


def over_two(grown):
    return double.map(grown)


def over_three(grown):
    return double.map(double.map(grown))


def flattened(grown):
    return double.map(flatten(twice.map(grown)))


def beside_a_list(grown):
    return add.map(grown, [1, 1, 1])


def of_two_loops(grown):
    return add.map(double.map(emitted(fails(at=None))), grown)


def after_another(grown):
    return double.map(unmapped(1), upstream_tasks=[grown])


def through_a_loop(grown):
    @task
    def once(x, again_too=True):
        return again(x=x, again_too=False, emit=x) if again_too else None

    return double.map(emitted(once.map(grown, unmapped(True))))


SHAPES = [
    over_one,
    over_two,
    over_three,
    flattened,
    beside_a_list,
    of_two_loops,
    after_another,
    through_a_loop,
]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=lambda one: one.__name__)


@shapes
@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
@pytest.mark.parametrize("mapped", [False, True], ids=["one loop", "mapped"])
def test_e04_it_fails_every_map_that_its_items_go_through(executor, shape, mapped):
    for at in (2, None):
        with Flow("grown") as flow:
            loop = fails.map(at=[None, at]) if mapped else fails(at=at)
            last = shape(double.map(emitted(loop)))
            end = total(last)
        state = flow.run(executor=executor)
        assert state.result[last].is_mapped()
        assert all(one.is_successful() for one in state.result[last].map_states)
        assert state.result[end].is_trigger_failed() == state.is_failed() == (at is not None)
        flow.set_reference_tasks([last])
        assert flow.run(executor=executor).is_failed() == (at is not None)


@shapes
@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
@pytest.mark.parametrize("trigger", [all_successful, any_successful])
def test_e04_a_resumed_run_has_what_it_would_have_had_at_once(executor, shape, trigger, tmp_path):
    trace = Trace(tmp_path)

    @task
    def breaks(n=0, whole=False):
        if n == 2 and not whole and trace.first("broken"):
            raise ConnectionError("down")
        return again(n=n + 1, whole=whole, emit=n + 1) if n < 3 else None

    @task
    def seen(x, whole=False):
        if not whole:
            trace.note(x)
        return x

    end = total.copy(trigger=trigger)
    with Flow("grown") as flow:
        loop = breaks()
        ended = end(shape(seen.map(emitted(loop))))
        flow.set_reference_tasks([ended, loop])
    with Flow("at once") as at_once:
        wanted = end(shape(seen.map(emitted(breaks(whole=True)), unmapped(True))))
    journal = tmp_path / "journal"
    assert flow.run(executor=executor, journal=journal).is_failed()
    (run,) = FolderJournal(journal).runs()
    assert run.status == "failed"
    state = flow.run(executor=executor, journal=journal, resume=run.header.run)
    assert state.is_successful()
    assert state.result[ended].result == at_once.run(executor="inline").result[wanted].result
    assert sorted(trace.notes()) == [(1,), (2,), (3,)]
    (run,) = FolderJournal(journal).runs()
    assert run.status == "success"


@pytest.mark.parametrize("shape", [over_one, over_two, flattened])
def test_e04_triggers_below_see_that_the_loop_failed(shape):
    def run(trigger, at):
        with Flow("grown") as flow:
            end = total.copy(trigger=trigger)(shape(double.map(emitted(fails(at=at)))))
        return flow.run(executor="inline").result[end]

    assert run(all_finished, at=2).is_successful()
    assert run(any_successful, at=2).is_successful()
    assert run(any_failed, at=2).is_successful()
    assert run(any_failed, at=None).is_trigger_failed()


def test_m06_a_loop_further_up_that_went_well_is_not_counted_beside_the_children():
    three = some_successful(at_least=3, at_most=3)
    with Flow("grown") as flow:
        end = total.copy(trigger=three)(over_two(double.map(emitted(fails(at=None)))))
    assert flow.run(executor="inline").result[end].is_successful()


def test_e04_m14_failures_that_the_loop_tolerates_do_not_count_further_down():
    with Flow("grown") as flow:
        end = total(over_two(double.map(emitted(fails.copy(tolerate=1).map(at=[2, None])))))
    state = flow.run(executor="inline")
    assert state.is_successful() and state.result[end].result == 4 * (1 + 2 + 1 + 2 + 3)


@pytest.mark.parametrize("shape", [over_one, over_two, flattened])
@pytest.mark.parametrize("taken", [False, True], ids=["last", "taken whole"])
def test_e04_g04_in_a_body_it_fails_the_iteration_by_name(executor, shape, taken):
    @loop_flow
    def rounds(n=1):
        last = shape(double.map(emitted(fails())))
        return again(n=total(last) if taken else n + 1).until(n >= 2)

    with Flow("rounds") as flow:
        end = rounds()
    result = flow.run(executor=executor).result[end].result
    assert isinstance(result, IterationFailed)
    assert "rounds@1/fails failed: Unexpected error: ConnectionError('down')" in str(result)
