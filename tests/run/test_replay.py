"""What was recorded of a child, turned into where it stands: line by line, without a run."""

from __future__ import annotations

import pytest

from daskloop.define.graph import TaskGraph
from daskloop.errors import ResumeError
from daskloop.keys import Place
from daskloop.plan.compile import compile_plan
from daskloop.record.entries import FORGOTTEN, LOST, TAKEN_BACK, Recorded, Submitted
from daskloop.record.sealed import ErrorText
from daskloop.run.fanout import open_map
from daskloop.run.memory import Memory
from daskloop.run.progress import Announce, End, Enqueue, Phase, Wake
from daskloop.run.standing import Standing
from daskloop.states import Retrying
from tests.run.driven import Plain
from tests.run.lives import BEGIN, sealed

ERROR = ErrorText("ValueError", "no", "")


def child(**options):
    """Make a child as it is before anything is known of it."""
    graph = TaskGraph("replayed")
    graph.add_task(Plain(name="t", **options))
    return Standing(compile_plan(graph), {}).nodes[0].child


def record(state, iteration=1, run_count=1, submission=0, at=BEGIN, **more):
    more.setdefault("message", f"it {state}")
    if state in ("Failed", "TimedOut"):
        more.setdefault("error", ERROR)
    return Recorded((Place("t-1", None, iteration),), run_count, submission, state, at=at, **more)


def looped(iteration, payload, **more):
    return record("Looped", iteration, value=sealed(payload), message=f"at {iteration}", **more)


def without_attempt(state, *arguments, **more):
    return record(state, *arguments, attempted=False, **more)


def sent(iteration=1, run_count=1, submission=0):
    return Submitted((Place("t-1", None, iteration),), run_count, submission, BEGIN)


def recalled(records, submitted=(), **options):
    memory = Memory(records, submitted, None)
    one = child(**options)
    found = memory.recall(one)
    assert memory.recall(one) is None, "a child is recalled once"
    return found


def test_a_child_of_which_nothing_is_known_is_new():
    assert Memory((), (), None).recall(child()) is None


def test_after_iterations_the_next_one_begins_with_the_last_payload():
    found = recalled([looped(k, {"k": k}) for k in (1, 2, 3, 4)], [sent(4)])
    assert isinstance(found.step, Enqueue)
    assert (found.progress.iteration, found.progress.run_count) == (5, 1)
    assert found.progress.payload == sealed({"k": 4})
    assert found.progress.messages == ("at 2", "at 3", "at 4")
    assert not found.in_flight
    assert found.progress.begun == BEGIN


def test_an_iteration_that_was_sent_is_in_flight():
    found = recalled([looped(1, 1)], [sent(2)])
    assert found.in_flight
    assert found.progress.phase is Phase.RUNNING
    assert (found.progress.iteration, found.progress.submission) == (2, 0)


def test_an_attempt_that_was_sent_and_of_which_nothing_else_is_known_is_in_flight():
    found = recalled([], [sent(submission=2)])
    assert found.in_flight
    # What other drivers lost is not held against it.
    assert (found.progress.submission, found.progress.since) == (2, 2)


def test_a_failure_within_the_budget_waits_from_when_it_was_recorded():
    found = recalled([record("Failed", at=BEGIN + 5)], [sent()], max_retries=1, retry_delay=60)
    assert isinstance(found.step, Announce) and isinstance(found.step.state, Retrying)
    assert found.step.state.start_time.timestamp() == BEGIN + 65


def test_a_recorded_wait_ends_when_it_was_to_end():
    found = recalled(
        [record("Failed"), without_attempt("Retrying", start_time=BEGIN + 60)],
        [sent()],
        max_retries=1,
        retry_delay=60,
    )
    assert found.step == Wake(BEGIN + 60)
    assert (found.progress.run_count, found.progress.failures) == (2, 1)


def test_a_recorded_wait_holds_whatever_the_retries_are_now():
    found = recalled([record("Failed"), without_attempt("Retrying", start_time=BEGIN + 60)])
    assert found.step == Wake(BEGIN + 60)


@pytest.mark.parametrize("retriable", [True, False])
def test_a_failure_beyond_the_budget_is_the_end(retriable):
    found = recalled([record("Failed", retriable=retriable, value=sealed(ValueError("no")))])
    assert isinstance(found.step, End)
    assert str(found.state.result) == "no"
    assert found.state.message == "it Failed"


def test_a_failure_that_is_not_to_be_retried_is_the_end_whatever_the_budget():
    for more in ({"retriable": False}, {"final": True}):
        assert isinstance(recalled([record("Failed", **more)], max_retries=5).step, End)


def test_an_exception_of_which_only_words_were_kept_comes_back_as_words():
    found = recalled([record("Failed")])
    assert str(found.state.result) == "ValueError: no"


@pytest.mark.parametrize("value", [0, None, [], {"a": (1, 2)}])
def test_a_success_comes_back_with_its_value(value):
    found = recalled([record("Success", value=sealed(value))])
    assert found.state.is_successful()
    assert found.state.result == value


def test_a_state_that_this_version_does_not_know_is_a_success_or_a_failure():
    assert recalled([record("Perfect", value=sealed(1))]).state.is_successful()
    assert recalled([record("Hopeless", error=ERROR)]).state.is_failed()


def test_losses_of_workers_go_on_being_counted():
    found = recalled(
        [record(LOST, submission=0, attempted=False), record(LOST, submission=1, attempted=False)],
        [sent(submission=2)],
        max_worker_losses=2,
    )
    assert found.in_flight
    assert found.progress.losses == 2
    once_more = recalled(
        [record(LOST, submission=number, attempted=False) for number in range(3)],
        [sent(submission=2)],
        max_worker_losses=2,
    )
    assert isinstance(once_more.step, Announce) and once_more.step.state.is_crashed()


def test_r08_a_recorded_loss_is_charged_once_though_submissions_before_it_left_no_record():
    found = recalled([record(LOST, submission=1, attempted=False)], [sent(submission=1)])
    assert not found.in_flight
    assert (found.progress.losses, found.progress.submission) == (1, 2)


def test_a_loss_of_what_is_at_most_once_is_a_crash():
    found = recalled([record(LOST, attempted=False)], [sent()], at_most_once=True)
    assert isinstance(found.step, Announce) and found.step.state.is_crashed()


def test_a_loss_without_a_new_submission_is_submitted_under_a_new_number():
    found = recalled([record(LOST, attempted=False)], [sent()])
    assert isinstance(found.step, Enqueue)
    assert found.progress.submission == 1


def test_a_child_that_was_taken_back_begins_its_iteration_with_new_retries():
    found = recalled(
        [
            looped(1, "one"),
            looped(2, "two"),
            record("Failed", 3),
            without_attempt("Retrying", 3),
            record("Failed", 3, run_count=2),
            without_attempt(TAKEN_BACK, 2, submission=7),
        ],
        [sent(3, run_count=2)],
        max_retries=1,
    )
    assert isinstance(found.step, Enqueue)
    assert not found.in_flight
    assert (found.progress.iteration, found.progress.payload) == (2, sealed("one"))
    assert (found.progress.run_count, found.progress.failures) == (1, 0)
    assert (found.progress.submission, found.progress.since) == (7, 7)
    assert found.last is None


def test_a_child_that_was_taken_back_and_sent_is_in_flight_again():
    found = recalled(
        [looped(1, 1), record("Failed", 2), without_attempt(TAKEN_BACK, 2, submission=1)],
        [sent(2, submission=1)],
    )
    assert found.in_flight
    assert found.progress.submission == 1


def test_a_child_that_is_to_be_forgotten_is_new_but_for_its_numbers():
    found = recalled(
        [record("Success", value=sealed(1)), without_attempt(TAKEN_BACK, FORGOTTEN, submission=4)],
        [sent(submission=3)],
    )
    assert found.is_new
    assert not found.in_flight
    assert found.progress.phase is Phase.WAITING
    assert (found.progress.submission, found.progress.since) == (4, 4)
    assert found.progress.begun is None


def test_a_child_that_was_forgotten_and_has_begun_again_is_not_new():
    forgotten = [looped(1, "old"), without_attempt(TAKEN_BACK, FORGOTTEN, submission=4)]
    assert recalled(forgotten, [sent(submission=4)]).in_flight
    found = recalled([*forgotten, looped(1, "new", submission=4)], [sent(submission=4)])
    assert not found.is_new
    assert (found.progress.iteration, found.progress.payload) == (2, sealed("new"))


def test_what_ended_without_beginning_has_not_begun():
    for state in ("Skipped", "TriggerFailed"):
        found = recalled([without_attempt(state, final=True)])
        assert isinstance(found.step, End)
        assert found.progress.begun is None


def test_a_limit_that_was_lowered_ends_the_loop():
    found = recalled([looped(k, k) for k in (1, 2, 3)], [sent(3)], max_loops=2)
    assert isinstance(found.step, Announce) and "max_loops=2" in found.step.state.message


def test_a_limit_of_time_counts_from_the_first_start():
    records = [looped(1, 1, started=BEGIN, at=BEGIN + 1), looped(2, 2, at=BEGIN + 100)]
    found = recalled(records, [sent(2)], max_time=50)
    assert isinstance(found.step, Announce) and "max_time=50 s" in found.step.state.message
    assert isinstance(recalled(records, [sent(2)], max_time=500).step, Enqueue)


def test_a_map_of_another_width_is_refused():
    graph = TaskGraph("maps")
    Plain(name="t").map([1, 2, 3], flow=graph)
    standing = Standing(compile_plan(graph), {})
    node = standing.nodes[0]
    open_map(standing, node)
    fits = without_attempt("Mapped", final=True, width=3)
    assert Memory([fits], (), None).recall(node.child).state.is_mapped()
    other = without_attempt("Mapped", final=True, width=4)
    with pytest.raises(ResumeError, match="over 4 elements when the run began, .*now there are 3"):
        Memory([other], (), None).recall(node.child)


def test_histories_of_several_children_are_told_apart():
    graph = TaskGraph("maps")
    for _ in range(2):
        graph.add_task(Plain(name="t"))
    nodes = Standing(compile_plan(graph), {}).nodes
    records = [
        Recorded((Place(node.plan.slug, None, 1),), 1, 0, "Success", "", sealed(node.plan.slug))
        for node in nodes
    ]
    memory = Memory(records, (), None)
    assert [memory.recall(node.child).state.result for node in nodes] == ["t-1", "t-2"]
