"""How many children a future holds, whatever it is told of those that came back."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daskloop.run.pace import BUDGET, Pace

NOTES = st.lists(
    st.tuples(
        st.integers(1, 10_000),
        st.floats(0.0, 1e6) | st.sampled_from([0.0, 1e-9, 0.0001, 0.01, 0.04]),
        st.booleans(),
    ),
    max_size=12,
)
BATCHES = st.just("auto") | st.integers(1, 10**6)
WAITING = st.integers(0, 10**6)
SLOTS = st.integers(1, 10_000)

LEAST = 0.002
"""Seconds of work that may stay together though others have nothing to do."""


def told(batch: Any, notes: list[tuple[int, float, bool]]) -> Pace:
    """Make a pace that has heard of some futures."""
    pace = Pace(batch)
    for children, seconds, looped in notes:
        pace.note(children, seconds, looped)
    return pace


@given(BATCHES, NOTES, WAITING, SLOTS)
@settings(deadline=None)
def test_b2_a_future_holds_a_child_at_least_and_a_fixed_batch_at_most(
    batch: Any, notes: list[tuple[int, float, bool]], waiting: int, slots: int
):
    pace = told(batch, notes)
    size = pace.size(waiting, slots)
    assert isinstance(size, int) and size >= 1
    if batch != "auto":
        assert size <= batch and pace.most == batch and pace.seconds == math.inf
    else:
        assert pace.seconds == BUDGET


@given(BATCHES, NOTES, WAITING, SLOTS)
@settings(deadline=None)
def test_b2_a_future_takes_no_more_than_its_part_of_what_waits_but_for_tiny_work(
    batch: Any, notes: list[tuple[int, float, bool]], waiting: int, slots: int
):
    pace = told(batch, notes)
    size = pace.size(waiting, slots)
    part = math.ceil(waiting / (2 * slots))
    if batch != "auto" or not notes:
        assert size <= max(1, part)
    elif size > max(1, part):
        assert size * mean(notes) <= LEAST * 1.000001


def mean(notes: list[tuple[int, float, bool]]) -> float:
    """Work out the mean of a child's seconds, in which older futures count less and less."""
    weights = [0.9**age for age in reversed(range(len(notes)))]
    seconds = sum(w * took for w, (_, took, _) in zip(weights, notes, strict=True))
    return seconds / sum(w * children for w, (children, _, _) in zip(weights, notes, strict=True))


@given(NOTES, WAITING, SLOTS)
@settings(deadline=None)
def test_b2_what_is_long_goes_alone(notes: list[tuple[int, float, bool]], waiting: int, slots: int):
    long = [(children, children * 0.05, looped) for children, _, looped in notes] or [(1, 1, False)]
    assert told("auto", long).size(waiting, slots) == 1


@pytest.mark.parametrize("batch", [3, "auto"])
def test_b2_a_size_is_known_while_no_worker_is_there(batch: Any):
    pace = Pace(batch)
    pace.note(8, 0.001, False)
    assert pace.size(40, 0) >= 1
    assert pace.futures(0, 32) >= 1


def test_b2_of_an_unknown_task_one_child_goes_first():
    assert Pace("auto").size(10**6, 1) == 1


def test_b2_futures_of_short_children_grow_step_by_step_to_what_is_worth_it():
    pace, sizes = Pace("auto"), []
    for _ in range(4):
        sizes.append(pace.size(10**6, 1))
        pace.note(sizes[-1], sizes[-1] * 0.00001, False)
    assert sizes == sorted(sizes) and sizes[:2] == [1, 64]
    assert sizes[-1] * 0.00001 == pytest.approx(0.04, rel=0.01)


def test_b2_a_fixed_batch_is_for_children_or_for_iterations_once_it_is_known_to_loop():
    pace = Pace(10)
    assert pace.size(1000, 1) == 10
    pace.note(10, 0.1, True)
    assert pace.size(1000, 1) == 1


@given(BATCHES, st.integers(0, 1000), st.integers(1, 5000))
@settings(deadline=None)
def test_b4_no_more_futures_are_wanted_than_the_window_holds(batch: Any, slots: int, window: int):
    assert 1 <= Pace(batch).futures(slots, window) <= window
