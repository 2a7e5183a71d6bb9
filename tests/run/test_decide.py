"""What follows from what happened to one child: each rule alone."""

from __future__ import annotations

from typing import Any

import pytest

from daskloop.errors import HandlerError, LoopLimit, RunStopped, WorkerLost
from daskloop.run.progress import (
    Accepted,
    Due,
    Ended,
    Enqueue,
    Ready,
    Settled,
    Submit,
    Wake,
)
from daskloop.run.states_of import moment_of, state_of
from daskloop.states import (
    Cancelled,
    Crashed,
    Failed,
    Looped,
    Pending,
    Retrying,
    Running,
    Skipped,
    Success,
    TriggerFailed,
)
from tests.run.lives import BEGIN, Life, entry, rules, sealed


def test_l01_an_iteration_ends_as_looped_with_its_number():
    life = Life(rules()).begin().come("looped", 1)
    assert [type(s).__name__ for s in life.announced] == ["Running", "Looped"]
    assert life.announced[1].loop_count == 1


def test_l02_the_next_iteration_waits_for_nothing_but_its_turn():
    life = Life(rules(max_retries=2, delay=60.0)).begin().come("looped", 1)
    assert isinstance(life.step, Enqueue)
    assert life.now == BEGIN


@pytest.mark.parametrize("payload", [0, False, None, [], {}, "", b""])
def test_l03_what_was_accepted_is_what_the_next_iteration_gets(payload: Any):
    life = Life(rules()).begin().come("looped", payload).go()
    assert life.progress.iteration == 2
    assert life.progress.payload == sealed(payload)


def test_l03_the_first_iteration_has_no_payload():
    assert Life(rules()).begin().progress.payload is None


def test_l05_a_return_ends_the_loop():
    life = Life(rules()).begin().come("looped", 1).go().come("success", None)
    assert type(life.end) is Success


@pytest.mark.parametrize(("kind", "end"), [("skipped", Skipped), ("success", Success)])
def test_l06_a_signal_at_iteration_k_ends_the_loop(kind: str, end: type):
    life = Life(rules()).begin().come("looped", 1).go().come(kind)
    assert type(life.end) is end


def test_l08_a_finished_state_in_place_of_looped_ends_the_loop():
    life = Life(rules()).begin()
    made = entry("looped", 1)
    life.tell(Ended(made, state_of(made, life.progress, None)))
    life.accept(Success("enough", 7))
    assert life.end.result == 7


def test_l08_a_changed_payload_is_the_one_handed_on():
    life = Life(rules()).begin()
    made = entry("looped", 1)
    life.tell(Ended(made, state_of(made, life.progress, None)))
    life.accept(Looped("changed", 5), payload=5)
    assert life.go().progress.payload == sealed(5)


def test_l15_max_loops_ends_the_loop_after_that_many_iterations():
    life = Life(rules("fib", max_loops=3)).begin()
    for n in range(3):
        life.come("looped", n, message=f"round {n}")
        if n < 2:
            life.go()
    state = life.end
    assert type(state) is Failed and isinstance(state.result, LoopLimit)
    assert [a[0] for a in life.attempts] == [1, 2, 3]
    for word in ("fib", "max_loops=3", "iteration 3", "round 0", "round 2"):
        assert word in str(state.message)


def test_l15_max_loops_lets_the_last_iteration_end_by_itself():
    life = Life(rules(max_loops=2)).begin().come("looped", 1).go().come("success", 2)
    assert type(life.end) is Success


def test_l15_a_loop_over_its_limit_is_not_retried():
    life = Life(rules(max_loops=1, max_retries=5)).begin().come("looped", 1)
    assert type(life.end) is Failed


def test_l15_max_time_counts_from_the_first_submission_and_ends_between_iterations():
    life = Life(rules("slow", max_time=10.0)).begin()
    life.now += 9.0
    life.come("looped", 1).go()
    life.now += 2.0
    life.come("looped", 2)
    assert isinstance(life.end.result, LoopLimit)
    assert "max_time=10 s" in str(life.end.message) and "iteration 2" in str(life.end.message)


def test_l15_max_time_names_the_iteration_that_waits_for_its_retry():
    life = Life(rules("slow", max_time=10.0, max_retries=5, delay=60.0)).begin()
    life.come("looped", 1, message="one").go().come("failed")
    assert life.step.at == BEGIN + 10.0, "and not the minute that the retry would wait"
    life.now = life.step.at
    life.tell(Due())
    life.accept()
    for words in ("max_time=10 s", "iteration 2", "last messages: 'one'", "last attempt failed: "):
        assert words in str(life.end.message), life.end.message


def test_r01_attempts_of_each_iteration_are_one_more_than_max_retries():
    life = Life(rules(max_retries=2)).begin()
    life.come("failed").go().come("failed").go().come("looped", 1).go()
    life.come("failed").go().come("failed").go().come("failed")
    assert type(life.end) is Failed
    assert life.attempts == [(1, 1, 0), (1, 2, 0), (1, 3, 0), (2, 1, 0), (2, 2, 0), (2, 3, 0)]


def test_r02_the_delay_is_measured_from_the_failure():
    life = Life(rules(max_retries=2, delay=(2.0, 5.0))).begin()
    life.now += 100.0
    life.come("failed")
    assert life.step == Wake(BEGIN + 102.0)
    life.go().come("failed")
    assert life.step == Wake(life.now + 5.0)


def test_r02_jitter_adds_its_share_of_the_delay():
    life = Life(rules(max_retries=1, delay=10.0, jitter=0.5), draw=0.5).begin().come("failed")
    assert life.step == Wake(BEGIN + 12.5)


def test_r02_a_delay_that_raises_fails_the_task_and_says_so():
    def delay(attempt: int) -> float:
        raise ZeroDivisionError("no delay today")

    life = Life(rules("t", max_retries=1, delay=delay)).begin().come("failed")
    assert isinstance(life.end.result, HandlerError)
    assert "retry_delay of t" in str(life.end.message)


def test_r02_a_delay_that_exits_fails_the_task_and_not_the_driver():
    def delay(attempt: int) -> float:
        raise SystemExit(3)

    life = Life(rules("t", max_retries=1, delay=delay)).begin().come("failed")
    assert type(life.end) is Failed


def test_r03_a_retry_is_running_failed_retrying_running():
    life = Life(rules(max_retries=1)).begin().come("failed").go().come("success", 1)
    names = [type(s).__name__ for s in life.announced]
    assert names == ["Running", "Failed", "Retrying", "Running", "Success"]
    retrying = life.announced[2]
    assert isinstance(retrying, Retrying)
    assert (retrying.run_count, retrying.start_time) == (2, moment_of(BEGIN))


def test_r05_a_retry_has_the_iteration_and_the_payload_of_the_failed_attempt():
    life = Life(rules(max_retries=1)).begin().come("looped", {"n": 1}).go().come("failed").go()
    first, again = life.submissions[1:]
    assert (again.iteration, again.payload) == (first.iteration, first.payload)
    assert (again.iteration, again.run_count) == (2, 2)


def test_r06_a_retry_that_was_asked_for_costs_no_budget():
    life = Life(rules(max_retries=1)).begin()
    for _ in range(10):
        life.come("retry").go()
    life.come("failed").go().come("failed")
    assert type(life.end) is Failed
    assert [a[:2] for a in life.attempts] == [(1, n) for n in range(1, 13)]


def test_r06_a_retry_waits_until_the_time_that_was_asked_for():
    life = Life(rules()).begin().come("retry", start_time=BEGIN + 77)
    assert life.step == Wake(BEGIN + 77)


@pytest.mark.parametrize("kind", ["failed", "timed_out"])
def test_r07_failures_and_time_outs_are_retried(kind: str):
    assert Life(rules(max_retries=1)).begin().come(kind).go().progress.run_count == 2


def test_r07_what_retry_on_refuses_is_not_retried():
    life = Life(rules(max_retries=5)).begin().come("failed", retriable=False)
    assert type(life.end) is Failed


def test_r07_a_failed_trigger_is_not_retried():
    life = Life(rules(max_retries=5)).begin().come("trigger_failed")
    assert type(life.end) is TriggerFailed


def test_r07_a_failure_made_by_a_handler_of_a_success_is_retried():
    life = Life(rules(max_retries=1)).begin()
    made = entry("success", 1)
    life.tell(Ended(made, state_of(made, life.progress, None)))
    life.accept(Failed("no good"))
    life.accept()
    assert life.go().progress.run_count == 2


def test_r07_a_handler_that_broke_is_not_retried():
    life = Life(rules(max_retries=5)).begin()
    made = entry("success", 1)
    life.tell(Ended(made, state_of(made, life.progress, None)))
    life.tell(Accepted(Failed("the handler raised"), None, True))
    assert type(life.end) is Failed


def test_r08_losses_have_a_budget_of_their_own():
    life = Life(rules("t", max_retries=2, max_worker_losses=2)).begin()
    life.lose(charged=True).go().lose(charged=True)
    assert isinstance(life.step, Enqueue), "it waits for a place like anybody else"
    life.go()
    assert life.progress.failures == 0 and life.progress.run_count == 1
    life.lose(charged=True)
    assert type(life.end) is Crashed and isinstance(life.end.result, WorkerLost)
    assert "max_worker_losses=2" in str(life.end.message)
    assert life.attempts == [(1, 1, 0), (1, 1, 1), (1, 1, 2)]


def test_r08_a_lost_attempt_is_not_announced_again():
    life = Life(rules()).begin().lose(charged=True).come("success", 1)
    assert [type(s).__name__ for s in life.announced] == ["Running", "Success"]


def test_r08_a_bystander_is_never_charged_and_never_fails():
    life = Life(rules(max_worker_losses=0)).begin()
    for _ in range(200):
        life.lose(charged=False)
        life.go()
    assert life.progress.losses == 0
    assert len(set(life.attempts)) == 201
    assert type(life.come("success", 1).end) is Success


def test_r08_a_cluster_that_keeps_losing_attempts_is_given_pauses_of_ten_seconds_at_most():
    life = Life(rules()).begin()
    pauses = []
    for _ in range(20):
        life.lose(charged=False)
        pauses.append(life.step.at - life.now if isinstance(life.step, Wake) else 0.0)
        life.go()
    assert pauses[:2] == [0.0, 0.0] and pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(10.0)


def test_r11_at_most_once_means_that_a_started_attempt_is_never_run_again():
    life = Life(rules("t", at_most_once=True, max_retries=5)).begin().lose(charged=True)
    assert type(life.end) is Crashed and "at_most_once" in str(life.end.message)


def test_r11_at_most_once_runs_again_what_never_began():
    life = Life(rules(at_most_once=True)).begin().lose(charged=False)
    assert isinstance(life.step, Enqueue)
    assert isinstance(life.go().step, Submit)


def test_l13_the_last_three_messages_are_remembered():
    life = Life(rules()).begin()
    for n in range(5):
        life.come("looped", n, message=f"m{n}").go()
    assert life.progress.messages == ("m2", "m3", "m4")


@pytest.mark.parametrize("state", [Running(), Pending()])
def test_l08_an_unfinished_state_for_an_ended_attempt_is_an_error_that_says_so(state: Any):
    life = Life(rules("t")).begin()
    made = entry("success", 1)
    life.tell(Ended(made, state_of(made, life.progress, None)))
    life.accept(state)
    assert isinstance(life.end.result, HandlerError)
    assert "return a finished state" in str(life.end.message)


def test_l08_a_retrying_without_a_proper_start_time_fails_the_task_and_not_the_driver():
    life = Life(rules("t")).begin()
    made = entry("failed")
    life.tell(Ended(made, state_of(made, life.progress, None)))
    life.accept(Retrying("later", start_time="tomorrow"))  # type: ignore[arg-type]
    assert isinstance(life.end.result, HandlerError)


def test_a_settled_state_ends_the_child_without_an_attempt():
    life = Life(rules(max_retries=5))
    life.tell(Settled(TriggerFailed("no")))
    life.accept()
    assert type(life.end) is TriggerFailed and not life.attempts


@pytest.mark.parametrize("now", [True, False])
def test_f11_what_waits_is_cancelled_when_the_run_is_stopped(now: bool):
    for life in (
        Life(rules()),
        _told(Life(rules()), Ready()),
        Life(rules(max_retries=1, delay=9.0)).begin().come("failed"),
        Life(rules()).begin().come("looped", 1),
    ):
        life.stop(now=now)
        assert type(life.end) is Cancelled and isinstance(life.end.result, RunStopped)


def test_f11_what_runs_may_end_and_begins_nothing_after_it():
    for kind, wanted in (("success", Success), ("looped", Cancelled), ("retry", Cancelled)):
        life = Life(rules()).begin().stop(now=False)
        assert life.step is None
        assert type(life.come(kind, 1).end) is wanted


def test_f11_what_runs_is_given_up_at_the_second_ctrl_c():
    assert type(Life(rules()).begin().stop(now=True).end) is Cancelled


def test_f11_a_last_failed_attempt_stays_a_failure_when_the_run_is_stopped():
    life = Life(rules()).begin().stop(now=False).come("failed")
    assert type(life.end) is Failed


def _told(life: Life, happening: Any) -> Life:
    life.tell(happening)
    return life
