"""Failures and losses, the same text once."""

from __future__ import annotations

from daskloop.keys import Place
from daskloop.page.mishaps import MOST_GROUPS, mishaps_of
from daskloop.page.words import Words
from daskloop.record.entries import Recorded
from daskloop.record.sealed import ErrorText
from tests.page.pasts import failed, looped, record

NAMES = {"reach-1": "reach", "total-1": "total"}


def mishaps(*records, labels=None, secrets=()):
    return mishaps_of(records, NAMES, labels or {}, Words(secrets))


def test_the_same_text_is_told_once_with_how_often_and_where():
    found = mishaps(
        failed("reset", 2, 0), failed("reset", 2, 0, run_count=2), failed("reset", 5, 7), looped(1)
    )
    (group,) = found.failures
    assert (group.task, group.text, group.count) == ("reach", "ValueError: reset", 3)
    assert list(group.places) == ["reach[0]@2", "reach[7]@5"]
    assert group.traceback == "Traceback:\n  reset"


def test_the_most_frequent_text_is_first_and_last_tries_are_counted():
    records = [failed("rare"), *(failed("often", child=n, final=n < 2) for n in range(4))]
    first, second = mishaps(*records).failures
    assert (first.count, first.final, second.count) == (4, 2, 1)


def test_the_same_text_of_two_tasks_is_told_of_each():
    address = (Place("total-1", None, 1),)
    other = Recorded(address, 1, 0, "TimedOut", "slow")
    assert len(mishaps(record("TimedOut", message="slow"), other).failures) == 2


def test_what_only_followed_from_another_failure_is_none():
    found = mishaps(record("TriggerFailed", attempted=False), record("Skipped"))
    assert found.failures == found.losses == ()


def test_lost_workers_are_told_by_themselves():
    found = mishaps(record("Lost", message="killed by signal 9"))
    assert found.failures == ()
    assert [(one.text, one.count) for one in found.losses] == [("killed by signal 9", 1)]


def test_an_error_in_the_body_of_a_loop_flow_says_in_which_iteration():
    inner = (Place("reach-1", 3, 9), Place("total-1", None, 1))
    error = ErrorText("KeyError", "'x'", "")
    (group,) = mishaps(Recorded(inner, 1, 0, "Failed", "", error=error)).failures
    assert list(group.places) == ["reach[3]@9/total@1"]


def test_children_are_called_by_their_own_names():
    (group,) = mishaps(failed("x", 2, 1), labels={"reach-1": ["a.org", "b.org"]}).failures
    assert list(group.places) == ["reach[b.org]@2"]
    (group,) = mishaps(failed("x", 2, 5), labels={"reach-1": ["a.org"]}).failures
    assert list(group.places) == ["reach[5]@2"]


def test_of_many_texts_those_are_alike_that_differ_in_numbers():
    few = mishaps(*(failed(f"no child {n}", child=n) for n in range(20)))
    assert len(few.failures) == 20
    many = mishaps(*(failed(f"no child {n}", child=n) for n in range(5_000)))
    (group,) = many.failures
    assert group.count == 5_000 and group.differs


def test_of_very_many_texts_the_rest_is_counted():
    words = [f"{'abcdefghij'[n % 10]}{'k' * (n // 10)}" for n in range(3 * MOST_GROUPS)]
    found = mishaps(*(failed(word) for word in words))
    assert len(found.failures) == MOST_GROUPS
    assert found.more_failures == 2 * MOST_GROUPS


def test_a_secret_is_hidden_before_a_text_is_cut():
    for size in (480, 490, 498, 1_000_000):
        (group,) = mishaps(failed(size * "x" + " hunter22" * 3), secrets=["hunter22"]).failures
        assert "hunt" not in group.text
        assert "hunt" not in group.traceback
        assert len(group.text) <= 500
