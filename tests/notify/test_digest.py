"""Many events become few messages: what is told, when, and how much of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daskloop.events import (
    ChildEnded,
    ChildPaused,
    Event,
    RetryScheduled,
    RunEnded,
    RunStalled,
    RunStarted,
)
from daskloop.keys import Place
from daskloop.notify.digest import Digest
from daskloop.notify.message import Message
from daskloop.notify.rules import EVENTS, Rules, rules
from daskloop.states import Failed, Success, TriggerFailed

RUN = "quiet-heron-7f3a9c12"
EVERYTHING = rules(EVENTS, "5m", 100)


def started(rules: Rules = EVERYTHING, *secrets: str) -> Digest:
    digest = Digest(rules, secrets)
    assert digest.hear(RunStarted(RUN, 0.0, "f", "'inline'")) == []
    return digest


def failed(at: float, child: int = 0, text: str = "no", state: Any = Failed) -> Event:
    return ChildEnded(RUN, at, (Place("t-1", child, 1),), f"t[{child}]", state(text), 0.1)


def retried(at: float) -> Event:
    return RetryScheduled(RUN, at, (Place("t-1", 0, 1),), "t[0]", 2, 1.0, "reset")


def ended(at: float, state: Any = Success) -> Event:
    return RunEnded(RUN, at, "f", state("the end"), at, 5, 2, 0)


def told(messages: list[Message]) -> list[tuple[str, list[tuple[str, str, int]], int]]:
    return [
        (one.event, [(t.child, t.text, t.count) for t in one.told], one.left_out)
        for one in messages
    ]


def test_the_first_failure_is_told_a_moment_later_with_those_that_follow_at_once():
    digest = started()
    assert digest.next_due is None
    assert digest.hear(failed(10.0)) == []
    assert digest.hear(failed(11.0, 1)) == []
    assert digest.next_due == 12.0
    assert digest.due(11.9) == []
    (message,) = digest.due(12.0)
    assert message.title == f"run {RUN} of flow 'f': 2 tasks failed"
    assert told([message]) == [("child-failed", [("t[0]", "no", 2)], 0)]
    assert digest.next_due is None and digest.due(1_000.0) == []


def test_what_fails_within_a_window_is_one_message_at_its_end():
    digest = started()
    digest.hear(failed(10.0))
    digest.due(12.0)
    for n in range(1, 10_001):
        digest.hear(failed(12.0 + n / 1_000, n, f"text {n % 7}"))
    assert digest.next_due == 312.0
    (message,) = digest.due(312.0)
    assert message.title.endswith("10,000 tasks failed")
    assert len(message.told) == 5
    assert sum(one.count for one in message.told) + message.left_out == 10_000
    assert message.lines()[-1] == f"… and {message.left_out:,} more"


def test_after_a_quiet_time_a_failure_is_told_soon_again():
    digest = started()
    digest.hear(failed(10.0))
    digest.due(12.0)
    digest.hear(failed(1_000.0))
    assert digest.next_due == 1_002.0


def test_the_end_tells_what_was_not_told_yet_and_nothing_is_told_after_it():
    digest = started()
    digest.hear(failed(10.0))
    digest.due(12.0)
    digest.hear(failed(13.0, 1, "later"))
    (message,) = digest.hear(ended(14.0, Failed))
    assert told([message]) == [("failed", [("t[1]", "later", 1)], 0)]
    assert message.counts == {
        "state": "Failed",
        "seconds": 14.0,
        "failed": 2,
        "iterations": 5,
        "retries": 2,
        "losses": 0,
    }
    assert digest.next_due is None and digest.broke_off(15.0) == []


def test_what_is_to_be_told_of_alone_is_told_when_the_run_ends():
    digest = started(rules(["child-failed"], "5m", 100))
    digest.hear(failed(10.0))
    assert told(digest.hear(ended(11.0))) == [("child-failed", [("t[0]", "no", 1)], 0)]


def test_a_run_without_an_end_is_said_to_have_broken_off():
    digest = started()
    digest.hear(failed(10.0))
    (message,) = digest.broke_off(11.0)
    assert message.title == f"run {RUN} of flow 'f' broke off"
    assert told([message]) == [("failed", [("t[0]", "no", 1)], 0)]
    assert digest.broke_off(12.0) == []
    assert Digest(EVERYTHING).broke_off(0.0) == []


def test_what_is_to_be_told_of_alone_is_told_when_the_run_breaks_off():
    digest = started(rules(["child-failed"], "5m", 100))
    digest.hear(failed(10.0))
    assert told(digest.broke_off(11.0)) == [("child-failed", [("t[0]", "no", 1)], 0)]
    assert digest.broke_off(12.0) == []


def test_what_only_followed_from_a_failure_is_not_counted():
    digest = started()
    assert digest.hear(failed(1.0, state=TriggerFailed)) == []
    assert digest.next_due is None


def test_retries_are_told_of_at_the_threshold_and_each_time_there_are_twice_as_many():
    digest = started(rules(["retries"], 0, 10))
    found = []
    for n in range(100):
        digest.hear(retried(float(n)))
        found += digest.due(float(n) + 0.5)
    assert [one.title.rpartition(": ")[2] for one in found] == [
        f"{count} retries so far" for count in (10, 20, 40, 80)
    ]


def test_pauses_and_standstills_are_told_of():
    digest = started()
    digest.hear(ChildPaused(RUN, 1.0, (Place("t-1", None, 1),), "t", "may I?", None))
    digest.hear(RunStalled(RUN, 1.0, "no worker"))
    assert told(digest.due(3.0)) == [
        ("paused", [("t", "may I?", 1)], 0),
        ("stalled", [("", "no worker", 1)], 0),
    ]


def test_texts_are_short_safe_and_without_secrets():
    digest = started(EVERYTHING, "hunter2", "hunter2-long", "")
    secret = "x" * 290 + "hunter2-long"  # a cut goes through it
    digest.hear(failed(1.0, text=f"\x1b[31m two\nlines {secret}" + "y" * 1_000_000))
    (message,) = digest.due(5.0)
    (one,) = message.told
    assert one.text.startswith("\\x1b[31m two lines xxx")
    assert len(one.text) <= 300 and "hunter" not in one.text


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 200)), max_size=60))
@settings(deadline=None)
def test_every_failure_is_told_or_counted_once_and_messages_keep_their_distance(
    steps: list[tuple[int, int]],
):
    digest, now = started(rules(EVENTS, 60, 1)), 0.0
    sent: list[Message] = []
    for number, (wait, text) in enumerate(steps):
        now += wait / 10
        sent += digest.due(now)
        digest.hear(failed(now, number, str(text)))
    times = [one.at for one in sent]
    assert all(b - a >= 60 for a, b in pairwise(times))
    sent += digest.hear(ended(now, Failed))
    counted = sum(one.left_out + sum(t.count for t in one.told) for one in sent)
    assert counted == len(steps)
