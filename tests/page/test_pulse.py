"""A run over time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daskloop.page.pulse import BINS, pulse_of
from daskloop.page.pulse_svg import pulse_svg
from tests.page.pasts import BEGUN, failed, looped, record

TIMES = st.floats(0, 60)


@given(st.lists(st.tuples(TIMES, TIMES), max_size=20))
def test_every_attempt_is_counted_once_and_all_of_its_time(spans):
    records = [
        looped(n + 1, start=min(one), took=max(one) - min(one)) for n, one in enumerate(spans)
    ]
    pulse = pulse_of(records, BEGUN, BEGUN + 60)
    assert pulse.attempts == len(records)
    busy = sum(pulse.under_way) * 60 / BINS
    assert busy == pytest.approx(sum(max(one) - min(one) for one in spans), abs=1e-4)


def test_attempts_are_told_apart_by_how_they_ended():
    records = [looped(1), failed("x"), record("Success"), record("Paused")]
    pulse = pulse_of(records, BEGUN, BEGUN + 60)
    assert pulse.ended[1] == (1, 1, 1, 1)
    assert pulse_svg(pulse).count("<rect") == 4


def test_what_a_worker_with_another_clock_says_counts_at_the_edge():
    records = [looped(1, start=-1000), looped(2, start=10_000), looped(3, start=30, took=-5)]
    pulse = pulse_of(records, BEGUN, BEGUN + 60)
    assert pulse.ended[0] == pulse.ended[-1] == (1, 0, 0, 0)
    assert pulse.attempts == 3
    assert min(pulse.under_way) >= 0


def test_a_run_of_no_time_at_all_has_a_pulse():
    assert pulse_of([looped(1, took=0.0)], BEGUN, BEGUN).attempts == 1
    assert pulse_svg(pulse_of([], 0.0, 0.0)) == ""
