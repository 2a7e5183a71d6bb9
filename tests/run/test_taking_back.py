"""Taking ended children back: which are done again, from where, and what is left alone."""

from __future__ import annotations

import re

import pytest

from daskloop import Flow, context, flatten, task, triggers, unmapped
from daskloop.engine.signals import LOOP
from daskloop.errors import ResumeError, StoreError
from daskloop.record.entries import TAKEN_BACK
from daskloop.record.folder_journal import FolderJournal
from daskloop.record.ledger import SqliteLedger
from tests.flows.traces import Trace


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def trace(tmp_path):
    return Trace(tmp_path)


def looping(trace, large=False, fails=False):
    """Write a flow of three loops, what follows each, and what takes all of them."""

    @task
    def loop(start):
        count = context.get("task_loop_count", 1)
        trace.note("loop", start, count)
        total = context.get("task_loop_result", (start,))[0] + count
        if fails and start == 1 and count == 2 and trace.first():
            raise ValueError("no")
        if count < 3:
            raise LOOP(f"at {count}", (total, b"x" * 200_000 if large else b""))
        return total

    @task
    def follows(total):
        trace.note("follows", total)
        return total

    @task
    def beside():
        trace.note("beside")

    @task
    def takes_all(totals):
        trace.note("takes_all")
        return sum(totals)

    with Flow("looping") as flow:
        beside()
        answer = takes_all(follows.map(loop.map([0, 1, 2])))
    return flow, answer


def again(flow, journal, **options):
    """Resume the newest run by its name."""
    run = FolderJournal(journal).runs()[0].header.run
    return flow.run(executor="inline", journal=journal, resume=run, **options)


def taken_back(journal):
    (summary,) = FolderJournal(journal).runs()
    records = FolderJournal(journal).read(summary.header.run).records
    return {record.address[-1] for record in records if record.state == TAKEN_BACK}


def test_a_loop_that_ended_well_goes_on_from_the_iteration_that_is_named(journal, trace):
    flow, answer = looping(trace)
    assert flow.run(executor="inline", journal=journal).result[answer].result == 21
    before = len(trace.notes())
    state = again(flow, journal, only="loop[1]", from_iteration=2)
    assert state.result[answer].result == 21
    assert trace.notes()[before:] == [
        ("loop", 1, 2),
        ("loop", 1, 3),
        ("follows", 7),
        ("takes_all",),
    ]


def test_by_default_the_last_iteration_is_done_again(journal, trace):
    flow, _ = looping(trace)
    flow.run(executor="inline", journal=journal)
    before = len(trace.notes())
    again(flow, journal, only="loop[2]")
    assert trace.notes()[before:] == [("loop", 2, 3), ("follows", 8), ("takes_all",)]


def test_a_child_is_named_by_its_task_or_by_the_slug(journal, trace):
    flow, _ = looping(trace)
    flow.run(executor="inline", journal=journal)
    for name in ("beside", "beside-1"):
        before = len(trace.notes())
        again(flow, journal, only=name)
        assert trace.notes()[before:] == [("beside",)]


def test_only_with_resume_true_takes_the_newest_run_even_if_it_ended_well(journal, trace):
    flow, _ = looping(trace)
    options = {"executor": "inline", "journal": journal, "resume": True, "only": "beside"}
    with pytest.raises(ResumeError, match="there is no run of flow 'looping'"):
        flow.run(**options)
    flow.run(executor="inline", journal=journal)
    before = len(trace.notes())
    flow.run(**options)
    assert trace.notes()[before:] == [("beside",)]
    assert len(FolderJournal(journal).runs()) == 1


def test_an_iteration_that_was_never_reached_is_refused(journal, trace):
    flow, _ = looping(trace)
    flow.run(executor="inline", journal=journal)
    with pytest.raises(ResumeError, match=re.escape("loop[1] has reached iteration 3;")):
        again(flow, journal, only="loop[1]", from_iteration=4)
    assert taken_back(journal) == set()
    assert FolderJournal(journal).runs()[0].status == "success"


def test_a_large_payload_that_is_gone_is_told_and_where_to_go_on(journal, trace):
    flow, answer = looping(trace, large=True)
    flow.run(executor="inline", journal=journal)
    for iteration in (2, 3, None):
        with pytest.raises(ResumeError, match=r"was large.*It can go on from iteration 1$"):
            again(flow, journal, only="loop[1]", from_iteration=iteration)
    before = len(trace.notes())
    assert again(flow, journal, only="loop[1]", from_iteration=1).result[answer].result == 21
    assert trace.notes()[before : before + 3] == [("loop", 1, count) for count in (1, 2, 3)]


def test_a_large_payload_that_is_still_there_is_gone_on_from(journal, trace):
    flow, answer = looping(trace, large=True, fails=True)
    assert flow.run(executor="inline", journal=journal).is_failed()
    before = len(trace.notes())
    state = again(flow, journal, only="loop[1]", from_iteration=2)
    assert state.result[answer].result == 21
    assert trace.notes()[before : before + 2] == [("loop", 1, 2), ("loop", 1, 3)]


@pytest.mark.parametrize(
    ("only", "said"),
    [
        ("nope", "the run has recorded nothing of that name"),
        ("loop[7]", re.escape("loop-1[0]")),
        ("loop", re.escape("is a map of 3 children. Say which of them, like only='loop[0]'")),
        ("", "nothing of that name"),
    ],
)
def test_a_name_that_means_no_child_is_refused(journal, trace, only, said):
    flow, _ = looping(trace)
    flow.run(executor="inline", journal=journal)
    with pytest.raises(ResumeError, match=said):
        again(flow, journal, only=only)
    assert again(flow, journal).is_successful()  # the run was let go


def test_a_name_that_several_tasks_have_is_refused_and_the_slugs_named(journal):
    with Flow("twins") as flow:
        for number in (1, 2):
            task(lambda x: x, name="twin")(number)
    flow.run(executor="inline", journal=journal)
    with pytest.raises(ResumeError, match="twin-1, twin-2"):
        again(flow, journal, only="twin")
    assert again(flow, journal, only="twin-2").is_successful()


def test_an_iteration_without_a_loop_is_refused(journal, trace):
    flow, _ = looping(trace)
    flow.run(executor="inline", journal=journal)
    with pytest.raises(ResumeError, match="Name it by only="):
        again(flow, journal, from_iteration=2)


@pytest.mark.parametrize("options", [{"only": "loop[1]"}, {"from_iteration": 2}])
def test_taking_back_goes_with_resume(trace, options):
    flow, _ = looping(trace)
    with pytest.raises(ValueError, match="goes with resume="):
        flow.run(executor="inline", **options)


def test_a_loop_that_is_under_way_goes_on_where_it_is_unless_told_otherwise(journal, trace):
    @task
    def loop():
        count = context.get("task_loop_count", 1)
        trace.note(count)
        if count == 3 and trace.first():
            raise KeyboardInterrupt
        if count < 4:
            raise LOOP(result=count)

    with Flow("under way") as flow:
        loop()
    with pytest.raises(KeyboardInterrupt):
        flow.run(executor="inline", journal=journal)
    assert again(flow, journal, only="loop").is_successful()
    assert trace.notes() == [(1,), (2,), (3,), (3,), (4,)]


def test_what_never_ran_is_decided_anew_and_does_not_run_on_failures(journal, trace):
    @task
    def half(number):
        if number == 1 and trace.first():
            raise ValueError("no")
        return number

    @task
    def total(numbers):
        trace.note(repr(numbers))
        return sum(numbers)

    with Flow("half") as flow:
        summed = total(half.map([0, 1, 2]))
    assert flow.run(executor="inline", journal=journal).is_failed()
    for iteration in (None, 1):
        state = again(flow, journal, only="total", from_iteration=iteration)
        assert state.is_failed()
        if iteration is None:
            assert state.result[summed].is_trigger_failed()
            assert trace.notes() == []
    assert again(flow, journal, only="half[1]").result[summed].result == 3


def test_a_map_that_takes_the_whole_of_another_as_well_is_done_again_whole(journal, trace):
    @task
    def make(number):
        return number if trace.first(number) else 10 * number

    @task
    def share(one, all_of_them):
        trace.note(one)
        return sum(all_of_them)

    with Flow("shares") as flow:
        made = make.map([1, 2, 3])
        shares = share.map(made, unmapped(made))
    assert flow.run(executor="inline", journal=journal).result[shares].result == [6, 6, 6]
    state = again(flow, journal, only="make[1]")
    assert state.result[shares].result == [24, 24, 24]
    assert trace.notes() == [(1,), (2,), (3,), (1,), (20,), (3,)]


def test_a_flattened_map_is_opened_anew_with_another_width(journal, trace):
    @task
    def spread(number):
        return [number] if trace.first(number) else [number] * 3

    @task
    def double(number):
        return 2 * number

    with Flow("spread") as flow:
        doubled = double.map(flatten(spread.map([1, 2])))
    assert flow.run(executor="inline", journal=journal).result[doubled].result == [2, 4]
    assert again(flow, journal, only="spread[0]").result[doubled].result == [2, 2, 2, 4]
    assert again(flow, journal).result[doubled].result == [2, 2, 2, 4]


def test_a_map_over_what_is_done_again_may_become_narrower(journal, trace):
    @task
    def make():
        return [1, 2, 3] if trace.first() else [4]

    @task
    def double(number):
        trace.note(number)
        return 2 * number

    @task
    def total(numbers):
        return sum(numbers)

    with Flow("narrower") as flow:
        summed = total(double.map(make()))
    assert flow.run(executor="inline", journal=journal).result[summed].result == 12
    for _ in range(2):
        assert again(flow, journal, only="make").result[summed].result == 8
    assert trace.notes() == [(1,), (2,), (3,), (4,), (4,)]


def test_a_run_taken_back_and_interrupted_goes_on_with_it(journal, trace):
    @task
    def loop():
        count = context.get("task_loop_count", 1)
        trace.note("loop", count)
        if trace.wait_for("taken back", seconds=0) and count == 2 and trace.first():
            raise KeyboardInterrupt
        if count < 3:
            raise LOOP(result=count)
        return count

    @task
    def follows(count):
        trace.note("follows")
        return count

    with Flow("twice") as flow:
        end = follows(loop())
    flow.run(executor="inline", journal=journal)
    trace.note("taken back")
    with pytest.raises(KeyboardInterrupt):
        again(flow, journal, only="loop", from_iteration=1)
    before = len(trace.notes())
    state = again(flow, journal)
    assert state.result[end].result == 3
    assert trace.notes()[before:] == [("loop", 2), ("loop", 3), ("follows",)]


def test_failures_that_follow_from_one_another_are_all_done_again_in_order(journal, trace):
    @task
    def first():
        trace.note("first")
        if trace.first("first"):
            raise ValueError("no")
        return 1

    @task(trigger=triggers.all_finished)
    def second(value):
        trace.note("second", str(value))
        if isinstance(value, Exception):
            raise value
        return value

    @task
    def third(value):
        trace.note("third")
        return value

    with Flow("chain") as flow:
        end = third(second(first()))
    assert flow.run(executor="inline", journal=journal).is_failed()
    assert again(flow, journal).result[end].result == 1
    assert trace.notes() == [
        ("first",),
        ("second", "no"),
        ("first",),
        ("second", "1"),
        ("third",),
    ]


def test_a_resume_without_failures_takes_nothing_back(journal, trace):
    @task
    def once():
        if trace.first():
            raise KeyboardInterrupt
        return 1

    with Flow("interrupted") as flow:
        once()
    with pytest.raises(KeyboardInterrupt):
        flow.run(executor="inline", journal=journal)
    assert again(flow, journal).is_successful()
    assert taken_back(journal) == set()


@pytest.mark.parametrize(("error", "made"), [(StoreError(28, "no room"), 1), (ValueError("no"), 0)])
def test_in_a_run_that_could_not_note_its_end_only_what_found_no_room_is_done_again(
    journal, trace, monkeypatch, error, made
):
    @task
    def keeps():
        if trace.first():
            raise error
        trace.note("again")

    with Flow("full") as flow:
        keeps()
    with monkeypatch.context() as broken_off:
        broken_off.setattr(SqliteLedger, "finish", lambda *_: None)
        assert flow.run(executor="inline", journal=journal).is_failed()
    assert FolderJournal(journal).runs()[0].status == "interrupted"
    assert again(flow, journal).is_successful() == bool(made)
    assert len(trace.notes()) == made
