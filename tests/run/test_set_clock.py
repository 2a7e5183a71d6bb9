"""A clock that is set while a run goes on: nobody waits longer or shorter for it (R4, L15, L17)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from daskloop import Flow, again, loop_flow, task
from daskloop.run import set_clock
from daskloop.run.set_clock import ClockWatch
from daskloop.run.turn import Approve, Asked
from tests.run.driven import Driven, Plain, graph_of

HOUR = 3600.0


def set_back(run: Driven) -> None:
    """Set the clock back by an hour."""
    run.machine.clock_was_set(-HOUR)
    run.now -= HOUR


def of(task: Plain) -> Driven:
    """Begin a run of one task."""
    return Driven(graph_of(lambda graph: graph.add_task(task))).start()


def test_r04_a_retry_waits_for_its_delay_whatever_becomes_of_the_clock():
    run = of(Plain(name="t", max_retries=1, retry_delay=5))
    run.come("t", kind="failed")
    set_back(run)
    assert run.machine.next_due == run.now + 5
    assert not run.take(after=4.9).submissions
    assert run.take(after=0.2).submissions


def test_l15_max_time_counts_no_hour_that_the_clock_was_set_on():
    run = of(Plain(name="t", max_time=10))
    run.machine.clock_was_set(HOUR)
    run.now += HOUR + 9
    run.come("t", kind="looped", value=1)
    run.now += 2
    run.come("t", kind="looped", value=2)
    assert "max_time=10 s" in str(run.state("t").message)
    assert "iteration 2" in str(run.state("t").message)


@pytest.mark.parametrize("by", [-HOUR, HOUR])
def test_l15_the_time_of_a_pause_counts_not_at_all_though_the_clock_was_set_in_it(by):
    run = of(Plain(name="t", max_time=10))
    run.come("t", kind="paused")
    run.now += 100
    run.machine.clock_was_set(by)
    run.now += by
    run.take(Approve((Asked.of(run.child("t")),)))
    run.now += 9
    run.come("t", kind="looped", value=1)
    assert run.flying() == ["t"]
    run.now += 2
    run.come("t", kind="looped", value=2)
    assert "max_time=10 s" in str(run.state("t").message)


def test_l17_a_rate_holds_nobody_back_for_an_hour():
    run = of(Plain(name="t", rate="1/s"))
    run.come("t", kind="looped", value=1)
    assert not run.machine.flying
    set_back(run)
    assert run.take(after=1.0).submissions


def test_l15_the_time_of_a_loop_flow_and_of_what_is_in_it_goes_on():
    @task(max_retries=1, retry_delay=5)
    def inner(n):
        return n

    @loop_flow(max_time=10)
    def outer(n=1):
        return again(n=n + 1).until(inner(n) > 5, result=n)

    with Flow("outer") as flow:
        outer()
    run = Driven(flow).start()
    (child,) = [node.child for node in run.machine.standing.nodes if node.plan.body]
    (within,) = [one for one in run.machine.flying.values() if one.node.plan.name == "inner"]
    begun = child.progress.begun, within.progress.begun
    set_back(run)
    assert (child.progress.begun, within.progress.begun) == tuple(one - HOUR for one in begun)


@pytest.mark.parametrize("clock", ["boot", "monotonic"])
def test_r04_the_watch_tells_once_by_how_much_the_clock_was_set(
    monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    if clock == "monotonic":
        monkeypatch.setattr(set_clock, "_CLOCK", None)
    real, ahead = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])
    watch = ClockWatch()
    assert watch.set_by() == 0.0
    ahead[0] = -HOUR
    assert watch.set_by() == pytest.approx(-HOUR, abs=0.5)
    assert watch.set_by() == 0.0


def test_r04_a_thread_that_was_stopped_between_two_looks_is_no_clock_that_was_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = ClockWatch()
    real: Any = set_clock._unset
    lost = iter([0.0, 30.0])  # half a minute goes by after the first look

    def slow() -> float:
        return float(real() + next(lost, 30.0))

    monkeypatch.setattr(set_clock, "_unset", slow)
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 30.0)
    assert watch.set_by() == 0.0
