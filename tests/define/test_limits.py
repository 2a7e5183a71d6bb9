"""Durations and limits."""

from datetime import timedelta

import numpy
import pytest

from daskloop.define.decorator import task
from daskloop.define.limits import Limits, duration, limits


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (2, 2.0),
        (0.25, 0.25),
        (0, 0.0),
        (timedelta(seconds=1, microseconds=5), 1.000005),
        ("2s", 2.0),
        ("5m", 300.0),
        ("1 hour", 3600.0),
        ("7", 7.0),
        (numpy.float32(0.5), 0.5),
        (numpy.int64(3), 3.0),
    ],
)
def test_r02_durations_are_read_as_users_write_them(given, seconds):
    assert duration(given, "retry_delay") == seconds


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (True, TypeError),
        (None, TypeError),
        ([1], TypeError),
        (numpy.True_, TypeError),
        (-1, ValueError),
        (timedelta(seconds=-1), ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (timedelta(days=31), ValueError),
        (31 * 86400, ValueError),
        ("", ValueError),
        ("soon", ValueError),
        ("-3s", ValueError),
        ("5 apples", ValueError),
    ],
)
def test_durations_that_make_no_sense_are_refused_with_the_name_of_the_option(given, error):
    with pytest.raises(error, match=r"wait=.*(give|write)"):
        duration(given, "wait")


def test_limits_are_kept_in_seconds():
    assert limits(timeout="30s", max_loops=5, max_time=timedelta(hours=1)) == Limits(
        timeout=30.0, max_loops=5, max_time=3600.0
    )
    assert limits(timeout=0.001).timeout == 0.001
    assert limits().max_worker_losses == 3
    assert limits(max_worker_losses=0).max_worker_losses == 0


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": timedelta(0)},
        {"timeout": True},
        {"max_loops": 0},
        {"max_loops": True},
        {"max_loops": 2.0},
        {"max_time": 0},
        {"max_time": "long"},
        {"max_worker_losses": -1},
        {"max_worker_losses": "3"},
        {"at_most_once": 1},
        {"at_most_once": None},
    ],
    ids=repr,
)
def test_limits_that_make_no_sense_are_refused_where_the_task_is_defined(options):
    (name,) = options
    with pytest.raises((TypeError, ValueError), match=name):
        task(lambda: None, **options)


def test_r11_at_most_once_may_stand_beside_retries():
    assert task(lambda: None, max_retries=2, at_most_once=True).limits.at_most_once
