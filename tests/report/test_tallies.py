"""Counts of a run from its events alone: the same as those that its states give."""

from __future__ import annotations

from typing import Any

from daskloop import Flow, Parameter, again, context, emitted, task
from daskloop.engine.signals import LOOP
from daskloop.events import (
    AttemptLost,
    ChildEnded,
    ChildPaused,
    Event,
    IterationEnded,
    MapOpened,
    RetryScheduled,
    RunEnded,
    RunStalled,
    RunStarted,
)
from daskloop.flow.begin import begin
from daskloop.flow.options import checked_options
from daskloop.keys import Place
from daskloop.report.tallies import Failure, Tallies
from daskloop.states import Failed, Success, TriggerFailed

RUN = "quiet-heron-7f3a9c12"


def at(child: int, iteration: int = 1) -> tuple[Place, ...]:
    return (Place("fib-1", child, iteration),)


def of_a_map(width: int = 4) -> Tallies:
    tallies = Tallies([("fib-1", "fib", True), ("total-1", "total", False)])
    tallies.take(RunStarted(RUN, 0.0, "f", "threads"))
    tallies.take(MapOpened(RUN, 0.0, "fib-1", "fib", width))
    return tallies


def ended(child: int, state: Any, count: int | None = 1) -> ChildEnded:
    if count is not None:
        state.remember_loop(count, (), None)
    return ChildEnded(RUN, 5.0, at(child), f"fib[{child}]", state, 1.0)


class Ear:
    def __init__(self, tallies: Tallies) -> None:
        self.tallies = tallies

    def hear(self, event: Event) -> None:
        self.tallies.take(event)


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
    tasks = [(flow.slugs[one], one.name, one is reached) for one in (reached, summed)]
    tallies = Tallies(tasks)
    options = checked_options(executor="inline")
    run = begin(flow, {"limits": [1, 2, 3, 9]}, {}, options, listeners=[Ear(tallies)])
    state = run.result()
    children = state.result[reached].map_states
    row, last = tallies.rows(now=0.0)
    assert (row.children, row.ended, row.before) == (4, 4, 0)
    assert row.failed == sum(one.is_failed() for one in children) == 1
    assert row.iterations == sum(one.loop_count for one in children)
    assert row.retries == 3  # two at the second iteration, one that was in vain
    assert (last.children, last.ended, last.failed, last.iterations) == (1, 1, 1, 0)
    assert tallies.state is not None
    assert tallies.state.is_failed()
    assert list(tallies.failures) == [
        Failure("reach[3]", 1, "Unexpected error: ValueError('too far')")
    ]


@task
def doubled(number: int) -> int:
    return 2 * number


@task
def pages(n: int = 0) -> Any:
    return again(n=n + 1, emit=n) if n < 3 else n


def test_a_map_that_grows_is_as_wide_as_it_has_become():
    with Flow("growing") as growing:
        saved = doubled.map(emitted(pages()))
    tallies = Tallies([(growing.slugs[saved], "save", True)])
    options = checked_options(executor="inline")
    begin(growing, {}, {}, options, listeners=[Ear(tallies)]).result()
    (row,) = tallies.rows(now=0.0)
    assert (row.children, row.ended) == (3, 3)


def test_a_child_waits_until_its_retry_is_due_or_something_is_heard_of_it():
    tallies = of_a_map()
    for child in (0, 1):
        tallies.take(RetryScheduled(RUN, 1.0, at(child), f"fib[{child}]", 2, 10.0 + child, "x"))
    row = tallies.rows(now=2.0)[0]
    assert (row.waiting, row.next_try, row.retries) == (2, 11.0, 2)
    assert tallies.rows(now=11.5)[0].waiting == 1
    tallies.take(IterationEnded(RUN, 3.0, at(0), "fib[0]", "Fib 1", "w", 0.1))
    row = tallies.rows(now=4.0)[0]
    assert (row.waiting, row.next_try, row.message) == (1, 12.0, "Fib 1")


def test_a_paused_child_counts_until_it_goes_on():
    tallies = of_a_map()
    tallies.take(ChildPaused(RUN, 1.0, at(2), "fib[2]", "deploy?", None))
    assert tallies.rows(now=2.0)[0].paused == 1
    tallies.take(ended(2, Success()))
    assert tallies.rows(now=2.0)[0].paused == 0


def test_iterations_of_one_future_count_as_many_as_they_are():
    tallies = of_a_map()
    tallies.take(IterationEnded(RUN, 1.0, at(0, 40), "fib[0]", "Fib 40", "w", 0.1, count=40))
    tallies.take(ended(0, Success(), count=41))
    tallies.take(ended(1, TriggerFailed(), count=None))
    assert tallies.rows(now=2.0)[0].iterations == 41


def test_what_happens_in_the_body_of_a_loop_flow_counts_for_the_loop_flow():
    tallies = of_a_map()
    inside = (*at(0, 3), Place("step-1", None, 1))
    tallies.take(IterationEnded(RUN, 1.0, inside, "step", "inside", "w", 0.1))
    tallies.take(RetryScheduled(RUN, 1.0, inside, "step", 2, 10.0, "inside"))
    tallies.take(MapOpened(RUN, 1.0, "step-1", "step", 7))
    row = tallies.rows(now=2.0)[0]
    assert (row.iterations, row.retries, row.waiting, row.message) == (0, 1, 0, "")


def test_only_the_newest_failures_are_remembered_and_none_that_only_followed():
    tallies = of_a_map(20)
    for child in range(10):
        tallies.take(ended(child, Failed(f"no {child}")))
    tallies.take(ended(11, TriggerFailed("followed"), count=None))
    assert [one.message for one in tallies.failures] == [f"no {n}" for n in range(5, 10)]
    assert tallies.rows(now=6.0)[0].failed == 11


def test_what_an_earlier_driver_ended_is_counted_when_the_run_has_ended():
    tallies = of_a_map()
    tallies.take(ended(3, Success()))
    assert tallies.rows(now=6.0)[0].ended == 1
    tallies.take(RunEnded(RUN, 7.0, "f", Success(), 7.0, 0, 0, 0))
    row = tallies.rows(now=8.0)[0]
    assert (row.ended, row.before) == (4, 3)


def test_a_stall_is_told_until_something_moves_and_losses_are_those_charged():
    tallies = of_a_map()
    tallies.take(RunStalled(RUN, 1.0, "nothing has moved"))
    assert tallies.stalled == "nothing has moved"
    tallies.take(AttemptLost(RUN, 2.0, at(0), "fib[0]", "its worker died", True))
    tallies.take(AttemptLost(RUN, 2.0, at(1), "fib[1]", "its worker died", False))
    assert (tallies.stalled, tallies.losses) == ("", 1)
