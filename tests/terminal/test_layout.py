"""A frame has no more lines and columns than there are, whatever is in it."""

from __future__ import annotations

import pytest

from daskloop.events import (
    AttemptLost,
    AttemptsSent,
    ChildEnded,
    ChildPaused,
    IterationEnded,
    MapOpened,
    RunStalled,
    RunStarted,
)
from daskloop.events import TaskTitle as Title
from daskloop.keys import Place
from daskloop.plain_text import columns
from daskloop.report.run_tally import RunTally
from daskloop.states import Failed, Success
from daskloop.terminal.facts import duration
from daskloop.terminal.glance import Glances
from daskloop.terminal.layout import Line, frame, room

HOSTILE = "\x1b[2J<script> 日本 😀 שלום \u202e\nx\r" + "y" * 1_000_000
SIZES = [(6, 3), (20, 5), (40, 10), (80, 24), (200, 50)]


def text_of(lines: list[Line]) -> list[str]:
    return ["".join(span.text for span in line) for line in lines]


def shown(tally: RunTally, width: int, height: int, now: float = 110.0) -> list[str]:
    given = room(width, height, len(tally.tasks))
    glance = Glances(tally).take(given.tasks, given.children, now)
    return text_of(frame(glance, given, height, "Ctrl-C: stop after the running iterations"))


def run_of(*titles: Title) -> RunTally:
    tally = RunTally()
    tally.hear(RunStarted("quiet-heron-7f3a9c12", 100.0, "flow", "threads", titles))
    return tally


def wide_run(children: int, message: str = "step") -> RunTally:
    """A map whose children have ended, failed, or are under way."""
    tally = run_of(Title("m-1", "m", True), Title("after-1", "after", False))
    tally.hear(MapOpened("r", 100.0, "m-1", "m", children))
    for child in range(children):
        place = (Place("m-1", child, 2),)
        tally.hear(AttemptsSent("r", 101.0, [place]))
        tally.hear(IterationEnded("r", 102.0, place, f"m[{child}]", message, "w", 0.1))
        state = [Success(result=1), Failed(message), None][child % 3]
        if state is not None:
            tally.hear(ChildEnded("r", 103.0, place, f"m[{child}]", state, 1.0))
    return tally


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("children", [1, 3, 10_000])
@pytest.mark.parametrize("message", ["step", HOSTILE], ids=["plain", "hostile"])
def test_a_frame_fits(width: int, height: int, children: int, message: str):
    lines = shown(wide_run(children, message), width, height)
    assert len(lines) < height
    assert all(columns(line) < width for line in lines)
    assert not [line for line in lines if not line.isprintable()]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_many_tasks_fit_and_those_that_go_on_are_missed_last(width: int, height: int):
    tally = run_of(*(Title(f"t-{n}", f"task {n}", False) for n in range(60)))
    for n in range(50):
        tally.hear(ChildEnded("r", 102.0, (Place(f"t-{n}", None, 1),), f"task {n}", Success(), 1.0))
    lines = shown(tally, width, height)
    assert len(lines) < height
    if height >= 24:
        assert [line for line in lines if line.startswith("task 59 ")]
        assert [line for line in lines if line.startswith("… ") and line.endswith(" more tasks")]


def test_ten_thousand_children_are_a_bar_and_few_lines():
    lines = shown(wide_run(10_000), 80, 24)
    assert lines[1].startswith("m x10,000  ━━━━━━────  6,667/10,000  3,333 failed, 3,333 under way")
    assert len([line for line in lines if line.startswith("    m[")]) == 12
    assert "✖ 3,330 more failed before" in lines


def test_no_part_of_a_whole_is_shown_where_the_whole_is_not_known():
    tally = run_of(Title("m-1", "m", True), Title("loop-1", "loop", False))
    tally.hear(IterationEnded("r", 102.0, (Place("loop-1", None, 41),), "loop", "41", "w", 0.1, 41))
    title, mapped, loop, child, _ = shown(tally, 80, 24)
    assert title == "flow · quiet-heron-7f3a9c12 · 10 s"
    assert mapped.split() == ["m", "waiting"]
    assert loop.split("  ")[-1] == "under way, 41 iterations"
    assert child.split() == ["loop", "iteration", "42,", "8.0", "s", "41"]


def test_a_wider_terminal_shows_more_and_never_less():
    tally = wide_run(9)
    narrow, wide = shown(tally, 60, 24), shown(tally, 200, 50)
    assert narrow[1].split("  ")[-1] in wide[1]
    assert "most 2: m[0]" in wide[1] and "most" not in narrow[1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.0 s"), (9.96, "10 s"), (59.6, "1:00"), (3599.6, "1:00:00"), (90_000, "25:00:00")],
)
def test_durations_have_no_sixty_seconds(seconds: float, text: str):
    assert duration(seconds) == text


def test_a_map_that_grows_has_no_bar_and_says_so():
    tally = run_of(Title("m-1", "m", True))
    tally.hear(MapOpened("r", 100.0, "m-1", "m", 4, (), False, True))
    tally.hear(AttemptsSent("r", 101.0, [(Place("m-1", 0, 1),)]))
    row = shown(tally, 80, 24)[1]
    assert row.split() == ["m", "x4+", "0/4+", "1", "under", "way"]


def row_of(lines: list[str], start: str) -> str:
    (found,) = (line for line in lines if line.strip().startswith(start))
    return " ".join(found.split())


def test_lost_workers_are_told_of_their_task_and_only_those_that_cost_an_attempt():
    tally = run_of(Title("m-1", "m", True))
    tally.hear(MapOpened("r", 100.0, "m-1", "m", 4))
    tally.hear(AttemptsSent("r", 101.0, [(Place("m-1", 0, 1),)]))
    told = []
    for charged in (False, True, True):
        tally.hear(AttemptLost("r", 102.0, (Place("m-1", 0, 1),), "m[0]", "SIGKILL", charged))
        told.append(row_of(shown(tally, 80, 24), "m x4").partition("under way")[2])
    assert told == ["", ", 1 worker lost", ", 2 workers lost"]


def test_a_child_that_waits_for_approval_says_so_and_when_it_goes_on_by_itself():
    tally = run_of(Title("m-1", "m", True))
    tally.hear(MapOpened("r", 100.0, "m-1", "m", 4))
    for child, until in ((0, None), (1, 185.0)):
        place = (Place("m-1", child, 1),)
        tally.hear(ChildPaused("r", 101.0, place, f"m[{child}]", "pay 5?", until))
    lines = shown(tally, 80, 24)
    assert row_of(lines, "m x4").endswith("2 paused")
    assert row_of(lines, "m[0]") == "m[0] waits for approval pay 5?"
    assert row_of(lines, "m[1]") == "m[1] waits for approval, goes on in 1:15 pay 5?"


def test_a_loop_that_waits_between_two_iterations_says_for_how_long():
    tally = run_of(Title("poll-1", "poll", False))
    place = (Place("poll-1", None, 2),)
    tally.hear(AttemptsSent("r", 101.0, [place]))
    tally.hear(IterationEnded("r", 102.0, place, "poll", "still building", "w", 0.1, 1, 140.0))
    lines = shown(tally, 80, 24)
    assert "iteration 3 in 30 s still building" in " ".join(" ".join(lines).split())


def test_a_run_that_stands_still_says_why_in_a_line_of_its_own():
    tally = wide_run(3)
    tally.hear(RunStalled("r", 105.0, "nothing has moved for 60 s: m[2] waits for GPU=1"))
    assert shown(tally, 80, 24)[-2] == "nothing has moved for 60 s: m[2] waits for GPU=1"
