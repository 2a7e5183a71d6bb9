"""Pauses, news by news: of one child until somebody approves, and of the whole run."""

from __future__ import annotations

import pytest

from daskloop import events
from daskloop.define.graph import TaskGraph
from daskloop.errors import LoopLimit, Rejected
from daskloop.record.entries import APPROVED, Recorded, Submitted
from daskloop.run.memory import Memory
from daskloop.run.pauses import Pauses
from daskloop.run.progress import Approved, Enqueue, Pause, Phase
from daskloop.run.progress import Rejected as Refused
from daskloop.run.turn import Approve, Asked, Reject, Rest
from daskloop.states import Cancelled, Failed, Paused
from tests.run.driven import Driven, Plain
from tests.run.lives import BEGIN, Life, rules, sealed
from tests.run.test_machine import one, wide
from tests.run.test_replay import child, looped, record, sent, without_attempt


def test_a_pause_ends_the_attempt_and_waits_for_somebody():
    life = Life(rules()).begin().come("looped", 1).go().come("paused")
    assert life.step == Pause(None) and life.progress.phase is Phase.PAUSED
    assert type(life.announced[-1]) is Paused
    assert isinstance(life.tell(Approved()), Enqueue)
    life.go()
    assert life.attempts[-1] == (2, 2, 0), "the same iteration, another attempt"
    assert life.progress.resumed and life.progress.payload == sealed(1)
    assert not life.come("looped", 2).go().progress.resumed


def test_an_approval_counts_once_and_only_while_the_child_is_paused():
    life = Life(rules()).begin()
    assert life.tell(Approved()) is None and life.tell(Refused("no")) is None
    life.come("paused").tell(Approved())
    assert life.tell(Approved(sealed(7))) is None
    assert life.progress.payload is None


def test_a_payload_that_is_given_takes_the_place_of_the_one_handed_on():
    life = Life(rules()).begin().come("looped", 1).go().come("paused")
    life.tell(Approved(sealed("given")))
    assert life.go().progress.payload == sealed("given")


def test_a_rejection_is_not_retried():
    life = Life(rules("t", max_retries=5)).begin().come("paused")
    life.tell(Refused("not today"))
    life.accept()
    assert isinstance(life.end.result, Rejected) and "not today" in str(life.end.message)


def test_a_pause_takes_nothing_of_the_retry_budget():
    life = Life(rules(max_retries=1)).begin()
    for _ in range(3):
        life.come("paused").tell(Approved())
        life.go()
    life.come("failed").go()
    assert life.progress.resumed and life.progress.run_count == 5
    assert type(life.come("failed").end) is Failed


def test_l15_the_time_of_a_pause_does_not_count_for_max_time():
    life = Life(rules(max_time=10.0)).begin().come("paused")
    life.now += 3600
    life.tell(Approved())
    life.go()
    life.now += 9
    life.come("looped", 1).go()
    life.now += 2
    assert isinstance(life.come("looped", 2).end.result, LoopLimit)


@pytest.mark.parametrize("now", [False, True])
def test_f11_a_stop_cancels_what_is_paused(now):
    life = Life(rules()).begin().come("paused").stop(now=now)
    assert type(life.end) is Cancelled


def test_a_pause_with_a_time_goes_on_then_unless_it_was_approved_before():
    run = one()
    run.come("t", kind="paused", start_time=BEGIN + 60)
    run.take(Approve((Asked.of(run.child("t")),)), after=10)
    run.come("t", kind="paused", start_time=BEGIN + 500)
    run.take(after=100)
    assert run.child("t").progress.phase is Phase.PAUSED, "the time of the first pause is over"
    assert run.machine.next_due == BEGIN + 500
    run.take(after=500)
    assert run.flying() == ["t"] and run.machine.paused == []


def test_pauses_forget_those_that_no_longer_wait():
    run = one()
    waiting, pauses = run.child("t"), Pauses()
    pauses.add(waiting, BEGIN)
    waiting.progress = waiting.progress._replace(phase=Phase.READY)
    assert pauses.next_due is None and pauses.waiting() == [] and not list(pauses.due(BEGIN + 1))


def test_an_approval_is_recorded_before_what_follows_and_a_second_one_is_not():
    run = one()
    run.come("t", kind="paused")
    turn = run.take(
        Approve((Asked.of(run.child("t")),), sealed(5)),
        Approve((Asked.of(run.child("t")),), sealed(6)),
    )
    assert [(r.state, r.run_count, r.value) for r in turn.records] == [(APPROVED, 2, sealed(5))]
    assert [c.name for c in turn.submissions] == ["t"]
    told = [one for one in run.events if isinstance(one, events.ChildPaused)]
    assert [(one.name, one.message, one.until) for one in told] == [("t", "it paused", None)]


def test_o11_an_approval_is_meant_for_the_pause_that_was_asked_about_and_for_no_later_one():
    run = one()
    run.come("t", kind="paused")
    late = Asked.of(run.child("t"))
    run.take(Approve((late,)))
    run.come("t", kind="looped", value="next")
    run.come("t", kind="paused")
    turn = run.take(Approve((late,), sealed("too late")), Reject((late,), "too late"))
    assert not turn.records and not turn.submissions
    assert run.child("t").progress.phase is Phase.PAUSED


def test_paused_children_are_approved_and_rejected_each_for_itself():
    run = wide(3)
    for index in range(3):
        run.come("m", index, kind="paused")
    assert [c.index for c in run.machine.paused] == [0, 1, 2] and not run.flying()
    assert run.machine.admission.out == 0, "they take no place"
    run.take(Reject((Asked.of(run.child("m", 0)),), "no"), Approve((Asked.of(run.child("m", 2)),)))
    assert run.state("m", 0).is_failed() and run.flying() == ["m[2]"]
    assert [c.index for c in run.machine.paused] == [1]


def test_a_run_that_rests_begins_nothing_and_takes_what_comes_back():
    run = wide(3, slots=2)
    run.take(Rest(True))
    first = run.flying()
    run.come("m", 0, kind="looped", value=1)
    run.lose("m", 1, charged=False)
    assert run.flying() == [name for name in first if name not in ("m[0]", "m[1]")]
    run.take(Rest(False))
    assert sorted(run.flying()) == sorted(first)


def test_f11_a_run_that_rests_can_be_stopped():
    run = one()
    run.take(Rest(True))
    run.come("t", kind="looped", value=1)
    run.halt()
    assert run.machine.finished and type(run.state("t")) is Cancelled


def recalled(*records: Recorded, sent: tuple[Submitted, ...] = ()):
    found = Memory(records, sent, None).recall(child())
    assert found is not None
    return found


def paused(**more):
    return record("Paused", 2, value=sealed("look"), attempted=True, **more)


def approved(value=None):
    return without_attempt(APPROVED, 2, 2, value=value)


def test_a_child_that_was_paused_is_paused_again_without_a_call():
    found = recalled(looped(1, "p"), paused())
    assert found.step == Pause(None) and found.progress.phase is Phase.PAUSED
    assert found.announced is not None and found.announced.result == "look"
    assert found.announced.loop_count == 2
    timed = recalled(looped(1, "p"), paused(start_time=BEGIN + 60))
    assert timed.step == Pause(BEGIN + 60)


def test_what_was_approved_goes_on_with_the_payload_it_was_given():
    found = recalled(looped(1, "p"), paused(), approved(sealed("given")))
    assert isinstance(found.step, Enqueue) and found.progress.resumed
    assert (found.progress.run_count, found.progress.payload) == (2, sealed("given"))
    flying = recalled(looped(1, "p"), paused(), approved(), sent=(sent(2, 2),))
    assert flying.in_flight and flying.progress.payload == sealed("p") and flying.progress.resumed


@pytest.mark.parametrize("after", ["sent", "lost", "failed"])
def test_what_went_on_when_its_time_had_come_is_not_paused_any_more(after):
    records = [looped(1, "p"), paused(start_time=BEGIN + 60)]
    if after == "lost":
        records.append(without_attempt("Lost", 2, 2, at=BEGIN + 61))
    elif after == "failed":
        records.append(without_attempt("Retrying", 2, 2, at=BEGIN + 61, start_time=BEGIN))
        records.insert(2, record("Failed", 2, 2, at=BEGIN + 61))
    found = recalled(*records, sent=(sent(2, 2),) if after == "sent" else ())
    assert found.progress.resumed and found.progress.paused is None
    assert found.progress.phase is not Phase.PAUSED and found.in_flight == (after == "sent")


def test_a_driver_goes_on_with_a_paused_child_where_the_one_before_left_it():
    graph = TaskGraph("one")
    Plain(name="t").bind(flow=graph)
    again = Driven(graph)
    again.machine._steps.memory = Memory([looped(1, "p"), paused()], (), None)
    again.start()
    assert not again.flying() and [c.name for c in again.machine.paused] == ["t"]
    again.take(Approve((Asked.of(again.child("t")),)))
    assert again.key("t")[2:4] == (2, 2), "iteration and attempt"
