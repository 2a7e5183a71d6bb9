"""What is written to a terminal is taken aside; what goes elsewhere, and what goes on, is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal.screen import terminal

BEGIN = """
import os, subprocess, sys, threading, time
from daskloop.terminal.passing_by import PassingBy

def shell(text, **options):
    return subprocess.run(["sh", "-c", text], check=True, **options)

"""


def shown_by(script: str, folder: Path) -> list[str]:
    """Run a program in a terminal and return the lines that it leaves there."""
    with terminal(("-c", BEGIN + script), folder) as shown:
        assert shown.end() == 0, shown.text
        return [line for line in shown.text.splitlines() if line]


def test_all_that_is_written_meanwhile_is_read_and_then_nothing_any_more(tmp_path: Path):
    script = """
print("before")
passing_by = PassingBy()
print("by Python")
os.write(2, b"past Python\\n")
shell("echo by a program; echo and its errors >&2")
read = passing_by.read(10)
passing_by.let_go()
passing_by.let_go()
print("let go")
passing_by.close()
print(read)
"""
    lines = shown_by(script, tmp_path)
    assert lines[:2] == ["before", "let go"]
    whole = "by Python\\npast Python\\nby a program\\nand its errors\\n"
    assert "".join(lines[2:]) == repr(whole.encode().decode("unicode_escape").encode())


def test_what_nobody_has_read_is_on_the_terminal_in_the_end(tmp_path: Path):
    script = """
passing_by = PassingBy()
print("one")
os.write(2, b"two\\n")
passing_by.close()
print("three", threading.active_count())
"""
    assert shown_by(script, tmp_path) == ["one", "two", "three 1"]


def test_what_goes_into_a_file_is_left_alone(tmp_path: Path):
    script = """
file = os.open("out", os.O_CREAT | os.O_WRONLY)
os.dup2(file, 1)
passing_by = PassingBy()
print("results", flush=True)
print("errors", file=sys.stderr)
assert passing_by.read(10) == b"errors\\n"
passing_by.close()
"""
    assert shown_by(script, tmp_path) == []
    assert (tmp_path / "out").read_text() == "results\n"


def test_a_program_that_goes_on_may_write_on(tmp_path: Path):
    script = """
passing_by = PassingBy()
command = "read word; echo it says $word; echo done"
process = subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE)
passing_by.close()
process.communicate(b"still\\n")
assert process.returncode == 0
for thread in threading.enumerate():
    if thread.name == "daskloop-output":
        thread.join(10)
print("all said")
"""
    assert shown_by(script, tmp_path) == ["it says still", "done", "all said"]


VIEW = """
import contextlib, errno
from daskloop.report.run_tally import RunTally
from daskloop.terminal.live import LiveView, _SCREEN

def files():
    return len(os.listdir("/proc/self/fd"))

def view():
    return LiveView(RunTally(), "", str)

def refuse(*given):
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

before = files()
"""


@pytest.mark.parametrize(
    "broken",
    [
        "threading.Thread.start = refuse",
        "os.dup = refuse",
        "os.pipe = refuse",
        "first = iter([os.pipe()]); os.pipe = lambda: next(first, None) or refuse()",
    ],
)
def test_a_view_that_cannot_begin_stops_nothing_and_holds_nothing(tmp_path: Path, broken: str):
    script = f"""
{VIEW}
start, dup, pipe = threading.Thread.start, os.dup, os.pipe
{broken}
with view():
    print("goes on", os.isatty(1), os.isatty(2), _SCREEN.locked())
threading.Thread.start, os.dup, os.pipe = start, dup, pipe
print("files", files() - before)
with view():
    print("and the next is drawn", _SCREEN.locked())
"""
    lines = shown_by(script, tmp_path)
    assert "goes on True True False" in lines
    assert lines[-2:] == ["files 0", "and the next is drawn True"]


def test_ctrl_c_while_the_last_frame_is_drawn_closes_nothing_that_is_drawn_on(tmp_path: Path):
    script = f"""
{VIEW}
drawn, going = threading.Event(), threading.Event()

def slow(self, passing_by):
    going.wait()
    os.write(passing_by.terminal, b"last frame\\n")
    drawn.set()

LiveView._work = slow
shown = view()
with contextlib.suppress(KeyboardInterrupt):
    with shown:
        def interrupt(*given):
            raise KeyboardInterrupt
        shown._thread.join = interrupt
print("interrupted", os.isatty(1), os.isatty(2), _SCREEN.locked())
sys.stdout.flush()
other = open("other", "w")
going.set()
drawn.wait()
other.close()
print("in another file:", repr(open("other").read()))
"""
    lines = shown_by(script, tmp_path)
    assert lines == ["interrupted True True False", "last frame", "in another file: ''"]
