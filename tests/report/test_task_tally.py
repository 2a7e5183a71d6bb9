"""The children of a task, counted on: what is held of each is told whole, however it is held."""

from __future__ import annotations

from daskloop.dashboard.standings import Standing
from daskloop.report.task_tally import TaskTally


def test_of_a_child_that_was_only_sent_a_number_is_held_and_all_is_told():
    tally = TaskTally("m-1", "m", True)
    tally.sent(0, 1, 10.0)
    tally.sent(1, 1, 11.0)
    tally.sent(2, 4, 12.0)
    assert tally.going[0] == 10.0
    told = [tally.child(index) for index in tally.going]
    assert [(one.begun, one.iteration, one.standing) for one in told] == [
        (10.0, 1, Standing.UNDER_WAY),
        (11.0, 1, Standing.UNDER_WAY),
        (12.0, 4, Standing.UNDER_WAY),
    ]


def test_what_is_heard_later_stays_with_the_child_and_its_place():
    tally = TaskTally("m-1", "m", True)
    for index in range(3):
        tally.sent(index, 1, 10.0 + index)
    going = tally.goes(1, Standing.RETRYING, 20.0)
    going.due, going.failed = 25.0, True
    assert list(tally.going) == [0, 1, 2]
    assert list(tally.those(Standing.UNDER_WAY)) == [0, 2]
    assert list(tally.those(Standing.RETRYING)) == [1]
    tally.sent(1, 1, 26.0)
    again = tally.child(1)
    assert (again.begun, again.standing, again.due, again.failed) == (
        11.0,
        Standing.UNDER_WAY,
        None,
        False,
    )
    tally.over(0, Standing.DONE, 1, 1.0)
    assert list(tally.those(Standing.UNDER_WAY)) == [1, 2]
    assert list(tally.those(Standing.PAUSED)) == []
    assert tally.counts[Standing.DONE] == 1
