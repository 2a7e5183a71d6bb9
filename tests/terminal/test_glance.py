"""How a run looks after each event: counts, and which children are worth a line."""

from __future__ import annotations

from daskloop.dashboard.standings import Standing
from daskloop.events import (
    AttemptFailed,
    AttemptLost,
    AttemptsSent,
    ChildEnded,
    ChildPaused,
    ChildRestored,
    Event,
    IterationEnded,
    MapOpened,
    RetryScheduled,
    RunStarted,
    RunStopping,
    TaskTitle,
)
from daskloop.keys import Address, Place
from daskloop.report.run_tally import RunTally
from daskloop.states import Cancelled, Failed, Skipped, State, Success, TriggerFailed
from daskloop.terminal.glance import Glance, Glances, TaskGlance

RUN = "quiet-heron-7f3a9c12"
TITLES = (TaskTitle("m-1", "m", True), TaskTitle("after-1", "after", False))


def at(child: int | None, iteration: int = 1, slug: str = "m-1") -> Address:
    return (Place(slug, child, iteration),)


def told(*events: Event) -> RunTally:
    """A tally that has heard that a run began, that its map is wide, and more."""
    tally = RunTally()
    started = RunStarted(RUN, 100.0, "flow", "threads", TITLES)
    for event in (started, MapOpened(RUN, 100.0, "m-1", "m", 10), *events):
        tally.hear(event)
    return tally


def glance(tally: RunTally, now: float = 110.0) -> Glance:
    return Glances(tally).take(lines=10, now=now)


def row(*events: Event) -> TaskGlance:
    return glance(told(*events)).tasks[0]


def sent(*children: int, when: float = 101.0, iteration: int = 1) -> AttemptsSent:
    return AttemptsSent(RUN, when, [at(child, iteration) for child in children])


def ended(child: int, state: State, iteration: int = 1, seconds: float = 1.0) -> ChildEnded:
    return ChildEnded(RUN, 105.0, at(child, iteration), f"m[{child}]", state, seconds)


def looped(child: int, iteration: int, count: int = 1, until: float | None = None) -> Event:
    place = at(child, iteration)
    return IterationEnded(
        RUN, 103.0, place, f"m[{child}]", f"step {iteration}", "w", 1.0, count, until
    )


def failed(child: int, iteration: int = 1) -> AttemptFailed:
    return AttemptFailed(RUN, 103.0, at(child, iteration), f"m[{child}]", 1, 6, "reset", "w")


def retries(child: int, delay: float, iteration: int = 1, message: str = "again") -> Event:
    place = at(child, iteration)
    return RetryScheduled(RUN, 103.0, place, f"m[{child}]", 2, delay, message)


def test_every_task_has_a_row_before_anything_of_it_has_begun():
    found = glance(told())
    assert [(one.name, one.width, one.ended) for one in found.tasks] == [
        ("m", 10, 0),
        ("after", 1, 0),
    ]
    assert (found.flow, found.run, found.seconds) == ("flow", RUN, 10.0)


def test_children_are_counted_where_they_stand_and_no_longer_where_they_stood():
    found = row(
        sent(0, 1, 2, 3, 4),
        ended(0, Success(result=1)),
        ended(1, Failed("broken")),
        ended(2, Skipped()),
        ended(3, Cancelled()),
        failed(4),
        retries(4, 9.0),
    )
    counts = {standing: found.counts[standing] for standing in Standing if found.counts[standing]}
    assert counts == {
        Standing.DONE: 1,
        Standing.FAILED: 1,
        Standing.SKIPPED: 1,
        Standing.CANCELLED: 1,
        Standing.RETRYING: 1,
    }
    assert (found.ended, found.width, found.retries) == (4, 10, 1)


def test_iterations_that_ended_in_one_future_are_all_counted():
    assert row(sent(0), looped(0, 25, count=25), ended(0, Success(result=1), 26)).iterations == 26


def test_a_retry_says_why_which_attempt_comes_next_and_when():
    (child,) = row(sent(0), looped(0, 8), sent(0, iteration=9), failed(0, 9), retries(0, 8.5, 9))[
        -1
    ]
    assert (child.iteration, child.run_count, child.attempts) == (9, 2, 6)
    assert child.message == "reset" and child.due_in == 103.0 + 8.5 - 110.0
    assert child.standing is Standing.RETRYING and child.seconds == 9.0


def test_a_retry_that_the_task_asked_for_says_what_the_task_said():
    (child,) = row(sent(0), retries(0, 8.5, message="not yet"))[-1]
    assert child.message == "not yet" and child.attempts == 0


def test_a_loop_that_waits_between_two_iterations_says_until_when():
    (child,) = row(sent(0), looped(0, 3, until=140.0))[-1]
    assert child.standing is Standing.UNDER_WAY
    assert (child.iteration, child.due_in) == (4, 30.0)


def test_paused_then_soonest_due_then_oldest_then_farthest_children_come_first():
    paused = ChildPaused(RUN, 104.0, at(9), "m[9]", "deploy?", None)
    events = [sent(n, when=101.0 + n / 10) for n in range(8)]
    late, soon = retries(0, 60.0), retries(1, 5.0)
    found = row(*events, late, soon, looped(7, 40), paused)
    names = [child.name for child in found.children]
    assert names == ["m[9]", "m[1]", "m[0]", "m[2]", "m[3]", "m[4]", "m[7]", "m[5]", "m[6]"]


def test_who_made_most_iterations_and_who_took_longest_is_remembered():
    found = row(ended(0, Success(), 3, 9.0), ended(1, Success(), 17, 2.0), ended(2, Success(), 5))
    assert (found.farthest, found.slowest) == (("m[1]", 17), ("m[0]", 9.0))


def test_failures_are_told_with_the_last_ones_words_and_what_follows_from_them_is_not():
    tally = told(*[ended(n, Failed(f"no {n}"), n + 1) for n in range(7)], ended(7, TriggerFailed()))
    found = glance(tally)
    assert found.failed == 7
    assert [one.message for one in found.failures] == [f"no {n}" for n in range(2, 7)]
    assert found.failures[-1].iteration == 7


def test_children_have_the_names_that_the_map_gave_them():
    tally = told(MapOpened(RUN, 100.0, "m-1", "m", 2, ["a.org", "b.org"]), sent(1))
    assert [child.name for child in glance(tally).tasks[0].children] == ["m[b.org]"]


def test_a_child_that_an_earlier_driver_has_brought_so_far_is_counted_at_once():
    found = row(
        ChildRestored(RUN, 101.0, at(0, 4), "m[0]", Success(result=1)),
        ChildRestored(RUN, 101.0, at(1, 7), "m[1]", None),
    )
    assert (found.ended, found.iterations) == (1, 4 + 6)
    assert [child.iteration for child in found.children] == [7]


def test_a_child_that_is_taken_back_has_not_ended_any_more():
    back = ChildRestored(RUN, 106.0, at(0, 2), "m[0]", None)
    found = row(ended(0, Success(), 5), back)
    assert (found.ended, found.counts[Standing.UNDER_WAY]) == (0, 1)
    forgotten = ChildRestored(RUN, 106.0, at(0, 0), "m[0]", None)
    assert not any(row(ended(0, Success(), 5), forgotten).counts)


def test_what_happens_in_the_body_of_a_loop_flow_counts_for_the_loop_flow():
    inside = (Place("m-1", 0, 3), Place("fetch-1", None, 1))
    found = row(
        AttemptsSent(RUN, 101.0, [inside]),
        MapOpened(RUN, 101.0, "m-1", "m", 99, (), True),
        AttemptFailed(RUN, 102.0, inside, "m[0]@3/fetch", 1, 2, "reset", "w"),
        RetryScheduled(RUN, 102.0, inside, "m[0]@3/fetch", 2, 60.0, "again"),
        AttemptLost(RUN, 102.0, inside, "m[0]@3/fetch", "gone", True),
        ChildEnded(RUN, 103.0, inside, "m[0]@3/fetch", Success(), 1.0),
    )
    assert (found.width, found.retries, found.losses, found.ended) == (10, 1, 1, 0)
    (child,) = found.children
    assert (child.standing, child.iteration, child.message) == (Standing.UNDER_WAY, 3, "reset")


def test_the_rate_is_that_of_the_last_seconds():
    tally = told(sent(0))
    glances = Glances(tally)
    glances.take(now=200.0)
    tally.hear(looped(0, 50, count=50))
    assert glances.take(now=205.0).tasks[0].rate == 10.0
    for second in range(206, 230):
        last = glances.take(now=float(second)).tasks[0].rate
    assert last == 0.0


def test_a_run_that_is_being_stopped_says_why():
    found = glance(told(RunStopping(RUN, 109.0, "stopped by Ctrl-C", False)))
    assert (found.stopping, found.stopping_now) == ("stopped by Ctrl-C", False)


def test_what_is_secret_is_in_no_glance():
    tally = told(sent(0), looped(0, 3), ended(1, Failed("step with hunter22")))
    tally.hear(MapOpened(RUN, 100.0, "m-1", "m", 2, ["hunter22", "b"]))
    hide = str.replace
    shown = repr(Glances(tally, lambda text: hide(text, "hunter22", "•••")).take(lines=9))
    assert "hunter22" not in shown and "•••" in shown


def test_a_map_that_ends_before_it_has_children_is_one_row_that_has_ended():
    tally = RunTally()
    tally.hear(RunStarted(RUN, 100.0, "flow", "threads", TITLES))
    tally.hear(ChildEnded(RUN, 105.0, at(None), "m", TriggerFailed("nothing above"), 0.0))
    found = glance(tally).tasks[0]
    assert (found.mapped, found.width, found.ended) == (False, 1, 1)
    assert found.counts[Standing.FAILED] == 1 and not glance(tally).failures


def test_a_map_that_may_grow_is_not_over_before_it_has_grown():
    grown = MapOpened(RUN, 106.0, "m-1", "m", 2, (), False, True)
    ends = [ended(n, Success()) for n in range(2)]
    tally = told(grown, *ends)
    found = glance(tally).tasks[0]
    assert (found.width, found.ended, found.grows, found.is_over) == (2, 2, True, False)
    tally.hear(MapOpened(RUN, 107.0, "m-1", "m", 3))
    tally.hear(ended(2, Success()))
    assert glance(tally).tasks[0].is_over


def test_children_beyond_the_width_that_is_known_make_the_map_wider():
    found = row(sent(14))
    assert (found.width, found.grows) == (15, True)
