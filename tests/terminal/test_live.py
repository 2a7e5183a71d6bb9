"""What a person sees in a terminal while a run goes, and what is left when it has ended."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from daskloop.terminal.choosing import Manner, manner
from tests.record.run_files import configured
from tests.terminal.screen import Terminal, terminal

KINDS = """-p kinds=["ends","holds","waits","fails"]""".split()
RUN = ("-m", "daskloop", "run", "held.py", *KINDS, "--executor", "threads")
PRINTED = ("printed by a task", "logged by a task", "written past Python")


def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have stderr pass for a terminal that rich can draw on."""
    stderr = SimpleNamespace(fileno=lambda: 2, isatty=lambda: True, encoding="utf-8")
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setattr("os.isatty", lambda number: True)
    monkeypatch.setenv("TERM", "xterm")


def frame(shown: Terminal) -> list[str]:
    """The lines of the frame, from its title on."""
    lines = shown.shown
    first = next((n for n, line in enumerate(lines) if line.startswith("held · ")), len(lines))
    return lines[first:]


def frame_when(shown: Terminal, *words: str) -> list[str]:
    """Wait until all of some words stand in one frame, and return that one."""
    seen: list[str] = []

    def found() -> bool:
        seen[:] = frame(shown)
        text = "\n".join(seen)
        return all(one in text for one in words)

    shown.wait_for(found)
    return seen


STANDS = ("2/4", "iteration 8", "try 2", "✖ child[3] failed", "Ctrl-C: stop")
"""In the frame once all children have come to where they stay."""


def line_of(lines: list[str], start: str) -> str:
    (found,) = [line for line in lines if line.strip().startswith(start)]
    return found.strip()


def test_ctrl_c_once_lets_running_iterations_end_at_80_columns(folder: Path):
    with terminal(RUN, folder, 80, 24) as shown:
        lines = frame_when(shown, *STANDS)
        assert len(lines) == 7, lines
        row = line_of(lines, "child x4")
        assert "2/4" in row and "1 failed, 1 retrying, 1 under way, 8 iterations" in row
        assert line_of(lines, "child[1]").startswith("child[1]  iteration 8, ")
        assert line_of(lines, "child[1]").endswith("step 7 with •••")
        assert line_of(lines, "child[2]").startswith("child[2]  iteration 1, try 2 in ")
        assert "<script>alert(1)</script>" in line_of(lines, "child[2]")
        failure = line_of(lines, "✖ child[3] failed: ")
        assert "ValueError('<script>alert(1)</script>" in failure and len(failure) <= 80
        assert lines[-1] == "Ctrl-C: stop after the running iterations"
        for words in PRINTED:
            assert shown.text.count(words) == 1

        shown.type(b"\x03")
        shown.wait_for("stopping after the running iterations (1 under way): stopped by Ctrl-C")
        (folder / "go").touch()
        assert shown.end() == 130, shown.text
    text = shown.text
    assert "stopping after the running iterations (Ctrl-C again: now)" in text
    assert text.startswith("daskloop 0.1.0 · run "), "an escape code of the user's came through"
    assert "    continue:   daskloop resume " in text
    assert "held · " not in text and "Ctrl-C: stop" not in text, "a piece of a frame is left"
    for words in PRINTED:
        assert text.count(words) == 1
    assert b"hunter22" not in shown.raw and b"\x1b[?25l" not in shown.raw


def test_ctrl_c_twice_ends_at_once_at_200_columns(folder: Path):
    with terminal(RUN, folder, 200, 50) as shown:
        lines = frame_when(shown, *STANDS)
        row = line_of(lines, "child x4")
        assert row.startswith("child x4  ━━━━━━━━━━━━────────────  2/4  ")
        assert "most 1" not in row and "1 retry" in row
        assert all(len(line) <= 200 for line in lines)
        shown.type(b"\x03")
        shown.wait_for("stopping after the running iterations (1 under way)")
        before = time.monotonic()
        shown.type(b"\x03")
        assert shown.end() == 130, shown.text
        assert time.monotonic() - before < 20
    assert "stopping now" in shown.text and "    continue:   daskloop resume " in shown.text
    assert "held · " not in shown.text


def test_flow_run_leaves_what_was_printed_and_a_line_of_how_it_ended(folder: Path):
    words = ("held.py", "ends", "holds", "fails")
    with terminal(words, folder, 80, 24) as shown:
        lines = frame_when(shown, "✖ child[2] failed", "iteration 8")
        assert line_of(lines, "child[1]").startswith("child[1]  iteration 8, ")
        (folder / "go").touch()
        assert shown.end() == 0, shown.text
    lines = [line for line in shown.text.splitlines() if line]
    assert lines[0] == "before" and lines[-1] == "after Failed"
    (end,) = [number for number, line in enumerate(lines) if line.startswith("✖ run ")]
    assert ": Failed in " in "".join(lines[end : end + 2])  # 80 columns may not be enough
    assert not [line for line in lines if line.startswith(("held · ", "child x3"))]
    assert sorted(words for words in PRINTED if words in shown.text) == sorted(PRINTED)


@pytest.mark.slow
def test_what_worker_processes_print_is_shown_whole_and_once(folder: Path):
    words = (*RUN[:-1], "processes", "--workers", "2")
    with terminal(words, folder, 80, 24) as shown:
        lines = frame_when(shown, *STANDS)
        assert line_of(lines, "child x4")
        (folder / "go").touch()
        frame_when(shown, "3/4")
        shown.type(b"\x03")
        assert shown.end() == 130, shown.text
    for words in PRINTED:
        assert [line.strip() for line in shown.text.splitlines()].count(words) == 1


@pytest.mark.parametrize(("inline", "manner_here"), [(False, Manner.LIVE), (True, Manner.NOT)])
def test_a_terminal_is_drawn_on_unless_a_debugger_may_want_it(monkeypatch, inline, manner_here):
    at_terminal(monkeypatch)
    assert manner(inline=inline, lines=False) is manner_here


def test_no_terminal_means_lines_where_they_are_wanted(monkeypatch):
    at_terminal(monkeypatch)
    monkeypatch.setattr("os.isatty", lambda number: False)
    assert manner(inline=False, lines=False) is Manner.NOT
    assert manner(inline=False, lines=True) is Manner.LINES
    with configured("progress", True):
        assert manner(inline=False, lines=False) is Manner.LINES


def test_a_notebook_whose_server_has_a_terminal_is_no_terminal(monkeypatch):
    at_terminal(monkeypatch)
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    assert manner(inline=False, lines=False) is Manner.NOT


@pytest.mark.parametrize("lacks", ["rich", "terminfo", "signs"])
def test_a_terminal_that_cannot_be_drawn_on_gets_lines(monkeypatch, lacks):
    at_terminal(monkeypatch)
    if lacks == "rich":
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    elif lacks == "terminfo":
        monkeypatch.setenv("TERM", "dumb")
    else:
        monkeypatch.setattr(
            "sys.stderr", SimpleNamespace(fileno=lambda: 2, isatty=lambda: True, encoding="ascii")
        )
    assert manner(inline=False, lines=False) is Manner.LINES


def test_the_setting_turns_progress_off_and_must_be_true_or_false(monkeypatch):
    at_terminal(monkeypatch)
    with configured("progress", False):
        assert manner(inline=False, lines=True) is Manner.NOT
    with configured("progress", "loud"), pytest.raises(ValueError, match=r"progress is 'loud'"):
        manner(inline=False, lines=True)
