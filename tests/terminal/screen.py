"""A terminal of a given size in which a program runs, read as a person would see it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyte

PATIENCE = 60.0
"""Seconds after which a program that does not come to show something has hung."""


class Terminal:
    """What a program shows, kept as it changes.

    Parameters
    ----------
    process : Popen
        The program.
    master : int
        The other side of its terminal.
    columns, lines : int
        Its size.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], master: int, columns: int, lines: int
    ) -> None:
        self.process = process
        self.raw = bytearray()
        self._master = master
        self._screen = pyte.HistoryScreen(columns, lines, history=10_000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 65_536)
            except OSError:  # the program has ended
                piece = b""
            with self._changed:
                self._changed.notify_all()
                if not piece:
                    return
                self.raw += piece
                self._stream.feed(piece)

    @property
    def text(self) -> str:
        """All lines: those that have scrolled away, then those on the screen."""
        with self._changed:
            above = [
                "".join(row[i].data for i in range(self._screen.columns))
                for row in self._screen.history.top
            ]
            return "\n".join(line.rstrip() for line in (*above, *self._screen.display))

    @property
    def shown(self) -> list[str]:
        """The lines on the screen that are not empty."""
        with self._changed:
            return [line.rstrip() for line in self._screen.display if line.strip()]

    def wait_for(self, condition: str | Callable[[], bool]) -> None:
        """Wait until a text is shown, or a condition holds."""
        found = condition if callable(condition) else lambda: condition in self.text
        deadline = time.monotonic() + PATIENCE
        while not found():
            assert time.monotonic() < deadline, f"it was not shown:\n{self.text}"
            assert self._reader.is_alive() or found(), f"it ended early:\n{self.text}"
            with self._changed:
                self._changed.wait(0.05)

    def type(self, keys: bytes) -> None:
        """Press keys; Ctrl-C is ``b"\\x03"``."""
        os.write(self._master, keys)

    def end(self) -> int:
        """Wait for the program's end and return its exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code


@contextmanager
def terminal(
    words: Sequence[str], cwd: Path, columns: int = 80, lines: int = 24, **environment: str
) -> Iterator[Terminal]:
    """Run a program of Python in a terminal; it is gone when the block ends.

    Parameters
    ----------
    words : sequence of str
        What follows ``python``.
    cwd : Path
        Where it runs.
    columns, lines : int
        Size of the terminal.
    **environment : str
        Variables that it gets besides.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    names = ("COLUMNS", "LINES", "NO_COLOR")
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    process = subprocess.Popen(
        [sys.executable, *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=cwd,
        env={**inherited, "TERM": "xterm-256color", "PYTHONUTF8": "1", **environment},
        start_new_session=True,
        preexec_fn=_own_terminal,
    )
    os.close(slave)
    shown = Terminal(process, master, columns, lines)
    try:
        yield shown
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shown._reader.join(PATIENCE)
        os.close(master)


def _own_terminal() -> None:
    """Let Ctrl-C on stdin's terminal reach the process."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
