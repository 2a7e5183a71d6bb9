"""Lines that a task prints, taken into its log: `sys.stdout` is one for the whole process.

While an attempt runs that has its output logged, a stand-in is `sys.stdout`. It hands what that
attempt writes to its log, and everything else to where it went before.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from logging import INFO
from typing import Any

from daskloop.events import LogLine
from daskloop.run.log_book import LogBook

__all__ = ["call_printing_to"]

_LONGEST = 65_536  # characters that may wait for the end of their line


class _Lines:
    """Puts together what is written piece by piece, until a line is whole."""

    def __init__(self, book: LogBook) -> None:
        self._book = book
        self._begun: list[str] = []
        self._length = 0
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        with self._lock:
            *whole, rest = text.split("\n")
            for one in whole:
                self._end(one)
            if rest:
                self._begun.append(rest)
                self._length += len(rest)
            if self._length > _LONGEST:
                self._end("")
        return len(text)

    def close(self) -> None:
        with self._lock:
            if self._begun:
                self._end("")

    def _end(self, last: str) -> None:
        text = "".join([*self._begun, last]).rstrip("\r")
        self._begun, self._length = [], 0
        if text:
            self._book.note(LogLine(time.time(), INFO, text))


_lines: ContextVar[_Lines | None] = ContextVar("daskloop_printed", default=None)


class _Stdout:
    """Stands in for `sys.stdout`; what it does not know it leaves to the stream behind it."""

    def __init__(self, behind: Any) -> None:
        self.behind = behind
        """None in a program without a stdout, where `print` does nothing."""

    def write(self, text: str) -> int:
        lines = _lines.get()
        if lines is not None:
            return lines.write(text)
        return len(text) if self.behind is None else int(self.behind.write(text))

    def writelines(self, texts: Any) -> None:
        for text in texts:
            self.write(text)

    def flush(self) -> None:
        if self.behind is not None:
            self.behind.flush()

    def __getattr__(self, name: str) -> Any:
        if name == "behind":  # a copy that is not made yet
            raise AttributeError(name)
        return getattr(self.behind, name)


_lock = threading.Lock()
_users = 0


def _put_in() -> None:
    global _users
    with _lock:
        _users += 1
        if not isinstance(sys.stdout, _Stdout):
            sys.stdout = _Stdout(sys.stdout)


def _take_out() -> None:
    """Put back what was there, unless somebody has put something else there since.

    That can be a stand-in of before: who redirects stdout for a while puts back what there was.
    """
    global _users
    with _lock:
        _users -= 1
        while _users == 0 and isinstance(sys.stdout, _Stdout):
            sys.stdout = sys.stdout.behind


def call_printing_to(book: LogBook, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function, and have what it prints noted, line by line.

    Notes
    -----
    Threads that it starts print where they always did, unless they run in a copy of its context.
    """
    lines = _Lines(book)
    _put_in()
    token = _lines.set(lines)
    try:
        return function(*arguments)
    finally:
        _lines.reset(token)
        _take_out()
        lines.close()
