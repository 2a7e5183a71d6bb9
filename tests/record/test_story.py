"""What a journal's records say of a child."""

from __future__ import annotations

import pytest

from daskloop.keys import Place
from daskloop.record.entries import Header, Mark, Past, Recorded, Submitted, Summary
from daskloop.record.story import stories

MARKS = (Mark("walk-1", "walk", "", "", True), Mark("sum-1", "sum", "", "", False))


def record(state, iteration=1, child=0, slug="walk-1", attempted=True, width=None):
    address = (Place(slug, child, iteration),)
    return Recorded(address, 1, 0, state, f"{state} {iteration}", attempted=attempted, width=width)


def sent(iteration, child=0):
    return Submitted((Place("walk-1", child, iteration),), 1, 0, 0.0)


def told(*records, submitted=()):
    summary = Summary(Header("run", "flow", 0.0, tasks=MARKS), "running", 1, 0.0, None)
    mapped = record("Mapped", 1, None, attempted=False, width=3)
    return stories(Past(summary, (mapped, *records), tuple(submitted)))


@pytest.mark.parametrize(
    ("records", "submitted", "state", "iteration", "iterations"),
    [
        ([], [sent(1)], "Running", 1, 0),
        ([record("Looped", 1)], [sent(2)], "Looped", 2, 1),
        ([record("Looped", 1), record("Failed", 2)], [], "Failed", 2, 1),
        (
            [record("Looped", 1), record("Failed", 2), record("Retrying", 2, attempted=False)],
            [],
            "Retrying",
            2,
            1,
        ),
        ([record("Looped", 1), record("Success", 2)], [], "Success", 2, 2),
        ([record("Looped", 1), record("Lost", 2, attempted=False)], [sent(2)], "Running", 2, 1),
        ([record("Success", 2), record("TakenBack", 2, attempted=False)], [], "Pending", 2, 1),
        ([record("Success", 2), record("TakenBack", 0, attempted=False)], [], "Pending", 0, 0),
        ([record("Skipped", 1, attempted=False)], [], "Skipped", 1, 0),
    ],
)
def test_a_child_stands_where_its_last_record_says(
    records, submitted, state, iteration, iterations
):
    (story,) = told(*records, submitted=submitted)[0].children
    assert (story.state, story.iteration, story.iterations) == (state, iteration, iterations)


def test_children_that_nothing_is_known_of_are_pending():
    walk, total = told(record("Success", 4, child=0), record("Failed", 2, child=2))
    assert walk.width == 3
    assert dict(walk.counts()) == {"Success": 1, "Failed": 1, "Pending": 1}
    assert walk.iterations == 5
    assert total.width is None and dict(total.counts()) == {"Pending": 1}


def test_a_map_that_has_grown_is_as_wide_as_its_children_are():
    walk, _ = told(*(record("Success", child=child) for child in range(5)))
    assert (walk.width, dict(walk.counts())) == (5, {"Success": 5})


def test_what_only_followed_from_a_failure_is_no_failure():
    _, total = told(record("TriggerFailed", 1, None, "sum-1", attempted=False))
    assert not total.children[0].is_failed


def test_the_payload_of_an_iteration_is_the_newest_of_the_one_before():
    (story,) = told(
        record("Looped", 1),
        record("Looped", 2),
        record("TakenBack", 2, attempted=False),
        again := record("Looped", 2),
    )[0].children
    assert story.payload_before(3) is again
    assert story.payload_before(1) is None
