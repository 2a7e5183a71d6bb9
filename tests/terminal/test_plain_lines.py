"""Where nothing can be drawn: a line at the beginning, few in between, one at the end."""

from __future__ import annotations

import threading
import time

import pytest

from daskloop.events import RunEnded, RunStalled, RunStopping, TaskTitle
from daskloop.report.run_tally import RunTally
from daskloop.states import Failed, Success
from daskloop.terminal import plain_lines
from daskloop.terminal.choosing import Manner, showing
from daskloop.terminal.glance import Glances
from daskloop.terminal.plain_lines import sentence
from tests.terminal.test_glance import RUN, ended, sent, told
from tests.terminal.test_layout import HOSTILE, run_of, wide_run


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was written to stderr, without the clock."""
    found = capsys.readouterr()
    assert found.out == ""
    return [line.partition(" ")[2] for line in found.err.splitlines()]


def over(state: Success | Failed) -> RunEnded:
    return RunEnded("r", 109.0, "flow", state, 9.0, 41, 3, 0)


def test_a_short_run_has_a_line_at_the_beginning_and_one_at_the_end(capsys):
    tally = run_of()
    with showing(Manner.LINES, tally, "flow", "hint"):
        tally.hear(over(Success("all well")))
    begun, end = lines_of(capsys)
    assert begun == "flow: begun"
    assert end == "r: Success in 9 s, 41 iterations, 3 retries, 0 losses"


def test_a_run_that_was_left_early_has_no_line_that_says_how_it_ended(capsys):
    with pytest.raises(KeyboardInterrupt), showing(Manner.LINES, run_of(), "flow", "hint"):
        raise KeyboardInterrupt
    assert lines_of(capsys) == ["flow: begun"]


def test_now_and_then_a_line_says_how_it_stands_and_a_failure_is_told_once(capsys, monkeypatch):
    monkeypatch.setattr(plain_lines, "FIRST", 0.001)
    said = threading.Semaphore(0)
    say = plain_lines._say

    def heard(text: str) -> None:
        say(text)
        said.release()

    monkeypatch.setattr(plain_lines, "_say", heard)
    with showing(Manner.LINES, told(ended(3, Failed("reset by peer"), 9)), "flow", "hint"):
        for _ in range(4):
            assert said.acquire(timeout=30)
    lines = lines_of(capsys)
    assert len(lines) >= 4
    assert "m: 1 of 10 ended, 1 failed, " in lines[1] and "; after: waiting; " in lines[1]
    assert [line for line in lines if "✖ m[3]: reset by peer" in line] == [lines[1]]


def test_no_second_line_comes_before_its_time():
    assert 10 <= plain_lines.FIRST <= plain_lines.LONGEST <= 30


def test_a_line_stays_one_line_whatever_is_in_it(capsys):
    plain_lines._say(sentence(Glances(wide_run(10_000, HOSTILE)).take(now=time.time())))
    (line,) = lines_of(capsys)
    assert line.isprintable() and "6,667 of 10,000 ended, 3,333 failed, 3,333 under way" in line


def now_of(tally: RunTally, tasks: int = 6) -> str:
    return sentence(Glances(tally).take(tasks=tasks, now=110.0))


def test_of_many_tasks_a_line_tells_of_some_and_counts_the_rest():
    tally = run_of(*(TaskTitle(f"t{n}-1", f"t{n}", False) for n in range(9)))
    assert now_of(tally).endswith("; 3 more tasks")
    assert now_of(tally).count(": waiting") == 6


def test_a_line_says_why_a_run_stands_still_until_it_moves():
    tally = told(sent(0))
    tally.hear(RunStalled(RUN, 109.0, "nothing has moved: m[0] waits\nfor GPU=1"))
    assert now_of(tally).endswith("; nothing has moved: m[0] waits for GPU=1")
    tally.hear(ended(0, Success()))
    assert "GPU" not in now_of(tally)


def test_a_line_says_that_a_run_is_being_stopped_and_by_what():
    tally = told(sent(0))
    tally.hear(RunStopping(RUN, 109.0, "stopped by Ctrl-C", False))
    assert now_of(tally).endswith("; stopping: stopped by Ctrl-C")


def test_a_run_that_still_looks_for_its_cluster_says_that_it_has_not_begun():
    assert now_of(RunTally()) == "not begun yet"
