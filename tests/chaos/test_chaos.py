"""A short campaign, and that the audit sees what it is there to see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daskloop.keys import Place
from daskloop.record.entries import TAKEN_BACK, Recorded
from tests.chaos.audit import judge
from tests.chaos.campaign import campaign
from tests.chaos.gates import Gate
from tests.chaos.notes import Note
from tests.chaos.report import report

RUN = "quiet-heron-7f3a9c12"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_short_campaign_breaks_no_promise(tmp_path, capsys):
    found = campaign(tmp_path, seconds=40, seed=7, size=6)
    with capsys.disabled():
        print("\n" + report(found))
    assert not found.broken, report(found)
    assert found.audits and len(found.faults) >= 3


def record(state: str, at: float, run_count: int = 1, task: str = "grow-1") -> Recorded:
    """Record an attempt at the first iteration."""
    return Recorded((Place(task, 0, 1),), run_count, 0, state, "", at=at)


def notes(*times: float, run_count: int = 1, task: str = "grow-1") -> list[Note]:
    """Note attempts that began at these times, each of which took a second."""
    name = f"{RUN}/{task}[0]@1"
    return [
        Note(what, name, run_count, at + later, 1)
        for at in times
        for what, later in (("begun", 0), ("ended", 1))
    ]


def wrong(records, noted, task="grow-1"):
    """Judge a run of one iteration; return the kinds of what is wrong."""
    found = judge(RUN, records, noted, {f"{task}[0]@1"}).wrong
    return [text.split(":")[0] for text in found]


def test_an_attempt_that_began_and_ended_and_is_recorded_is_right():
    assert wrong([record("Success", 12)], notes(10)) == []


def test_an_attempt_that_is_made_again_before_it_is_recorded_is_counted_and_right():
    found = judge(RUN, [record("Success", 16)], notes(10, 14), {"grow-1[0]@1"})
    assert (found.wrong, found.begun, found.again) == ((), 2, 1)


def test_the_audit_sees_what_is_lost():
    assert wrong([], notes(10)) == ["lost"]


def test_the_audit_sees_what_begins_after_it_was_recorded():
    (found,) = wrong([record("Success", 12)], notes(10, 13))
    assert found.startswith("begun 1.000 s after it was recorded")


def test_the_audit_excuses_what_had_passed_its_gate_before_it_was_recorded():
    records, noted = [record("Success", 12)], notes(10, 13)
    gates = [Gate("grow-1-7f3a9c12/0/1/1/0", 9), Gate("grow-1-7f3a9c12/0/1/1/1", 9.5)]
    found = judge(RUN, records, noted, {"grow-1[0]@1"}, gates)
    assert (found.wrong, found.beside) == ((), 1)
    late = [gates[0], gates[1]._replace(at=12.5)]
    assert judge(RUN, records, noted, {"grow-1[0]@1"}, late).wrong
    other = [gates[0], Gate("grow-1-7f3a9c12/0/1/2/1", 9.5), Gate("row-1-7f3a9c12/0/1/1/1", 9.5)]
    assert judge(RUN, records, noted, {"grow-1[0]@1"}, other).wrong


def test_the_audit_sees_a_retry_that_begins_after_the_iteration_was_recorded():
    late = notes(13, run_count=2)
    (found,) = wrong([record("Success", 12)], notes(10) + late)
    assert found.startswith("begun 1.000 s after it was recorded")


def test_the_audit_sees_what_is_recorded_and_never_ended():
    assert wrong([record("Success", 12)], notes(10)[:1]) == ["recorded, but never ended"]
    assert wrong([record("Success", 12)], []) == ["recorded, but never ended"]


def test_the_audit_sees_what_is_recorded_twice():
    assert wrong([record("Success", 12), record("Success", 13)], notes(10)) == ["recorded twice"]


def test_a_failed_attempt_may_be_made_again_only_if_it_was_taken_back():
    back = replace(record(TAKEN_BACK, 13), attempted=False)
    twice = notes(10, 14)
    assert wrong([record("Failed", 12), back, record("Success", 16)], twice) == []
    (found,) = wrong(
        [record("Failed", 12), record("Success", 16, 2)], twice + notes(15, run_count=2)
    )
    assert found.startswith("begun 2.000 s after")


def test_the_audit_sees_what_must_not_be_made_twice():
    ring = "ring-1"
    found = wrong([record("Success", 16, task=ring)], notes(10, 14, task=ring), ring)
    assert found == ["at_most_once began 2 times"]


def test_the_audit_takes_a_lost_child_that_must_not_be_made_twice():
    ring = "ring-1"
    crashed = replace(record("Crashed", 16, task=ring), attempted=False)
    assert wrong([crashed], notes(10, task=ring)[:1], ring) == []
