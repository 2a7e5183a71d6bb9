"""A stop spares what puts away, unless it has to be at once or nothing can be sent any more."""

from __future__ import annotations

from daskloop.define.graph import TaskGraph
from daskloop.run.turn import Halt
from daskloop.states import Cancelled, Success
from tests.run.driven import Driven, Plain


class Last(Plain):
    is_cleanup = True


def running():
    graph = TaskGraph("f")
    first = Plain(name="first").bind(flow=graph)
    Plain(name="second").bind(first, flow=graph)
    Last(name="last", trigger=lambda upstream: True, max_retries=1, retry_delay=60).bind(
        first, flow=graph
    )
    return Driven(graph).start()


def test_a_soft_stop_lets_what_puts_away_begin():
    run = running()
    run.halt()
    run.come("first")
    assert type(run.state("second")) is Cancelled
    run.answer()
    assert run.flying() == ["last"]
    run.come("last")
    assert type(run.state("last")) is Success
    assert run.machine.finished


def test_a_stop_at_once_spares_nothing():
    run = running()
    run.come("first")
    run.answer()
    assert "last" in run.flying()
    run.halt(now=True)
    assert type(run.state("last")) is Cancelled
    assert run.machine.finished


def test_a_run_that_cannot_be_recorded_begins_nothing_any_more():
    run = running()
    run.take(Halt("the disk is full", now=False, cleans=False))
    run.halt()  # nor does a later stop change that
    run.come("first")
    run.answer()
    assert type(run.state("last")) is Cancelled
    assert run.machine.finished


def test_what_puts_away_and_waits_for_its_retry_or_its_turn_goes_on():
    run = running()
    run.come("first")
    run.answer()
    run.come("last", kind="failed")
    run.halt()
    assert not run.machine.finished
    run.take(after=60.0)
    assert run.flying().count("last") == 1
    run.come("last")
    assert type(run.state("last")) is Success
