"""Watching a run from another terminal: it is read, never held up, and its end is told."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.cli.commands import daskloop, run_named, started
from tests.terminal.screen import terminal

FIB = ("run", "fib.py", "-p", "ms=[10, 100, 1000]")


def test_a_run_is_watched_left_alone_and_said_to_be_dead_when_it_is(folder: Path):
    long = ("run", "fib.py", "-p", "ms=[10, 1000, 1000000000000]")
    with started(*long, "--executor", "inline", cwd=folder, seconds=0.5) as running:
        running.wait_for("journal .daskloop")
        name = run_named(running.text)
        words = ("-m", "daskloop", "watch", name)
        with terminal(words, folder, 80, 24) as left, terminal(words, folder, 200, 50) as stays:
            for shown in (left, stays):
                shown.wait_for(lambda shown=shown: "large x3" in shown.text and "/s" in shown.text)
                assert f"Ctrl-C: watch no longer; run {name} goes on" in shown.text
                assert [line for line in shown.shown if line.startswith("    large[")]
            left.type(b"\x03")
            assert left.end() == 130, left.text
            assert f"no longer watched; run {name} goes on" in left.text

            assert running.process.poll() is None
            running.process.send_signal(signal.SIGKILL)
            assert running.end() == -signal.SIGKILL
            assert stays.end() == 4, stays.text
    assert f"✖ run {name} is dead: process {running.process.pid} on " in stays.text
    assert f"    continue:   daskloop resume {name}" in stays.text
    assert "large x3" not in stays.text, "a piece of a frame is left"

    again = daskloop("watch", name)
    assert again.exit_code == 4 and "is dead" in again.output
    assert "fibs: watched" in again.output
    ended = daskloop("resume", name, "--executor", "inline")
    assert ended.exit_code == 0, ended.output


def test_the_end_of_a_run_is_told_as_its_own_command_would_have(folder: Path):
    well = run_named(daskloop(*FIB, "--executor", "inline").output)
    seen = daskloop("watch", well)
    assert seen.exit_code == 0 and f"✔ run {well}: success" in seen.output
    badly = run_named(daskloop(*FIB, "-p", "breaks=5", "--executor", "inline").output)
    seen = daskloop("watch", badly)
    assert seen.exit_code == 1 and f"✖ run {badly}: failed: " in seen.output
    assert f"daskloop show {badly}" in seen.output and f"daskloop resume {badly}" in seen.output


def test_a_run_that_is_not_there_is_refused_with_the_nearest(folder: Path):
    name = run_named(daskloop(*FIB, "--executor", "inline").output)
    refused = daskloop("watch", name[:-1])
    assert refused.exit_code == 3 and f"The nearest are: {name}." in refused.output
