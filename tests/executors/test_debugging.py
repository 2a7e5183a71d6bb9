"""A script under a debugger, and what its tracebacks say, on each executor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import run_named

ROOT = str(Path(__file__).resolve().parents[2])

STOPS = """
from daskloop import Flow, task
from daskloop.engine.signals import LOOP
import daskloop


def helper(x):
    return x + 1


@task
def step():
    n = daskloop.context.get("task_loop_result", 0)
    double = lambda x: 2 * x
    {stop}
    if n < 1:
        raise LOOP(result=helper(n))
    return double(n)


with Flow("steps") as flow:
    last = step()

if __name__ == "__main__":
    state = flow.run(executor="inline")
    print("result", state.result[last].result)
"""

RAISES = """
import os
import sys
import traceback

from daskloop import Flow, Parameter, task


def helper(x):
    return 1 / x  # the line of the helper


class Plain:
    def method(self, x):
        return [helper(y) for y in (x,)]  # the line of the method


@task
def step(x):
    within = lambda y: Plain().method(y)  # the line of the lambda
    def nested():
        return within(x)  # the line of the function inside
    return nested()  # the line of the task


with Flow("steps") as flow:
    last = step(Parameter("x", default=0))

if __name__ == "__main__":
    os.chdir("/")  # where workers are need not be where the script is
    state = flow.run(executor=sys.argv[1])
    traceback.print_exception(state.result[last].result)
    print("and raised:", file=sys.stderr)
    state.raise_if_failed()
"""

LINES = {
    "step": "return nested()  # the line of the task",
    "nested": "return within(x)  # the line of the function inside",
    "<lambda>": "within = lambda y: Plain().method(y)  # the line of the lambda",
    "method": "return [helper(y) for y in (x,)]  # the line of the method",
    "helper": "return 1 / x  # the line of the helper",
}


def python(folder, *words, typed=""):
    """Run a script, and return what it prints."""
    done = subprocess.run(
        [sys.executable, *words],
        input=typed,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=100,
        env={**os.environ, "PYTHONPATH": ROOT},
    )
    return done.stdout + done.stderr


def line_of(text, what):
    """Find the number of the line that ends with a text."""
    return next(n for n, one in enumerate(text.splitlines(), 1) if one.endswith(what))


def entries(file, text):
    """Make what a traceback says of every function that the task is in."""
    return [
        f'  File "{file}", line {line_of(text, line)}, in {name}\n    {line}\n'
        for name, line in LINES.items()
    ]


def test_breakpoint_in_a_task_stops_at_its_source(tmp_path):
    file = tmp_path / "script.py"
    file.write_text(STOPS.format(stop="breakpoint()"))
    said = python(tmp_path, "script.py", typed="list\np 'n is', n\nc\np 'n is', n\nc\n")
    assert f"> {file}(" in said and "dynamic-code" not in said
    assert "raise LOOP(result=helper(n))" in said and "def step():" in said  # by `list`
    assert "('n is', 0)" in said and "('n is', 1)" in said and "result 2" in said


@pytest.mark.parametrize(
    ("line", "stops"),
    [("raise LOOP(result=helper(n))", 1), ("return x + 1", 1), ("return double(n)", 1)],
    ids=["task", "helper", "last iteration"],
)
def test_a_breakpoint_at_a_line_of_the_file_stops(line, stops, tmp_path):
    file = tmp_path / "script.py"
    file.write_text(STOPS.format(stop="pass"))
    number = line_of(file.read_text(), line)
    typed = f"b script.py:{number}\nc\nlist\nc\nq\n"
    said = python(tmp_path, "-m", "pdb", "script.py", typed=typed)
    assert f"Breakpoint 1 at {file}:{number}" in said
    assert said.count(f"> {file}({number})") == stops and f"-> {line}" in said
    assert f"{number} B->" in said and "result 2" in said


@pytest.mark.parametrize("executor", ["inline", "threads", "processes"])
def test_tracebacks_name_file_line_and_source(executor, tmp_path):
    file = tmp_path / "script.py"
    file.write_text(RAISES)
    said = python(tmp_path, "script.py", executor)
    held, raised = said.split("and raised:")
    for one in entries(file, RAISES):
        assert one in held and one in raised


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_the_command_line_shows_them_too(executor, tmp_path):
    file = tmp_path / "script.py"
    file.write_text(RAISES)
    said = python(tmp_path, "-m", "daskloop", "run", "script.py", "--executor", executor)
    line = line_of(RAISES, LINES["helper"])
    assert f"script.py:{line} in helper" in said
    shown = python(tmp_path, "-m", "daskloop", "show", run_named(said), "step")
    for one in entries(file, RAISES):
        assert one in shown
