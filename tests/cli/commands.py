"""Call the command line: in this process, or as a process of its own that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from daskloop.cli.main import main

PATIENCE = 60.0
"""Seconds after which a process that says nothing has hung."""


def daskloop(*words: str, says: str | None = None) -> Result:
    """Call a command in this process; what a bug raises is raised."""
    return CliRunner().invoke(main, list(words), input=says, catch_exceptions=False)


class Running:
    """A command in a process of its own; what it prints is read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output: list[str] = []
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (process.stdout, process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: Any) -> None:
        for text in stream:
            with self._changed:
                self.output.append(text)
                self._changed.notify_all()

    @property
    def text(self) -> str:
        """All that it has printed."""
        return "".join(self.output)

    def wait_for(self, condition: Callable[[], bool] | str) -> None:
        """Wait until it prints a text, or until a condition holds."""
        found = condition if callable(condition) else lambda: condition in self.text
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while not found():
                assert time.monotonic() < deadline, f"it did not come to pass:\n{self.text}"
                assert self.process.poll() is None or found(), f"it ended early:\n{self.text}"
                self._changed.wait(0.05)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; like a terminal, Ctrl-C goes to its whole group."""
        send = os.killpg if number is signal.SIGINT else os.kill
        send(self.process.pid, number)

    def end(self) -> int:
        """Wait for its end and return its exit code."""
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code


@contextmanager
def started(*words: str, cwd: Path, seconds: float = 0.1) -> Iterator[Running]:
    """Start a command as a process, which is gone when the block ends.

    Parameters
    ----------
    *words : str
        The command.
    cwd : Path
        Where it runs.
    seconds : float
        How long each iteration of `fib.py` takes there.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "daskloop", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "SECONDS": str(seconds)},
        start_new_session=True,
    )
    with process:
        running = Running(process)
        try:
            yield running
        finally:
            if process.poll() is None:
                process.kill()
            running.end()  # its output is read to the end before it is closed


def run_named(text: str) -> str:
    """Find the name of the run in the first line that a command prints."""
    return text.partition("· run ")[2].split(" ")[0]
