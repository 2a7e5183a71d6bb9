"""Counts of a run from its events alone: the same as those that its states give."""

from __future__ import annotations

import time

import pytest

from daskloop import Flow, Parameter, context, task
from daskloop.engine.signals import LOOP
from daskloop.events import (
    AttemptFailed,
    AttemptLost,
    AttemptsSent,
    ChildEnded,
    ChildPaused,
    ChildRestored,
    Event,
    IterationEnded,
    MapOpened,
    RetryScheduled,
    RunStalled,
    RunStarted,
    TaskTitle,
)
from daskloop.flow.begin import begin
from daskloop.flow.options import checked_options
from daskloop.keys import Place
from daskloop.report.run_html import run_html
from daskloop.report.run_tally import Failure, RunTally
from daskloop.report.task_tally import TaskTally
from daskloop.states import Failed, Retrying, State, Success

RUN = "quiet-heron-7f3a9c12"
HERE = (RUN, 1.0, (Place("fib-1", 0, 1),), "fib[0]")
INSIDE = (RUN, 1.0, (Place("fib-1", 0, 3), Place("step-1", None, 1)), "fib[0]@3/step")


def told(*events: Event) -> RunTally:
    tally = RunTally(tasks=[TaskTitle("fib-1", "fib", True)])
    for event in (MapOpened(RUN, 0.0, "fib-1", "fib", 4), *events):
        tally.hear(event)
    return tally


def of_the_map(*events: Event) -> TaskTally:
    return told(*events).tasks["fib-1"]


def looped(message: str) -> IterationEnded:
    return IterationEnded(*HERE, message, "w", 0.1)


def failed(message: str) -> AttemptFailed:
    return AttemptFailed(*HERE, 1, 6, message, "w")


def retries(child: int, delay: float) -> RetryScheduled:
    return RetryScheduled(RUN, 1.0, (Place("fib-1", child, 1),), "fib", 2, delay, "again")


@task(max_retries=1)
def reach(limit: int) -> int:
    n = int(context.get("task_loop_result", 1))
    if n == 2 and context.task_run_count == 1:
        raise ConnectionError("reset")
    if limit == 9:
        raise ValueError("too far")
    if n == limit:
        return n
    raise LOOP(f"at {n}", n + 1)


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


with Flow("reach") as flow:
    reached = reach.map(Parameter("limits"))
    summed = total(reached)


def test_the_counts_of_a_run_are_those_of_its_states():
    tally = RunTally()
    options = checked_options(executor="inline")
    state = begin(flow, {"limits": [1, 2, 3, 9]}, {}, options, listeners=[tally]).result()
    children = state.result[reached].map_states
    mapped, last = tally.tasks.values()
    assert (mapped.width, mapped.ended) == (4, 4)
    assert tally.failed == sum(one.is_failed() for one in children) == 1
    assert mapped.iterations == sum(one.loop_count for one in children if one.is_successful())
    assert mapped.retries == 3  # two at the second iteration, one that was in vain
    assert (last.width, last.ended, last.iterations) == (1, 1, 0)
    assert tally.ended is not None
    assert tally.ended.state.is_failed()
    assert list(tally.failures) == [
        Failure("reach[3]", 1, "Unexpected error: ValueError('too far')")
    ]


def waiting(state: State) -> ChildRestored:
    return ChildRestored(*HERE, state)


@pytest.mark.parametrize(
    ("events", "newest"),
    [
        ([looped("Fib 1"), looped("Fib 2")], "Fib 2"),
        ([looped("Fib 1"), looped("")], "Fib 1"),
        ([failed("reset"), retries(0, 9.0)], "reset"),
        ([looped("Fib 1"), retries(1, 9.0)], "again"),
        ([ChildPaused(*HERE, "deploy?", None)], "deploy?"),
        ([looped("Fib 1"), ChildEnded(*HERE, Success("fine"), 1.0)], "Fib 1"),
        ([looped("Fib 1"), ChildEnded(*HERE, Failed("broken"), 1.0)], "broken"),
        ([waiting(Retrying("not yet"))], "not yet"),
        ([looped("Fib 1"), AttemptFailed(*INSIDE, 1, 2, "reset", "w")], "reset"),
        ([looped("Fib 1"), IterationEnded(*INSIDE, "inside", "w", 0.1)], "Fib 1"),
    ],
)
def test_the_newest_message_of_a_task_is_that_of_whoever_said_something_last(events, newest):
    assert of_the_map(*events).message == newest


def test_a_stall_is_told_until_something_moves_and_losses_are_those_charged():
    stalled = told(RunStalled(RUN, 1.0, "nothing has moved"))
    assert stalled.stalled == "nothing has moved"
    assert "nothing has moved" in run_html(stalled, now=2.0)
    for charged in (True, False):
        stalled.hear(AttemptLost(*HERE, "its worker died", charged))
    assert stalled.stalled == ""
    assert "1 lost with their worker" in run_html(stalled, now=2.0)


def html_of(*events: Event) -> str:
    return run_html(told(*events), now=2.0)


def test_a_child_waits_for_its_retry_until_it_is_sent_and_the_table_says_when(monkeypatch):
    monkeypatch.setattr(time, "localtime", time.gmtime)
    two = [retries(0, 3_600.0), retries(1, 7_200.0)]
    assert "2 to try again, next 01:00:01" in html_of(*two)
    sent = AttemptsSent(RUN, 3_601.0, [(Place("fib-1", 0, 1),)])
    assert "1 to try again, next 02:00:01" in html_of(*two, sent)


def test_a_paused_child_is_shown_as_such_until_it_goes_on():
    paused = ChildPaused(*HERE, "deploy?", None)
    assert "1 for approval" in html_of(paused)
    assert "for approval" not in html_of(paused, ChildEnded(*HERE, Success(), 1.0))


def test_a_run_says_where_it_runs_and_for_how_long():
    assert "on threads · 2.0 s" in html_of(RunStarted(RUN, 0.0, "f", "threads"))
