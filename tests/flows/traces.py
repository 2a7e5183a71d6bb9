"""What tasks under test leave behind: lines in a file that every process can append to."""

from __future__ import annotations

import ast
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from daskloop import context, task

_PROCESSES_AUTO = pytest.param("processes-auto", marks=pytest.mark.slow)

on_clusters = pytest.mark.parametrize(
    "executor", ["threads", "processes", "threads-auto", _PROCESSES_AUTO], indirect=True
)
"""Runs a test on clusters only."""

on_processes = pytest.mark.parametrize("executor", ["processes", _PROCESSES_AUTO], indirect=True)
"""Runs a test on worker processes only."""

one_by_one = pytest.mark.parametrize("executor", ["inline", "threads", "processes"], indirect=True)
"""Runs a test with one attempt in one future only."""


@dataclass(frozen=True)
class Trace:
    """A file of notes; appending one is atomic, whoever does it.

    Parameters
    ----------
    folder : Path
        Where the file and the marks of `first` go; ``tmp_path`` of the test.
    """

    folder: Path
    name: str = "trace"

    def note(self, *what: object) -> None:
        """Append one line: a tuple of plain values."""
        path = self.folder / f"{self.name}.notes"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, f"{what!r}\n".encode())
        finally:
            os.close(descriptor)

    def notes(self) -> list[tuple[Any, ...]]:
        """Return the lines so far, in the order of their writing."""
        path = self.folder / f"{self.name}.notes"
        if not path.exists():
            return []
        return [ast.literal_eval(line) for line in path.read_text().splitlines()]

    def first(self, mark: object = "once") -> bool:
        """Tell whether nobody asked this before, in any process; True for one caller alone."""
        path = self.folder / f"{self.name}.{mark}.mark"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        return True

    def wait_for(self, *what: object, seconds: float = 30.0) -> bool:
        """Wait until a line of these values is there; False if it never came."""
        deadline = time.monotonic() + seconds
        while what not in self.notes():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True


def attempt() -> tuple[int, int]:
    """Return the iteration and the try that a task body is in."""
    return context.get("task_loop_count", 1), context.task_run_count


def failing(trace, times, error=ValueError, **options):
    """Make a task that fails so many times and then returns its run count."""

    @task(**options)
    def fail():
        tried = context.task_run_count
        trace.note(tried)
        if tried <= times:
            raise error(f"try {tried}")
        return tried

    return fail


def linger(seconds: float) -> None:
    """Take this long, in steps, so that whoever can interrupt Python code may do so."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.01)


@dataclass
class Sightings:
    """A state handler that keeps every new state; it lives in the driver's process."""

    states: list[Any] = field(default_factory=list)

    def __call__(self, task: Any, old_state: Any, new_state: Any) -> None:
        self.states.append(new_state)

    def names(self) -> list[str]:
        """Return the names of the states, in the order of their coming."""
        return [type(state).__name__ for state in self.states]

    def story(self) -> str:
        """Return the names of the states in one line."""
        return " ".join(self.names())

    def of(self, name: str) -> list[Any]:
        """Return the states of this name."""
        return [state for state in self.states if type(state).__name__ == name]
