"""PAUSE: a task waits for somebody, on no worker, until it is approved, rejected, or time is up."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta, timezone
from unittest import mock

import dask
import pytest

from daskloop import Flow, Parameter, again, context, task
from daskloop.engine.signals import LOOP, PAUSE
from daskloop.errors import HandlerError, PayloadError, Rejected
from tests.flows.test_submit import until
from tests.flows.traces import Sightings, Trace, attempt, one_by_one


@pytest.fixture
def trace(tmp_path):
    return Trace(tmp_path)


def asking(trace, **options):
    """Write a map of loops of three iterations; the second asks before it goes on."""

    @task(**options)
    def ask(n):
        count, run_count = attempt()
        trace.note(n, count, run_count, context.get("resume", False))
        if count == 2 and not context.get("resume"):
            raise PAUSE(f"may {n} go on?", result={"n": n})
        if count < 3:
            raise LOOP(result=(n, count))
        return context.task_loop_result

    with Flow("asking") as flow:
        asked = ask.map(Parameter("ns"))
    return flow, asked


def paused(run, asked, count):
    """Wait until so many children are paused, and return their states by index."""

    def look():
        state = run.states[asked]
        found = state.map_states if state.is_mapped() else [state]
        return [one for one in found if one.is_paused()]

    return until(lambda: len(found := look()) == count and found)


def test_a_paused_child_waits_until_it_is_approved_and_tries_its_iteration_again(executor, trace):
    flow, asked = asking(trace)
    run = flow.submit(ns=[5, 6], executor=executor)
    states = paused(run, asked, 2)
    assert sorted(one.message for one in states) == ["may 5 go on?", "may 6 go on?"]
    assert sorted(one.result["n"] for one in states) == [5, 6]
    assert [one.loop_count for one in states] == [2, 2]
    run.approve(asked, 1)
    until(lambda: run.states[asked].map_states[1].is_successful())
    assert not run.done() and run.states[asked].map_states[0].is_paused(), "a child of its own"
    run.approve("ask")
    assert run.result().result[asked].result == [(5, 2), (6, 2)]
    for n in (5, 6):
        assert [note[1:] for note in trace.notes() if note[0] == n] == [
            (1, 1, False),
            (2, 1, False),
            (2, 2, True),
            (3, 1, False),
        ]


def test_a_paused_child_holds_no_worker_and_takes_nothing_of_its_retries(executor, trace):
    @task(max_retries=1)
    def ask(n):
        trace.note(n, context.task_run_count)
        if context.task_run_count <= 2:
            raise PAUSE(f"{n}?")
        if context.task_run_count == 3:
            raise ValueError("once")
        assert context.resume, "an iteration that was approved stays so when it is retried"
        return n

    @task
    def quick():
        return 1

    with Flow("many") as flow:
        asked = ask.map(list(range(20)))
        other = quick()
    run = flow.submit(executor=executor)
    paused(run, asked, 20)
    until(lambda: run.states[other].is_successful())
    run.approve(asked)
    until(lambda: len([note for note in trace.notes() if note[1] == 2]) == 20)
    paused(run, asked, 20)
    run.approve(asked)
    assert run.result().result[asked].result == list(range(20))


def test_a_payload_given_with_the_approval_is_what_the_next_attempt_gets(executor, trace):
    flow, asked = asking(trace)
    run = flow.submit(ns=[5], executor=executor, history=True)
    paused(run, asked, 1)
    run.approve(asked, 0, payload={"set": None})
    state = run.result().result[asked].map_states[0]
    assert state.result == (5, 2)
    assert state.loop_states[0].result == (5, 1), "what was is not changed"

    @task
    def first():
        if not context.get("resume"):
            raise PAUSE()
        return context.task_loop_count, context.task_loop_result

    with Flow("first") as flow:
        found = first()
    for payload in (None, 0, [], "x"):
        run = flow.submit(executor=executor)
        state = paused(run, found, 1)[0]
        assert state.message == "Task waits for approval." and state.result is None
        run.approve("first", payload=payload)
        assert run.result().result[found].result == (1, payload)


def test_a_rejected_child_fails_and_is_not_retried(executor, trace):
    flow, asked = asking(trace, max_retries=3)
    run = flow.submit(ns=[5, 6], executor=executor)
    paused(run, asked, 2)
    run.reject(asked, 0, message="not on a Friday")
    run.approve(asked, 1)
    state = run.result()
    no, yes = state.result[asked].map_states
    assert state.is_failed() and yes.is_successful()
    assert no.is_failed() and isinstance(no.result, Rejected) and no.loop_count == 2
    assert no.message == "iteration 2 of ask[0] was rejected: not on a Friday"
    assert no.loop_payload == (5, 1)
    assert len([note for note in trace.notes() if note[0] == 5]) == 2


@pytest.mark.parametrize("way", ["after", "start_time"])
def test_a_pause_with_a_time_goes_on_by_itself(executor, way):
    @task
    def ask():
        if not context.get("resume"):
            if way == "after":
                raise PAUSE("soon", after="50ms")
            raise PAUSE("soon", start_time=datetime.now(timezone.utc) + timedelta(seconds=0.05))
        return "went on"

    with Flow("timed") as flow:
        asked = ask()
    assert flow.run(executor=executor).result[asked].result == "went on"


@one_by_one
def test_an_approval_comes_before_the_time(executor):
    @task
    def ask():
        if not context.get("resume"):
            raise PAUSE("some day", after="20 days")
        return "went on"

    with Flow("timed") as flow:
        asked = ask()
    run = flow.submit(executor=executor)
    state = paused(run, asked, 1)[0]
    assert state.start_time > datetime.now(timezone.utc) + timedelta(days=19)
    run.approve(asked)
    assert run.result(timeout=30).result[asked].result == "went on"


def test_handlers_see_paused_as_any_state(executor, trace):
    seen = Sightings()
    flow, asked = asking(trace, state_handlers=[seen])
    run = flow.submit(ns=[5], executor=executor)
    paused(run, asked, 1)
    run.approve(asked)
    run.result()
    assert seen.story() == "Mapped Running Looped Running Paused Running Looped Running Success"


def test_l09_pause_raised_anywhere_but_in_a_body_fails_the_task(executor):
    def handler(task, old, new):
        if new.is_running():
            raise PAUSE("no")

    def trigger(upstream):
        raise PAUSE("no")

    with Flow("misused") as flow:
        handled = task(lambda: 1, name="handled", state_handlers=[handler])()
        triggered = task(lambda: 1, name="triggered", trigger=trigger)()
    states = flow.run(executor=executor).result
    for one in (handled, triggered):
        assert states[one].is_failed() and isinstance(states[one].result, HandlerError)
        assert "PAUSE" in states[one].message and "can pause" in states[one].message


@one_by_one
def test_cancelling_a_run_cancels_what_is_paused(executor, trace):
    flow, asked = asking(trace)
    run = flow.submit(ns=[5], executor=executor)
    paused(run, asked, 1)
    run.cancel()
    state = run.result(timeout=30)
    assert state.is_cancelled()
    child = state.result[asked].map_states[0]
    assert child.is_cancelled() and child.loop_payload == (5, 1)


def test_a_child_that_is_paused_when_its_driver_ends_is_paused_when_the_run_is_resumed(
    executor, trace, tmp_path
):
    flow, asked = asking(trace)
    journal = tmp_path / "runs"
    run = flow.submit(ns=[5, 6], executor=executor, journal=journal)
    paused(run, asked, 2)
    run.approve(asked, 1, payload="given")
    until(
        lambda: (6, 2, 2, True) in trace.notes() and run.states[asked].map_states[1].is_finished()
    )
    run.cancel()
    assert run.result().is_cancelled()
    ran = trace.notes()

    again = flow.submit(ns=[5, 6], executor=executor, journal=journal, resume=True)
    assert again.name == run.name
    state = paused(again, asked, 1)[0]
    assert (state.message, state.result, state.loop_count) == ("may 5 go on?", {"n": 5}, 2)
    assert trace.notes() == ran, "the body is not run again to ask again"
    again.approve(asked, 0)
    assert again.result().result[asked].result == [(5, 2), (6, 2)]
    assert trace.notes()[len(ran) :] == [(5, 2, 2, True), (5, 3, 1, False)]
    assert "Paused" in set(again.history.state)
    last = flow.submit(ns=[5, 6], executor=executor, journal=journal, resume=run.name)
    assert sorted(one.state.result for one in last.as_completed()) == [(5, 2), (6, 2)]


@one_by_one
def test_what_is_approved_before_the_driver_ends_stays_approved(executor, trace, tmp_path):
    @task
    def ask():
        resumed = context.get("resume", False)
        trace.note(resumed, context.get("task_loop_result"))
        if not resumed:
            raise PAUSE("?")
        if trace.first("retried"):
            raise ValueError("once")
        return context.task_loop_result

    with Flow("approved") as flow:
        asked = ask()
    run = flow.submit(executor=executor, journal=tmp_path / "runs")
    paused(run, asked, 1)
    run.approve(asked, payload="given")
    assert run.result().is_failed()
    again = flow.submit(executor=executor, journal=tmp_path / "runs", resume=True)
    # A run that failed is taken back to where its iteration began: it asks again.
    paused(again, asked, 1)
    again.approve(asked, payload="again")
    assert again.result().result[asked].result == "again"


def test_bad_approvals_are_refused_and_say_what_is_paused(trace):
    flow, asked = asking(trace)
    with flow:
        single = task(lambda: 1, name="single")()
    run = flow.submit(ns=[5, 6], executor="inline")
    paused(run, asked, 2)
    for refused, words in [
        (lambda: run.approve(asked, 7), "is not paused. Paused now: ask[0], ask[1]"),
        (lambda: run.approve(single), "is not paused. Paused now: ask[0], ask[1]"),
        (lambda: run.reject("nobody"), "flow 'asking' has no such task. It has ask, single"),
        (lambda: run.approve("single", 0), "'single' is not mapped; leave the index out"),
        (lambda: run.approve("ns"), "has no such task"),
    ]:
        with pytest.raises(ValueError) as error:  # noqa: PT011
            refused()
        assert words in str(error.value)
    for index in ("0", True, 1.5):
        with pytest.raises(TypeError, match="a whole number"):
            run.approve(asked, index)
    with pytest.raises(PayloadError, match=r"the payload given to ask\[0\], ask\[1\]"):
        run.approve(asked, payload=(one for one in ()))
    run.approve(asked)
    run.result()
    with pytest.raises(ValueError, match="that is not paused. Nothing in this run is"):
        run.approve(asked)


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (lambda: PAUSE(after="soon"), "PAUSE(after=...)='soon' cannot be read"),
        (lambda: PAUSE(after=-1), "give 0 seconds or more"),
        (lambda: PAUSE(after=1, start_time=datetime.now(timezone.utc)), "give one of them"),
        (lambda: PAUSE(start_time="noon"), "a datetime is needed"),
        (lambda: PAUSE(result=(one for one in ())), "cannot be pickled"),
    ],
)
def test_a_pause_that_cannot_mean_anything_fails_the_task(raised, words):
    @task
    def ask():
        raise raised()

    with Flow("bad") as flow:
        asked = ask()
    state = flow.run(executor="inline").result[asked]
    assert state.is_failed() and words in str(state.result)


def test_two_tasks_of_one_name_are_told_apart_by_their_slugs():
    def ask():
        if not context.get("resume"):
            raise PAUSE()
        return 1

    with Flow("twins") as flow:
        both = [task(ask)(), task(ask)()]
    run = flow.submit(executor="inline")
    until(lambda: all(run.states[one].is_paused() for one in both))
    with pytest.raises(ValueError, match="several tasks of that name are paused. Say ask-1 or"):
        run.approve("ask")
    run.approve("ask-1")
    run.approve(both[1])
    assert run.result().is_successful()


def test_a_run_in_which_nothing_moves_says_that_it_waits_for_somebody(trace, caplog):
    flow, asked = asking(trace)
    settings = dask.config.set({"daskloop.stall-report": "50ms"})
    with caplog.at_level(logging.INFO, "daskloop"), settings:
        run = flow.submit(ns=[5], executor="inline")
        until(lambda: "run.approve(...) is waited for by ask[0]" in caplog.text)
        run.pause()
        until(lambda: "the run is paused until run.resume()" in caplog.text)
        run.approve(asked)
        run.resume()
        run.result()
    assert "ask[0]: waits for approval: may 5 go on?" in caplog.text


def test_time_spent_paused_does_not_count_for_max_time(trace):
    flow, asked = asking(trace, max_time=5.0)
    clock = mock.Mock(wraps=time, time=mock.Mock(side_effect=time.time))
    with mock.patch("daskloop.run.driver.time", clock):
        run = flow.submit(ns=[5], executor="inline")
        paused(run, asked, 1)
        hour_later = time.time() + 3600
        clock.time.side_effect = lambda: hour_later
        run.approve(asked)
        assert run.result().result[asked].result == [(5, 2)]


def test_o11_l19_fields_that_an_approval_gives_are_arguments(executor, tmp_path):
    @task
    def deploy(version="1", tries=0):
        if version == "1":
            return again(version="2", tries=tries + 1)
        if not context.get("resume"):
            raise PAUSE(f"deploy {version}?")
        return version, tries

    with Flow("deploys") as flow:
        deployed = deploy()
    run = flow.submit(executor=executor, journal=tmp_path / "runs")
    until(lambda: run.states[deployed].is_paused())
    run.approve(deployed, payload={"version": "2.1", "tries": 7})
    assert run.result(60).result[deployed].result == ("2.1", 7)
