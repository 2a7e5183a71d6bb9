"""Resuming: what is recorded is never run again, the rest goes on as if nothing had happened."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from daskloop import (
    Flow,
    Parameter,
    Task,
    again,
    context,
    flatten,
    loop_flow,
    task,
    triggers,
    unmapped,
)
from daskloop.engine import signals
from daskloop.engine.signals import FAIL, LOOP, RETRY, SKIP, SUCCESS
from daskloop.engine.state import Failed, Looped, Success
from daskloop.errors import JournalError, ResumeError, RunLocked
from daskloop.events import RunEnded
from daskloop.flow.begin import begin
from daskloop.flow.options import checked_options
from daskloop.record.folder_journal import FolderJournal
from daskloop.record.ledger import SqliteLedger
from daskloop.run import register
from tests.flows.traces import Sightings, Trace, on_clusters, one_by_one

here = pytest.mark.parametrize("executor", ["inline"], indirect=True)
"""Runs a test in the calling thread only: what it shows is decided in the driver."""


class Stopper:
    """A state handler that stops its run, once, when it sees a state that it waits for."""

    def __init__(self, when):
        self.when = when
        self.run = None
        self.known = threading.Event()

    def __call__(self, task, old_state, new_state):
        self.known.wait(30)
        if self.run is not None and self.when(new_state):
            self.run.stop("by the test")
            self.run = None


def at(iteration):
    """Make a stopper that waits for the end of an iteration."""
    return Stopper(lambda state: state.is_looped() and state.loop_count == iteration)


def stopped(flow, stopper, executor, journal, **values):
    """Run a flow until its stopper stops it; return the name of the run, and its state."""
    stopper.known.clear()
    run = begin(flow, None, values, checked_options(executor=executor, journal=journal))
    stopper.run = run
    stopper.known.set()
    state = run.result()
    assert state.is_cancelled()
    return run.name, state


def runs_of(journal):
    return FolderJournal(journal).runs()


def newest(journal):
    return runs_of(journal)[0].header.run


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def trace(tmp_path):
    return Trace(tmp_path)


# Which run is continued


def counting(trace, handler, last=4, **options):
    """Write a flow with one loop; its result is the list of its iterations."""

    @task(state_handlers=[handler], **options)
    def count():
        number = context.get("task_loop_count", 1)
        trace.note(number)
        seen = [*context.get("task_loop_result", []), number]
        if number < last:
            raise LOOP(f"at {number}", seen)
        return seen

    with Flow("counting") as flow:
        counted = count()
    return flow, counted


def test_resume_true_continues_the_newest_run_that_did_not_end_well(executor, journal, trace):
    stopper = at(2)
    flow, counted = counting(trace, stopper)
    run, _ = stopped(flow, stopper, executor, journal)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[counted].result == [1, 2, 3, 4]
    assert trace.notes() == [(1,), (2,), (3,), (4,)]
    assert [one.header.run for one in runs_of(journal)] == [run]


@here
def test_resume_true_begins_a_run_if_there_is_none(executor, journal, trace):
    flow, counted = counting(trace, Sightings())
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[counted].result == [1, 2, 3, 4]


@here
def test_f11_resume_true_says_which_runs_it_cannot_read(executor, journal, trace, caplog):
    """Whoever starts a script again and again must learn why all of it is made again."""
    stopper = at(2)
    flow, counted = counting(trace, stopper)
    run, _ = stopped(flow, stopper, executor, journal)
    file = journal / run / "run.sqlite"
    os.truncate(file, 5000)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[counted].result == [1, 2, 3, 4]
    assert trace.notes() == [(1,), (2,), (1,), (2,), (3,), (4,)]
    (said,) = [one.getMessage() for one in caplog.records if "cannot be read" in one.getMessage()]
    assert run in said and "'counting'" in said and str(file) in said


@here
def test_resume_true_begins_a_run_if_the_newest_ended_well(executor, journal, trace):
    flow, _ = counting(trace, Sightings(), last=1)
    flow.run(executor=executor, journal=journal)
    flow.run(executor=executor, journal=journal, resume=True)
    assert trace.notes() == [(1,), (1,)]
    assert len(runs_of(journal)) == 2


@here
def test_resume_true_continues_an_unfinished_run_though_a_later_one_ended_well(
    executor, journal, trace
):
    stopper = at(2)
    flow, counted = counting(trace, stopper)
    run, _ = stopped(flow, stopper, executor, journal)
    assert flow.run(executor=executor, journal=journal).is_successful()
    before = len(trace.notes())
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[counted].result == [1, 2, 3, 4]
    assert trace.notes()[before:] == [(3,), (4,)]
    ended = {one.header.run: one.status for one in runs_of(journal)}
    assert len(ended) == 2 and ended[run] == "success"


@here
def test_resume_true_passes_by_runs_of_other_parameters_and_other_flows(executor, journal, trace):
    @task
    def once(number):
        trace.note(number)
        if trace.first(number):
            raise ValueError(number)
        return number

    with Flow("ones") as flow:
        once(Parameter("number"))
    with Flow("others") as other:
        once(Parameter("number"))
    flow.run(number=1, executor=executor, journal=journal)
    first = newest(journal)
    assert flow.run(number=2, executor=executor, journal=journal, resume=True).is_failed()
    assert other.run(number=1, executor=executor, journal=journal, resume=True).is_successful()
    assert len(runs_of(journal)) == 3
    assert flow.run(number=1, executor=executor, journal=journal, resume=True).is_successful()
    by_name = {one.header.run: one.status for one in runs_of(journal)}
    assert sorted(by_name.values()) == ["failed", "success", "success"]
    assert by_name[first] == "success"


def test_a_run_is_resumed_by_its_name_with_its_recorded_parameters(executor, journal, trace):
    stopper = Stopper(lambda state: state.is_looped())

    @task(state_handlers=[stopper])
    def add(values, more):
        trace.note(context.get("task_loop_count", 1))
        if "task_loop_result" not in context:
            raise LOOP(result=sum(values))
        return context.task_loop_result + more

    with Flow("adding") as flow:
        added = add(Parameter("values"), Parameter("more", default=1))
    run, _ = stopped(flow, stopper, executor, journal, values=[1, 2, 3], more=10)
    flow.run(values=[9], executor=executor, journal=journal)  # a newer one
    state = flow.run(executor=executor, journal=journal, resume=run)
    assert state.result[added].result == 16


@here
def test_a_parameter_of_a_class_whose_bytes_differ_is_taken_from_the_record(executor, journal):
    class Rates:
        def __init__(self):
            self.made = time.time_ns()

    stopper = Stopper(lambda state: state.is_running())

    @task(state_handlers=[stopper])
    def use(rates):
        return rates.made

    with Flow("rates") as flow:
        used = use(Parameter("rates"))
    rates = Rates()
    run, _ = stopped(flow, stopper, executor, journal, rates=rates)
    state = flow.run(executor=executor, journal=journal, resume=run)
    assert state.result[used].result == rates.made


def test_a_run_that_ended_well_gives_its_states_at_once(executor, journal, trace):
    seen = Sightings()
    flow, counted = counting(trace, seen)

    @task(on_failure=lambda task, state: seen.states.append(state))
    def fine(value):
        trace.note("fine")
        return value

    with flow:
        taken = fine.map(counted)
    first = flow.run(executor=executor, journal=journal)
    assert first.is_successful()
    sights, notes = len(seen.states), trace.notes()
    again = flow.run(executor=executor, journal=journal, resume=newest(journal))
    assert again.is_successful()
    assert again.result[counted].result == [1, 2, 3, 4]
    assert again.result[counted].loop_count == 4
    assert again.result[taken].result == [1, 2, 3, 4]
    assert len(seen.states) == sights
    assert trace.notes() == notes


@here
def test_a_name_that_no_run_has_is_refused_and_the_nearest_named(executor, journal, trace):
    flow, _ = counting(trace, Sightings(), last=1)
    with pytest.raises(JournalError, match="no-such-run"):
        flow.run(executor=executor, journal=journal, resume="no-such-run")
    flow.run(executor=executor, journal=journal)
    run = newest(journal)
    with pytest.raises(JournalError, match=run):
        flow.run(executor=executor, journal=journal, resume=run[:-1])


@here
@pytest.mark.parametrize("resume", [True, "quiet-heron-7f3a9c12"])
def test_resume_without_a_journal_says_what_is_missing(executor, trace, resume):
    flow, _ = counting(trace, Sightings(), last=1)
    with pytest.raises(ResumeError, match="journal="):
        flow.run(executor=executor, resume=resume)
    assert trace.notes() == []


@here
def test_a_run_of_another_flow_is_refused(executor, journal, trace):
    flow, _ = counting(trace, Sightings(), last=1)
    flow.run(executor=executor, journal=journal)
    with Flow("other") as other:
        task(lambda: 1)()
    run = newest(journal)
    with pytest.raises(ResumeError, match="of flow 'counting', not 'other'"):
        other.run(executor=executor, journal=journal, resume=run)
    flow.run(executor=executor, journal=journal, resume=run)  # it was let go again


@here
def test_a_run_that_another_thread_drives_is_refused_at_once(executor, journal, trace):
    @task
    def slow():
        trace.note("begun")
        assert trace.wait_for("go on")

    with Flow("slow") as flow:
        slow()
    driving = threading.Thread(target=flow.run, kwargs={"executor": executor, "journal": journal})
    driving.start()
    try:
        assert trace.wait_for("begun")
        for resume in (True, newest(journal)):
            begun = time.monotonic()
            with pytest.raises(RunLocked, match=f"process {os.getpid()} on .*, since"):
                flow.run(executor=executor, journal=journal, resume=resume)
            assert time.monotonic() - begun < 1
    finally:
        trace.note("go on")
        driving.join()
    assert [one.status for one in runs_of(journal)] == ["success"]


@here
def test_one_flow_runs_many_times_at_once_in_one_journal(executor, journal):
    @task
    def double(number):
        return 2 * number

    with Flow("doubles") as flow:
        doubled = double.map(Parameter("numbers"))
    found = {}

    def run(number):
        state = flow.run(numbers=[number] * 3, executor=executor, journal=journal)
        found[number] = state.result[doubled].result

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == {number: [2 * number] * 3 for number in range(4)}
    assert [one.status for one in runs_of(journal)] == ["success"] * 4


@here
def test_a_run_that_could_not_start_is_let_go(executor, journal):
    with Flow("locked") as flow:
        task(lambda value: value)(Parameter("value"))
    with pytest.raises(TypeError):
        flow.run(value=threading.Lock(), executor=executor, journal=journal)
    with pytest.raises(ResumeError, match="value"):
        flow.run(value=1, executor=executor, journal=journal, resume=newest(journal))


@here
def test_a_run_that_a_handler_of_the_flow_refused_can_be_resumed(executor, journal):
    refused = []

    def refuse(flow, old, new):
        if new.is_running() and not refused:
            refused.append(new)
            return Failed("not today")
        return None

    with Flow("refused", state_handlers=[refuse]) as flow:
        one = task(lambda: 1)()
    assert flow.run(executor=executor, journal=journal).is_failed()
    assert flow.run(executor=executor, journal=journal, resume=True).result[one].result == 1


@here
@pytest.mark.parametrize(("value", "given"), [(1, Failed("not today")), (0, Success("all right"))])
def test_l08_what_a_handler_of_the_flow_makes_of_the_end_is_recorded_and_told(
    executor, journal, value, given
):
    told = []

    class Listener:
        def hear(self, event):
            if isinstance(event, RunEnded):
                told.append(event.state)

    def decide(flow, old, new):
        return type(given)(given.message) if new.is_finished() else None

    with Flow("decided", state_handlers=[decide]) as flow:
        task(lambda x: 1 / x)(value)
    state = flow.run(executor=executor, journal=journal, notify=[Listener()])
    assert type(state) is type(given) and state.message == given.message
    (summary,) = runs_of(journal)
    assert summary.status == ("failed" if given.is_failed() else "success")
    assert summary.message == given.message
    assert [(type(one), one.message) for one in told] == [(type(given), given.message)]
    again = flow.run(executor=executor, journal=journal, resume=summary.header.run)
    assert type(again) is type(given)


@here
def test_a_stopped_run_stays_one_that_can_go_on_whatever_a_handler_of_the_flow_says(
    executor, journal
):
    stopped = []

    def stop(task, old, new):
        if new.is_looped() and not stopped:
            stopped.append(new)
            assert submitted.wait(30)
            going[0].cancel()

    def decide(flow, old, new):
        return Failed("not today") if new.is_cancelled() else None

    @task(state_handlers=[stop])
    def loop():
        count = context.get("task_loop_result", 0) + 1
        if count < 4:
            raise LOOP(result=count)
        return count

    with Flow("halted", state_handlers=[decide]) as flow:
        end = loop()
    going, submitted = [], threading.Event()
    going.append(flow.submit(executor=executor, journal=journal))
    submitted.set()
    assert going[0].result(60).message == "not today"
    (summary,) = runs_of(journal)
    assert summary.status == "stopped"
    assert flow.run(executor=executor, journal=journal, resume=True).result[end].result == 4


# Failed runs


def test_a_failed_run_goes_on_at_the_failed_iteration_with_new_retries(executor, journal, trace):
    @task(max_retries=1)
    def loop(number):
        count = context.get("task_loop_count", 1)
        trace.note(number, count, context.task_run_count)
        if number == 1 and count == 2 and not trace.wait_for("mended", seconds=0):
            raise ValueError("not yet")
        if count < 3:
            raise LOOP(result=context.get("task_loop_result", 0) + number)
        return context.task_loop_result + number

    @task
    def total(values):
        trace.note("total")
        return sum(values)

    with Flow("mending") as flow:
        loops = loop.map([0, 1, 2])
        answer = total(loops)
    first = flow.run(executor=executor, journal=journal)
    assert first.is_failed() and first.result[answer].is_trigger_failed()
    before = trace.notes()
    assert before.count((1, 2, 1)) == before.count((1, 2, 2)) == 1
    again = flow.run(executor=executor, journal=journal, resume=True)
    assert again.is_failed()
    assert trace.notes()[len(before) :] == [(1, 2, 1), (1, 2, 2)]
    trace.note("mended")
    last = flow.run(executor=executor, journal=journal, resume=True)
    assert last.is_successful()
    assert last.result[loops].result == [0, 3, 6]
    assert last.result[answer].result == 9
    assert trace.notes()[len(before) + 3 :] == [(1, 2, 1), (1, 3, 1), ("total",)]
    assert len(runs_of(journal)) == 1


@here
def test_what_took_a_failure_is_decided_again_even_if_it_failed_itself(executor, journal, trace):
    """The second loop worked on the first task's failure: none of its iterations holds."""

    @task
    def make():
        if trace.first("make"):
            raise ValueError("no")
        return 5

    @task(trigger=triggers.all_finished)
    def use(value):
        found = [*context.get("task_loop_result", []), str(value)]
        if len(found) < 3:
            raise LOOP(result=found)
        if trace.first("use"):
            raise KeyError("no")
        return found

    with Flow("both") as flow:
        used = use(make())
    assert flow.run(executor=executor, journal=journal).is_failed()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[used].result == ["5", "5", "5"]


@here
def test_a_map_that_failed_as_a_whole_is_opened_again(executor, journal, trace):
    @task
    def numbers():
        return 7 if trace.first() else [1, 2, 3]

    @task
    def double(number):
        trace.note(number)
        return 2 * number

    with Flow("opening") as flow:
        made = numbers()
        doubled = double.map(made)
    assert flow.run(executor=executor, journal=journal).result[doubled].is_failed()
    state = flow.run(executor=executor, journal=journal, resume=True, only="numbers")
    assert state.result[doubled].result == [2, 4, 6]
    assert trace.notes() == [(1,), (2,), (3,)]


@here
def test_a_run_that_was_resumed_many_times_ends_like_an_unbroken_one(executor, journal, trace):
    flow, counted = counting(trace, Sightings(), last=6)
    for iteration in (1, 2, 4):
        stopper = at(iteration)
        flow, counted = counting(trace, stopper, last=6)
        stopper.known.clear()
        run = begin(
            flow, None, {}, checked_options(executor=executor, journal=journal, resume=True)
        )
        stopper.run = run
        stopper.known.set()
        assert run.result().is_cancelled()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[counted].result == [1, 2, 3, 4, 5, 6]
    assert trace.notes() == [(number,) for number in range(1, 7)]


@pytest.mark.parametrize("then", ["inline", "threads"])
def test_a_run_goes_on_on_another_executor(executor, then, journal, trace, threads_client):
    stopper = at(2)
    flow, counted = counting(trace, stopper)
    stopped(flow, stopper, executor, journal)
    place = "inline" if then == "inline" else threads_client
    state = flow.run(executor=place, journal=journal, resume=True)
    assert state.result[counted].result == [1, 2, 3, 4]
    assert trace.notes() == [(1,), (2,), (3,), (4,)]


# Retries


def test_the_retry_budget_goes_on_after_an_interruption(executor, journal, trace):
    stopper = Stopper(lambda state: state.is_retrying())
    seen = Sightings()

    @task(max_retries=2, state_handlers=[stopper, seen])
    def fails():
        trace.note(context.task_run_count, context.idempotency_key)
        raise ValueError(context.task_run_count)

    with Flow("failing") as flow:
        failed = fails()
    run, _ = stopped(flow, stopper, executor, journal)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert str(state.result[failed].result) == "3"
    key = f"{run}/fails-1@1"
    assert trace.notes() == [(1, key), (2, key), (3, key)]


@on_clusters
def test_a_waiting_retry_waits_out_what_is_left_of_its_delay(executor, journal, trace):
    seen = Sightings()
    stopper = Stopper(lambda state: state.is_retrying())

    @task(max_retries=1, retry_delay=0.8, state_handlers=[seen, stopper])
    def once():
        trace.note(context.task_run_count, time.time())
        if context.task_run_count == 1:
            raise ValueError("no")

    with Flow("waiting") as flow:
        once()
    stopped(flow, stopper, executor, journal)
    assert flow.run(executor=executor, journal=journal, resume=True).is_successful()
    (_, first), (tried, second) = trace.notes()
    assert tried == 2
    assert 0.8 <= second - first < 1.5


@here
def test_an_interrupted_attempt_is_made_again_as_the_same_attempt(executor, journal, trace):
    @task(max_retries=1)
    def broken_off():
        trace.note(context.get("task_loop_count"), context.task_run_count, context.idempotency_key)
        if "task_loop_count" not in context:
            raise LOOP(result="payload")
        if trace.first():
            raise KeyboardInterrupt
        return context.task_loop_result

    with Flow("broken") as flow:
        one = broken_off()
    with pytest.raises(KeyboardInterrupt):
        flow.run(executor=executor, journal=journal)
    (summary,) = runs_of(journal)
    assert summary.status == "interrupted"
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[one].result == "payload"
    key = f"{summary.header.run}/broken_off-1"
    assert trace.notes() == [
        (None, 1, f"{key}@1"),
        (2, 1, f"{key}@2"),
        (2, 1, f"{key}@2"),
    ]


@here
def test_an_interrupted_attempt_that_is_at_most_once_is_crashed(executor, journal, trace):
    @task(at_most_once=True, max_retries=2)
    def once():
        trace.note("called")
        raise KeyboardInterrupt

    with Flow("once") as flow:
        one = once()
    with pytest.raises(KeyboardInterrupt):
        flow.run(executor=executor, journal=journal)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[one].is_crashed()
    assert "at_most_once" in state.result[one].message
    assert trace.notes() == [("called",)]


def test_a_start_time_of_a_retry_signal_is_kept(executor, journal, trace):
    stopper = Stopper(lambda state: state.is_retrying())
    start = datetime.now(timezone.utc) + timedelta(seconds=0.7)

    @task(state_handlers=[stopper])
    def later():
        trace.note(time.time())
        if context.task_run_count == 1:
            raise RETRY("later", start_time=start)
        return context.task_run_count

    with Flow("later") as flow:
        done = later()
    stopped(flow, stopper, executor, journal)
    assert flow.run(executor=executor, journal=journal, resume=True).result[done].result == 2
    assert trace.notes()[1][0] >= start.timestamp() - 0.002


# Values


class Thing:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return type(other) is Thing and other.value == self.value

    __hash__ = None


VALUES = {
    "zero": 0,
    "false": False,
    "empty list": [],
    "empty dict": {},
    "none": None,
    "tuple": (1, (2, [3])),
    "not a number": float("nan"),
    "bytes": b"\0\xff",
    "surrogate": "\ud800",
    "digits": 10**5000,
    "array": np.arange(12.0).reshape(3, 4),
    "object": Thing({"a": 1}),
    "large": b"x" * 200_000,
    "large array": np.arange(50_000),
    "set": {1, 2, 3},
    "numpy scalar": np.float32(1.5),
}


def same(found, wanted):
    if isinstance(wanted, np.ndarray):
        return type(found) is np.ndarray and bool(np.array_equal(found, wanted))
    if wanted != wanted:
        return bool(found != found)
    return type(found) is type(wanted) and bool(found == wanted)


@pytest.mark.parametrize("executor", ["inline", "processes"], indirect=True)
def test_payloads_and_results_come_back_exactly(executor, journal, trace):
    stopper = Stopper(lambda state: state.is_running())

    @task
    def give(name):
        trace.note(name)
        if "task_loop_result" not in context:
            raise LOOP(result=VALUES[name])
        assert same(context.task_loop_result, VALUES[name])
        return context.task_loop_result

    @task(state_handlers=[stopper])
    def check(names, values):
        pairs = zip(names, values, strict=True)
        return [name for name, value in pairs if not same(value, VALUES[name])]

    with Flow("values") as flow:
        values = give.map(list(VALUES))
        wrong = check(list(VALUES), values)
    stopped(flow, stopper, executor, journal)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[wrong].result == []
    assert all(map(same, state.result[values].result, VALUES.values()))
    assert len(trace.notes()) == 2 * len(VALUES)


@pytest.mark.parametrize("executor", ["inline", "processes"], indirect=True)
def test_a_payload_waits_in_the_journal_for_the_iteration_that_needs_it(executor, journal, trace):
    stopper = at(1)

    @task(state_handlers=[stopper])
    def give(name):
        if "task_loop_result" not in context:
            raise LOOP(result=VALUES[name])
        trace.note(name, same(context.task_loop_result, VALUES[name]))
        return context.task_loop_result

    with Flow("waiting") as flow:
        values = give.map(list(VALUES))
    stopped(flow, stopper, executor, journal)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert all(map(same, state.result[values].result, VALUES.values()))
    assert {name for name, right in trace.notes() if right} == set(VALUES)


def damage_removed(path):
    path.unlink()


def damage_cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def damage_flipped(path):
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [damage_removed, damage_cut, damage_flipped])
def test_a_damaged_payload_fails_its_loop_and_is_never_used(executor, journal, trace, damage):
    stopper = at(2)

    @task(state_handlers=[stopper])
    def loop():
        trace.note(context.get("task_loop_count", 1))
        if context.get("task_loop_count", 1) < 3:
            raise LOOP(result=np.arange(50_000))
        return 1

    with Flow("damaged") as flow:
        looped = loop()
    run, _ = stopped(flow, stopper, executor, journal)
    (path,) = [
        one
        for one in (journal / run / "payloads").iterdir()
        if one.stat().st_size > 100_000 and "driver" not in one.name
    ][-1:]
    before = trace.notes()
    for one in (journal / run / "payloads").iterdir():
        if one.stat().st_size > 100_000:
            damage(one)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[looped].is_failed()
    assert "the payload of iteration 2 of 'loop'" in state.result[looped].message
    assert str(path.parent) in state.result[looped].message
    helps = "resume the run with only='loop' and from_iteration=1, or up to 2 where the payload"
    assert helps in state.result[looped].message
    assert trace.notes() == before
    options = {"resume": True, "only": "loop", "from_iteration": 1}
    assert flow.run(executor=executor, journal=journal, **options).result[looped].result == 1


@here
def test_g07_a_loop_in_a_body_goes_on_from_its_large_payload(executor, journal, trace):
    @task
    def inner(x, data=None):
        trace.note(x, data is None)
        if data is None:
            return again(x=x, data=np.arange(50_000))
        if x == 1 and trace.first("failed"):
            raise ValueError("no")
        return x + 1

    @loop_flow
    def outer(x=0):
        return again(x=inner(x)).until(x >= 2, result=x)

    with Flow("large") as flow:
        end = outer()
    assert flow.run(executor=executor, journal=journal).is_failed()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[end].result == 2
    calls = [(0, True), (0, False), (1, True), (1, False), (1, False), (2, True), (2, False)]
    assert trace.notes() == calls  # the iteration that handed on the payload is not done again
    assert not list((journal / newest(journal) / "payloads").iterdir())


@here
def test_of_a_damaged_payload_in_a_body_it_is_said_how_to_go_without_it(executor, journal, trace):
    @task
    def inner(x, data=None):
        if data is None:
            return again(x=x, data=np.arange(50_000))
        if trace.first("failed"):
            raise ValueError("no")
        return x + 1

    @loop_flow
    def outer(x=0):
        return again(x=inner(x)).until(x >= 2, result=x)

    with Flow("damaged") as flow:
        end = outer.map(x=[0, 0])
    flow.run(executor=executor, journal=journal)
    for one in (journal / newest(journal) / "payloads").iterdir():
        damage_flipped(one)
    state = flow.run(executor=executor, journal=journal, resume=True).result[end]
    text = str(state.map_states[0].result)
    assert "the payload of iteration 1 of 'inner'" in text
    assert text.endswith("resume the run with only='outer-1[0]' and from_iteration=1")
    options = {"resume": True, "only": "outer[0]", "from_iteration": 1}
    assert flow.run(executor=executor, journal=journal, **options).result[end].result == [2, 2]


@here
def test_a_payload_that_is_damaged_between_two_resumes_is_found(executor, journal, trace):
    @task
    def loop():
        if "task_loop_result" not in context:
            raise LOOP(result=np.arange(50_000))
        found = int(context.task_loop_result[-1])
        trace.note(found)
        if not trace.wait_for("mended", seconds=0):
            raise ValueError("no")
        return found

    with Flow("damaged") as flow:
        loop()
    flow.run(executor=executor, journal=journal)
    assert flow.run(executor=executor, journal=journal, resume=True).is_failed()
    for one in (journal / newest(journal) / "payloads").iterdir():
        damage_flipped(one)
    trace.note("mended")
    flow.run(executor=executor, journal=journal, resume=True)
    assert {note for note in trace.notes() if note != ("mended",)} == {(49_999,)}


# Maps, triggers, skips


def test_everything_a_flow_is_made_of_stands_as_it_was(executor, journal, trace):
    stopper = Stopper(lambda state: state.is_running())

    @task
    def number(x):
        trace.note("number", x)
        return x

    @task(nout=2)
    def pair(x):
        trace.note("pair")
        return [x, -x], {"k": x}

    @task
    def skip_two(x):
        trace.note("skip_two", x)
        if x == 2:
            raise SKIP("not two")
        return x

    @task
    def bad(x):
        trace.note("bad", x)
        raise FAIL("bad", result={"x": x})

    @task(skip_on_upstream_skip=False, trigger=triggers.any_successful)
    def collect(values):
        trace.note("collect")
        return [one for one in values if isinstance(one, int)]

    @task(trigger=triggers.all_finished, state_handlers=[stopper], skip_on_upstream_skip=False)
    def end(a, b, c, d, e, f, g, h):
        trace.note("end")
        return [a, b, c, d, e, f, g]

    with Flow("everything") as flow:
        numbers = number.map([1, 2, 3])
        skipped = skip_two.map(numbers)
        first, second = pair(5)
        flat = number.map(flatten([first, [7]]))
        item = second["k"]
        empty = number.map([])
        failed = bad(item)
        after = number(failed)
        collected = collect(skipped)
        with_both = number.map(numbers, upstream_tasks=[unmapped(first)])
        ended = end(numbers, collected, flat, item, empty, failed, with_both, after)
    stopped(flow, stopper, executor, journal)
    before = trace.notes()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert trace.notes()[len(before) :] == [("end",)]
    values = state.result[ended].result
    assert values[:5] == [[1, 2, 3], [1, 3], [5, -5, 7], 5, []]
    assert values[6] == [1, 2, 3]
    unbroken = flow.run(executor=executor)
    assert shown(state, flow, but=ended) == shown(unbroken, flow, but=ended)
    assert [type(one).__name__ for one in state.result[skipped].map_states] == [
        "Success",
        "Skipped",
        "Success",
    ]
    assert state.result[failed].result == {"x": 5}
    assert state.result[empty].is_mapped() and state.result[empty].result == []


def shown(state, flow, but=None):
    """Write all states of a run as plain data."""
    return {flow.slugs[one]: plain(state.result[one]) for one in flow.tasks if one is not but}


def plain(state):
    children = [plain(one) for one in getattr(state, "map_states", None) or ()]
    found = () if children else (type(state.result).__name__, repr(state.result))
    loop = (state.loop_count, state.loop_messages, state.loop_payload)
    return (type(state).__name__, state.message, found, loop, children)


def test_states_are_those_of_an_unbroken_run(executor, journal, trace):
    stopper = Stopper(lambda state: state.is_running())

    @task
    def loops(last):
        count = context.get("task_loop_count", 1)
        if count < 5:
            raise LOOP(f"at {count}", {"count": count})
        if last == "fails":
            raise ValueError(count)
        if last == "succeeds":
            raise SUCCESS("early", result=count)
        if last == "skips":
            raise SKIP("done", result=count)
        if last == "gives up":
            raise FAIL("given up", result=count)
        if last == "leaves":
            raise SystemExit(3)
        if last == "refuses":
            raise signals.TRIGGERFAIL("refused")
        return count

    @task
    def follows(value):
        return value

    @task(trigger=triggers.all_finished, state_handlers=[stopper], skip_on_upstream_skip=False)
    def end(values):
        return len(values)

    ways = ["returns", "fails", "succeeds", "skips", "gives up", "leaves", "refuses"]
    with Flow("ways") as flow:
        looped = loops.map(ways)
        follow = follows.map(looped)
        ended = end(follow)
    stopped(flow, stopper, executor, journal)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert shown(state, flow, but=ended) == shown(flow.run(executor=executor), flow, but=ended)
    failed = state.result[looped].map_states[1]
    assert failed.loop_count == 5
    assert failed.loop_payload == {"count": 4}
    assert failed.loop_messages == ("at 2", "at 3", "at 4")
    assert isinstance(failed.result, ValueError)


def test_what_handlers_changed_is_what_is_recorded(executor, journal, trace):
    stopper = Stopper(lambda state: state.is_running())

    def change(task, old, new):
        if new.is_looped():
            new.result = new.result + 100
        elif new.is_successful():
            return Success("changed", result=[new.result])
        return None

    def rescue(task, old, new):
        return Success("rescued", result=7) if new.is_failed() else None

    def condemn(task, old, new):
        return Failed("no good") if new.is_successful() else None

    def end_early(task, old, new):
        return Success("enough", result="early") if new.is_looped() else None

    @task(state_handlers=[change])
    def changed():
        trace.note("changed", context.get("task_loop_result"))
        if "task_loop_result" not in context:
            raise LOOP(result=1)
        return context.task_loop_result

    @task(state_handlers=[rescue])
    def rescued():
        trace.note("rescued")
        raise ValueError("no")

    @task(state_handlers=[condemn])
    def condemned():
        trace.note("condemned")
        return 1

    @task(state_handlers=[end_early])
    def ended_early():
        trace.note("early")
        raise LOOP(result=1)

    @task(trigger=triggers.all_finished, state_handlers=[stopper])
    def end(a, b, c, d):
        return [a, b, d]

    with Flow("handled") as flow:
        tasks = [changed(), rescued(), condemned(), ended_early()]
        ended = end(*tasks)
    stopped(flow, stopper, executor, journal)
    before = trace.notes()
    assert len(before) == 5
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert trace.notes() == before
    assert state.result[ended].result == [[101], 7, "early"]
    assert shown(state, flow, but=ended) == shown(flow.run(executor=executor), flow, but=ended)


@here
def test_an_exception_that_a_handler_put_there_is_what_is_recorded(executor, journal):
    stopper = Stopper(lambda state: state.is_running())

    def replace(task, old, new):
        return Failed("mine", KeyError("mine")) if new.is_failed() else None

    @task(state_handlers=[replace])
    def bad():
        raise ValueError("its own")

    @task(trigger=triggers.all_finished, state_handlers=[stopper])
    def end(value):
        return repr(value)

    with Flow("replaced") as flow:
        failed = bad()
        end(failed)
    stopped(flow, stopper, executor, journal)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert isinstance(state.result[failed].result, KeyError)


@here
def test_states_of_classes_of_the_user_come_back_as_the_nearest_of_ours(executor, journal):
    class Mine(Success):
        pass

    class Turned(Looped):
        pass

    stopper = Stopper(lambda state: state.is_running())

    def own(task, old, new):
        if new.is_looped():
            return Turned(new.message, new.result + 1, loop_count=new.loop_count)
        return Mine("mine", new.result) if type(new) is Success else None

    @task(state_handlers=[own])
    def loop():
        if "task_loop_result" not in context:
            raise LOOP(result=1)
        return context.task_loop_result

    @task(state_handlers=[stopper])
    def end(value):
        return value

    with Flow("own") as flow:
        looped = loop()
        ended = end(looped)
    stopped(flow, stopper, executor, journal)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert type(state.result[looped]) is Success
    assert (state.result[looped].message, state.result[ended].result) == ("mine", 2)


def test_an_exception_that_does_not_pickle_is_kept_in_words(executor, journal):
    stopper = Stopper(lambda state: state.is_running())

    class LockedError(Exception):
        def __init__(self, text):
            super().__init__(text)
            self.lock = threading.Lock()

    @task
    def bad():
        raise LockedError("held")

    @task(trigger=triggers.all_finished, state_handlers=[stopper])
    def end(value):
        return repr(value)

    with Flow("words") as flow:
        failed = bad()
        ended = end(failed)
    stopped(flow, stopper, executor, journal)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert "LockedError" in state.result[failed].message
    assert str(state.result[failed].result).endswith("LockedError: held")
    assert "LockedError" in state.result[ended].result


@here
def test_a_handler_that_raised_failed_its_task_for_good(executor, journal, trace):
    def broken(task, old, new):
        if new.is_successful() and trace.first():
            raise RuntimeError("broken")

    @task(state_handlers=[broken])
    def fine():
        trace.note("called")
        return 1

    with Flow("broken") as flow:
        one = fine()
    state = flow.run(executor=executor, journal=journal)
    assert "broken" in state.result[one].message
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[one].result == 1
    assert trace.notes() == [("called",), ("called",)]


@here
def test_tasks_of_one_name_and_of_explicit_slugs_are_told_apart(executor, journal, trace):
    stopper = Stopper(lambda state: state.is_running())

    @task
    def one(x):
        trace.note(x)
        return x

    @task(state_handlers=[stopper])
    def end(values):
        return values

    with Flow("twins") as flow:
        twins = [one(1), one(2), one(3, task_args={"slug": "third"})]
        ended = end(twins)
    stopped(flow, stopper, executor, journal)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[ended].result == [1, 2, 3]
    assert trace.notes() == [(1,), (2,), (3,)]


@here
def test_dependencies_without_data_are_kept(executor, journal, trace):
    stopper = Stopper(lambda state: state.is_running())

    @task
    def first():
        trace.note("first")

    @task(state_handlers=[stopper])
    def second():
        trace.note("second")

    with Flow("order") as flow:
        a, b = first(), second()
        b.set_dependencies(upstream_tasks=[a])
    stopped(flow, stopper, executor, journal)
    flow.run(executor=executor, journal=journal, resume=True)
    assert trace.notes() == [("first",), ("second",)]


# Limits and context


@here
def test_max_loops_counts_the_iterations_of_all_drivers(executor, journal, trace):
    stopper = at(2)
    flow, counted = counting(trace, stopper, last=9, max_loops=4)
    stopped(flow, stopper, executor, journal)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert "max_loops=4" in state.result[counted].message
    assert state.result[counted].loop_count == 4
    assert trace.notes() == [(1,), (2,), (3,), (4,)]


@here
def test_a_loop_that_reached_max_loops_makes_no_more_when_it_is_resumed(executor, journal, trace):
    flow, counted = counting(trace, Sightings(), last=4, max_loops=3)
    assert flow.run(executor=executor, journal=journal).is_failed()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert trace.notes() == [(1,), (2,), (3,)]
    assert "max_loops=3" in state.result[counted].message


@here
def test_a_loop_that_reached_max_loops_goes_on_if_that_is_raised(executor, journal, trace):
    flow, _ = counting(trace, Sightings(), last=5, max_loops=3)
    assert flow.run(executor=executor, journal=journal).is_failed()
    flow, counted = counting(trace, Sightings(), last=5, max_loops=6)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[counted].result == [1, 2, 3, 4, 5]
    assert trace.notes() == [(1,), (2,), (3,), (4,), (5,)]


@here
def test_max_time_is_counted_from_the_first_start_of_the_loop(executor, journal, trace):
    stopper = at(1)
    flow, counted = counting(trace, stopper, last=3, max_time=0.3)
    _, state = stopped(flow, stopper, executor, journal)
    deadline = time.monotonic() + 0.4
    while time.monotonic() < deadline:
        time.sleep(0.01)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert "max_time=0.3 s" in state.result[counted].message
    assert trace.notes() == [(1,), (2,)]


def test_the_context_of_an_iteration_is_the_same_after_a_resume(executor, journal, trace):
    stopper = at(2)
    names = "task_name task_full_name task_slug map_index task_run_count task_loop_count run_id"

    @task(state_handlers=[stopper])
    def loop(x):
        trace.note(*[context.get(name) for name in names.split()], context.idempotency_key)
        trace.note(dict(context.parameters), context.flow_name)
        if context.get("task_loop_count", 1) < 3:
            raise LOOP()

    with Flow("context") as flow:
        loop.map(Parameter("values"))
    run, _ = stopped(flow, stopper, executor, journal, values=[5])
    assert flow.run(executor=executor, journal=journal, resume=run).is_successful()
    key = f"{run}/loop-1[0]@3"
    assert ("loop", "loop[0]", "loop-1", 0, 1, 3, run, key) in trace.notes()
    assert trace.notes()[-1] == ({"values": [5]}, "context")


# What must be the same


def flow_of(function, *arguments, name="work", **options):
    with Flow("changing") as flow:
        task(function, name=name, **options)(*arguments)
    return flow


def interrupting(x=0):
    raise KeyboardInterrupt


def interrupting_as_well(x=0):
    x += 1
    raise KeyboardInterrupt


def interrupt(flow, journal, **values):
    with pytest.raises(KeyboardInterrupt):
        flow.run(executor="inline", journal=journal, **values)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda: flow_of(interrupting_as_well, 1), "the function of task 'work-1' has changed"),
        (lambda: flow_of(interrupting, 2), "the inputs of task 'work-1' have changed"),
        (
            lambda: flow_of(interrupting, 1, name="renamed"),
            "task 'renamed-1' is new; task 'work-1' is gone",
        ),
    ],
    ids=["function", "constant", "name"],
)
def test_a_flow_that_has_changed_is_refused_and_says_what_changed(journal, changed, said):
    interrupt(flow_of(interrupting, 1), journal)
    with pytest.raises(ResumeError, match=re.escape(said)) as refused:
        changed().run(executor="inline", journal=journal, resume=True)
    assert "allow_code_change=True" in str(refused.value)
    with pytest.raises(KeyboardInterrupt):
        changed().run(executor="inline", journal=journal, resume=True, allow_code_change=True)
    assert len(runs_of(journal)) == 1


@pytest.mark.parametrize(
    "options",
    [{"max_retries": 3, "retry_delay": 5}, {"max_loops": 7}, {"tags": ["a"]}, {"timeout": 9}],
)
def test_changed_options_are_no_change(journal, options):
    interrupt(flow_of(interrupting, 1), journal)
    with pytest.raises(KeyboardInterrupt):
        flow_of(interrupting, 1, **options).run(executor="inline", journal=journal, resume=True)
    assert len(runs_of(journal)) == 1


@here
def test_another_value_of_a_parameter_is_refused_and_lengths_are_named(executor, journal):
    with Flow("lengths") as flow:
        task(interrupting).map(Parameter("values"))
    interrupt(flow, journal, values=[1, 2])
    run = newest(journal)
    with pytest.raises(ResumeError, match="'values': it had 2 elements, now 3"):
        flow.run(values=[1, 2, 3], executor=executor, journal=journal, resume=run)
    with pytest.raises(ResumeError, match="another value of the parameter 'values'"):
        flow.run(values=[1, 3], executor=executor, journal=journal, resume=run)
    with pytest.raises(KeyboardInterrupt):
        flow.run(values=[1, 2], executor=executor, journal=journal, resume=run)


@here
def test_a_map_over_a_constant_of_another_length_is_refused(executor, journal, trace):
    def write(values):
        @task
        def work(x):
            if trace.first():
                raise KeyboardInterrupt
            return x

        with Flow("widths") as flow:
            work.map(values)
        return flow

    interrupt(write([1, 2, 3]), journal)
    options = {"executor": executor, "journal": journal, "resume": True}
    with pytest.raises(ResumeError, match="inputs of task 'work-1' have changed"):
        write([1, 2]).run(**options)
    with pytest.raises(ResumeError, match="over 3 elements when the run began, .*now there are 2"):
        write([1, 2]).run(**options, allow_code_change=True)
    assert write([1, 2, 3]).run(**options).is_successful()


def test_a_parameter_too_large_to_be_recorded_is_given_again_and_has_to_be_the_same(
    executor, journal, trace, monkeypatch
):
    monkeypatch.setattr(register, "_LARGEST", 1_000)  # a quarter of a GB otherwise

    @task
    def count(text):
        trace.note(len(text))
        if trace.first():
            raise ValueError("the first time")
        return len(text)

    with Flow("large") as flow:
        counted = count(Parameter("text"))
    assert flow.run(text="x" * 2_000, executor=executor, journal=journal).is_failed()
    (run,) = FolderJournal(journal).runs()
    options = {"executor": executor, "journal": journal, "resume": run.header.run}
    with pytest.raises(ValueError, match=r"no value for the parameter 'text'. Pass it"):
        flow.run(**options)
    with pytest.raises(ResumeError, match=r"another value .*: it had 2000 elements, now 3. Its"):
        flow.run(text="xyz", **options)
    with pytest.raises(ResumeError, match=r"'text'. Its value was too large .* pass what it was"):
        flow.run(text="y" * 2_000, **options)
    state = flow.run(text="x" * 2_000, **options)
    assert state.result[counted].result == 2_000
    assert trace.notes() == [(2_000,), (2_000,)]


def test_a_task_that_was_added_is_run_and_one_that_is_gone_is_left_out(executor, journal, trace):
    stopper = Stopper(lambda state: state.is_running())

    @task
    def one():
        trace.note("one")
        return 1

    @task(state_handlers=[stopper])
    def two(x):
        trace.note("two")
        return x

    @task
    def three(x):
        trace.note("three")
        return x + 1

    with Flow("growing") as flow:
        two(one())
    stopped(flow, stopper, executor, journal)
    with Flow("growing") as flow:
        added = three(one())
    state = flow.run(executor=executor, journal=journal, resume=True, allow_code_change=True)
    assert state.result[added].result == 2
    assert trace.notes() == [("one",), ("three",)]


@pytest.mark.parametrize("executor", ["processes"], indirect=True)
def test_a_task_added_to_a_run_that_ended_well_runs_on_the_executor(executor, journal):
    @task
    def where(x=0):
        return os.getpid()

    with Flow("growing") as flow:
        where()
    flow.run(executor=executor, journal=journal)
    with Flow("growing") as flow:
        added = where(where())
    run = newest(journal)
    state = flow.run(executor=executor, journal=journal, resume=run, allow_code_change=True)
    assert state.result[added].result != os.getpid()


@here
def test_more_retries_do_not_part_a_task_from_what_follows_it(executor, journal, trace):
    """Changed retries are no change; a task and what took its result still belong together."""

    def write(retries):
        @task(max_retries=retries)
        def fails():
            if not trace.wait_for("mended", seconds=0):
                raise ValueError("no")
            return 1

        @task
        def follows(x):
            return x

        @task(trigger=triggers.all_finished)
        def end(x):
            if trace.first():
                raise KeyboardInterrupt

        with Flow("retries") as flow:
            failed = fails()
            follow = follows(failed)
            end(follow)
        return flow, failed, follow

    interrupt(write(0)[0], journal)
    trace.note("mended")
    flow, failed, follow = write(3)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[failed].is_successful() == state.result[follow].is_successful()


# Secrets


def files_with(folder, text):
    return [
        str(one.relative_to(folder))
        for one in folder.rglob("*")
        if one.is_file() and text in one.read_bytes()
    ]


@pytest.mark.parametrize("size", [20, 2_000, 20_000, 200_000])
def test_a_secret_is_in_no_file_and_in_no_log(executor, journal, trace, caplog, size):
    caplog.set_level(logging.DEBUG)
    stopper = Stopper(lambda state: state.is_looped())
    secret = "s3cr3t" + "Q" * size

    @task(state_handlers=[stopper])
    def use(key, keys):
        trace.note(files_with(journal, b"s3cr3t"))
        if "task_loop_count" not in context:
            raise LOOP()
        return len(key) + len(keys[0])

    with Flow("secret") as flow:
        key = Parameter("key", secret=True)
        used = use(key, [key])
    run, _ = stopped(flow, stopper, executor, journal, key=secret)
    assert files_with(journal, b"s3cr3t") == []
    with pytest.raises(ValueError, match="'key'"):
        flow.run(executor=executor, journal=journal, resume=run)
    state = flow.run(key=secret, executor=executor, journal=journal, resume=run)
    assert state.result[used].result == 2 * len(secret)
    assert trace.notes() == [([],), ([],)]
    assert files_with(journal, b"s3cr3t") == []
    assert "s3cr3t" not in caplog.text


def test_secrets_that_are_mapped_over_are_in_no_file(executor, journal, trace):
    secrets = ["s3cr3t-1", "s3cr3t-2" * 20_000]

    @task
    def use(key):
        trace.note(files_with(journal, b"s3cr3t"))
        return len(key)

    with Flow("secrets") as flow:
        used = use.map(Parameter("keys", secret=True))
    state = flow.run(keys=secrets, executor=executor, journal=journal)
    assert state.result[used].result == [len(one) for one in secrets]
    assert trace.notes() == [([],), ([],)]
    assert files_with(journal, b"s3cr3t") == []


# Journals that fail


def failing_after(monkeypatch, commits):
    real, made = SqliteLedger.commit, []

    def commit(self, records, submitted):
        made.append(1)
        if len(made) > commits:
            raise JournalError("the disk is full")
        real(self, records, submitted)

    monkeypatch.setattr(SqliteLedger, "commit", commit)


@one_by_one  # counts commits
@pytest.mark.parametrize("size", [10, 200_000])
def test_a_run_whose_journal_fails_ends_with_its_states_and_goes_on_later(
    executor, journal, trace, size
):
    @task
    def loop():
        count = context.get("task_loop_count", 1)
        trace.note(count)
        if count > 1:
            assert context.task_loop_result == (count - 1, b"x" * size)
        if count < 6:
            raise LOOP(result=(count, b"x" * size))
        return count

    with Flow("full") as flow:
        looped = loop()
    with pytest.MonkeyPatch.context() as patch:
        failing_after(patch, 4)
        state = flow.run(executor=executor, journal=journal)
    assert state.is_cancelled()
    assert "the disk is full" in state.message
    assert state.result[looped].is_cancelled()
    # What was not written down is not what the next iteration begins with.
    assert trace.notes() == [(1,), (2,), (3,), (4,)]
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[looped].result == 6
    assert trace.notes()[4:] in ([(4,), (5,), (6,)], [(5,), (6,)])


def test_what_runs_when_the_journal_fails_may_end(executor, journal, trace):
    @task
    def work(x):
        trace.note(x)
        return x

    @task
    def total(values):
        return sum(values)

    with Flow("full") as flow:
        worked = work.map([1, 2, 3])
        summed = total(worked)
    with pytest.MonkeyPatch.context() as patch:
        failing_after(patch, 1)
        state = flow.run(executor=executor, journal=journal)
    assert state.is_cancelled()
    assert [one.result for one in state.result[worked].map_states] == [1, 2, 3]
    assert state.result[summed].is_cancelled()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[summed].result == 6


def test_at_most_once_holds_when_its_end_could_not_be_written_down(executor, journal, trace):
    @task(at_most_once=True)
    def once():
        trace.note("called")
        return 5

    @task
    def follows(x):
        return x

    with Flow("once") as flow:
        one = once()
        follow = follows(one)
    with pytest.MonkeyPatch.context() as patch:
        failing_after(patch, 1)
        assert flow.run(executor=executor, journal=journal).is_cancelled()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert trace.notes() == [("called",)]
    assert state.result[follow].result == 5


@here
def test_a_journal_that_is_removed_while_it_is_written_stops_the_run(executor, journal, trace):
    import shutil

    @task
    def loop():
        count = context.get("task_loop_count", 1)
        trace.note(count)
        if count == 2:
            shutil.rmtree(journal)
        if count < 5:
            raise LOOP(result=count)

    with Flow("removed") as flow:
        looped = loop()
    state = flow.run(executor=executor, journal=journal)
    assert state.result[looped].is_cancelled()
    assert "removed" in state.message
    assert trace.notes() == [(1,), (2,)]


@here
def test_a_clock_that_goes_backwards_changes_nothing(executor, journal, trace, monkeypatch):
    stopper = at(2)
    flow, counted = counting(trace, stopper, max_time=3600)
    stopped(flow, stopper, executor, journal)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[counted].result == [1, 2, 3, 4]
    assert trace.notes() == [(1,), (2,), (3,), (4,)]


@pytest.mark.slow
@here
def test_ten_thousand_children_are_remembered_within_three_seconds(executor, journal, trace):
    @task
    def work(x):
        return x

    @task
    def total(values):
        trace.note(time.time())
        if trace.first():
            raise KeyboardInterrupt
        return sum(values)

    with Flow("wide") as flow:
        summed = total(work.map(list(range(10_000))))
    interrupt(flow, journal)
    begun = time.time()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[summed].result == sum(range(10_000))
    assert trace.notes()[-1][0] - begun < 3


def test_values_that_only_workers_can_open_are_passed_on_unopened(processes_client, journal):
    stopper = Stopper(lambda state: state.is_running())
    home = os.getpid()

    @task
    def make():
        return Shy(home)

    @task(state_handlers=[stopper])
    def use(value):
        return value.home

    with Flow("shy") as flow:
        made = make()
        used = use(made)
    stopped(flow, stopper, processes_client, journal)
    state = flow.run(executor=processes_client, journal=journal, resume=True)
    assert state.result[used].result == home
    with pytest.raises(RuntimeError, match="not at home"):
        _ = state.result[made].result


class Shy:
    """Opens anywhere but in the process of the driver."""

    def __init__(self, home):
        self.home = home

    def __setstate__(self, values):
        if values["home"] == os.getpid():
            raise RuntimeError("not at home")
        self.__dict__.update(values)


def test_a_task_class_is_known_again_by_its_values(journal):
    def write(number):
        with Flow("adds") as flow:
            Adds(number, name="adds")()
        return flow

    interrupt(write(1), journal)
    with pytest.raises(ResumeError, match="the function of task 'adds-1' has changed"):
        write(2).run(executor="inline", journal=journal, resume=True)
    with pytest.raises(KeyboardInterrupt):
        write(1).run(executor="inline", journal=journal, resume=True)


class Adds(Task):
    def __init__(self, number, **options):
        super().__init__(**options)
        self.number = number

    def run(self):
        raise KeyboardInterrupt


def test_a_task_class_that_travels_by_value_is_known_again_after_it_has_run(journal):
    class Local(Task):
        def __init__(self, number, **options):
            super().__init__(**options)
            self.number = number

        def run(self):
            raise KeyboardInterrupt

    def write():
        with Flow("local") as flow:
            Local(1, name="local")()
        return flow

    interrupt(write(), journal)
    with pytest.raises(KeyboardInterrupt):
        write().run(executor="inline", journal=journal, resume=True)


@on_clusters
def test_a_resume_leaves_the_users_client_and_its_futures_alone(executor, journal, trace):
    """What was in flight is gone with its cluster; this one has never heard of it."""

    @task
    def work(x):
        if trace.first(x):
            raise KeyboardInterrupt
        return x

    with Flow("elsewhere") as flow:
        worked = work.map([1, 2, 3])
    interrupt(flow, journal)
    future = executor.submit(int, 7)
    for x in (2, 3):
        trace.first(x)
    assert flow.run(executor=executor, journal=journal, resume=True).result[worked].is_mapped()
    assert future.status != "cancelled"
    assert future.result(timeout=5) == 7
