"""Retry policies: what is accepted, what is refused, how long the wait is."""

import functools
from datetime import timedelta

import numpy
import pytest

from daskloop.define.decorator import task
from daskloop.define.retry import RetryPolicy, retry_policy
from tests.case_names import case_name


class wait_twice:
    """Looks to us as a wait object of tenacity does."""

    def __add__(self, other):
        return self

    def __call__(self, retry_state):
        return 2 * retry_state.attempt_number


class wait_of_tenacity(functools.partial):
    """Has the module of tenacity, and nothing else that gives it away."""


wait_of_tenacity.__module__ = "tenacity.wait"


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        (None, [0, 0, 0]),
        (0, [0, 0, 0]),
        (2, [2, 2, 2]),
        ("2s", [2, 2, 2]),
        (timedelta(seconds=3), [3, 3, 3]),
        (["1s", 2, timedelta(seconds=3)], [1, 2, 3]),
        ((1, 5), [1, 5, 5]),
        (lambda attempt: attempt * 10, [10, 20, 30]),
        (lambda attempt: timedelta(seconds=attempt), [1, 2, 3]),
        (wait_twice(), [2, 4, 6]),
        (wait_of_tenacity(lambda state: state.attempt_number), [1, 2, 3]),
    ],
)
def test_r02_the_delay_may_be_given_in_many_ways(delay, seconds):
    policy = retry_policy(max_retries=3, retry_delay=delay)
    assert [policy.delay_after(attempt, draw=0.5) for attempt in (1, 2, 3)] == seconds


def test_r02_jitter_adds_up_to_its_share():
    policy = retry_policy(max_retries=1, retry_delay=10, retry_jitter=0.3)
    assert policy.delay_after(1, draw=0.0) == 10
    assert policy.delay_after(1, draw=0.5) == 11.5


@pytest.mark.parametrize(
    "result", [-1, float("nan"), float("inf"), None, "soon", True], ids=case_name
)
def test_r02_a_callable_that_returns_no_delay_is_named_when_it_is_asked(result):
    def backoff(attempt):
        return result

    policy = retry_policy(max_retries=1, retry_delay=backoff)
    with pytest.raises((TypeError, ValueError), match="retry_delay=backoff after attempt 2"):
        policy.delay_after(2, draw=0.0)


def test_r02_a_callable_that_raises_is_named_when_it_is_asked():
    policy = retry_policy(max_retries=1, retry_delay=lambda attempt: 1 / 0)
    with pytest.raises(ValueError, match=r"retry_delay=.*ZeroDivisionError") as caught:
        policy.delay_after(1, draw=0.0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_r02_exception_types_come_alone_or_in_a_collection():
    assert retry_policy(max_retries=1, retry_on=KeyError).retry_on == (KeyError,)
    assert retry_policy(max_retries=1, retry_on=[KeyError, OSError]).retry_on == (
        KeyError,
        OSError,
    )


def test_r10_max_retries_alone_is_allowed_and_means_no_delay():
    assert retry_policy(max_retries=2) == RetryPolicy(max_retries=2, delay=0.0)
    assert retry_policy(max_retries=numpy.int64(2)).max_retries == 2
    assert retry_policy() == retry_policy(max_retries=0) == RetryPolicy()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_retries": -1}, ValueError),
        ({"max_retries": 10**9}, ValueError),
        ({"max_retries": 1.0}, TypeError),
        ({"max_retries": True}, TypeError),
        ({"max_retries": "3"}, TypeError),
        ({"retry_delay": 1}, ValueError),
        ({"retry_jitter": 0.1}, ValueError),
        ({"retry_on": KeyError}, ValueError),
        ({"retry_if": bool}, ValueError),
        ({"max_retries": 0, "retry_delay": 1}, ValueError),
        ({"max_retries": 1, "retry_delay": -1}, ValueError),
        ({"max_retries": 1, "retry_delay": []}, ValueError),
        ({"max_retries": 1, "retry_delay": [1, -1]}, ValueError),
        ({"max_retries": 1, "retry_delay": timedelta(days=31)}, ValueError),
        ({"max_retries": 1, "retry_delay": "soon"}, ValueError),
        ({"max_retries": 1, "retry_delay": True}, TypeError),
        ({"max_retries": 1, "retry_delay": object()}, TypeError),
        ({"max_retries": 1, "retry_delay": timedelta}, TypeError),
        ({"max_retries": 1, "retry_jitter": -0.1}, ValueError),
        ({"max_retries": 1, "retry_jitter": float("nan")}, ValueError),
        ({"max_retries": 1, "retry_jitter": True}, TypeError),
        ({"max_retries": 1, "retry_jitter": "1s"}, TypeError),
        ({"max_retries": 1, "retry_on": KeyError("x")}, TypeError),
        ({"max_retries": 1, "retry_on": int}, TypeError),
        ({"max_retries": 1, "retry_on": [KeyError, KeyboardInterrupt]}, TypeError),
        ({"max_retries": 1, "retry_on": "KeyError"}, TypeError),
        ({"max_retries": 1, "retry_on": []}, ValueError),
        ({"max_retries": 1, "retry_if": "always"}, TypeError),
    ],
    ids=case_name,
)
def test_r10_bad_retries_are_refused_where_the_task_is_defined(options, error):
    name = list(options)[-1]
    with pytest.raises(error, match=name):
        task(lambda: None, **options)


def test_r10_the_text_says_what_to_write():
    with pytest.raises(TypeError, match=r"write the class, like retry_on=KeyError"):
        retry_policy(max_retries=1, retry_on=KeyError("x"))
    with pytest.raises(ValueError, match="give max_retries=1 or more, or leave retry_delay out"):
        retry_policy(retry_delay=5)


def test_a_copy_keeps_what_is_not_changed():
    policy = retry_policy(max_retries=3, retry_delay=2, retry_jitter=0.5, retry_on=KeyError)
    assert policy.changed({"retry_delay": "5s"}) == retry_policy(3, 5, 0.5, KeyError)
    assert policy.changed({"max_retries": 1}).delay == 2.0
    assert policy.changed({"max_retries": 0}) == RetryPolicy()
    with pytest.raises(ValueError, match="max_retries"):
        RetryPolicy().changed({"retry_delay": 1})
