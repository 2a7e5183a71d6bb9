"""What is written to a terminal is taken aside; what goes elsewhere, and what goes on, is not."""

from __future__ import annotations

from pathlib import Path

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
