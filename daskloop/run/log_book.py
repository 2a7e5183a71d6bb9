"""Keep what an attempt logs, on the worker, within bounds, until its envelope takes it along."""

from __future__ import annotations

import logging
import traceback
from collections import deque
from typing import Any

from daskloop.events import LogLine
from daskloop.loggers import TASKS, extra_of
from daskloop.run.attempt_log import AttemptLog, LogOrder

__all__ = ["LogBook"]

_LONGEST = 4_000  # characters of one message, and of one traceback
_OTHER = 40  # bytes of a line beside its texts, about


class LogBook(logging.Handler):
    """Holds the first and the last lines of an attempt, and counts those between.

    Parameters
    ----------
    order : LogOrder
        How much of it is wanted.

    Notes
    -----
    May be written to on any thread. Once it is taken it is closed: what a call that was abandoned
    still logs is nobody's.
    """

    def __init__(self, order: LogOrder) -> None:
        super().__init__(order.level)
        self._lines, self._size = order.lines // 2, order.size // 2
        self._last_lines = order.lines - self._lines
        self._first: list[LogLine] = []
        self._last: deque[LogLine] = deque()
        self._taken = 0
        """Bytes of the first lines; those that follow are last lines once one did not fit."""
        self._held = 0
        """Bytes of the last lines."""
        self._left_out = 0
        self._is_closed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Note a record; called with the handler's lock held."""
        try:
            text = record.getMessage()
        # A message that does not fit its arguments is said on stderr, as logging does.
        except Exception:
            self.handleError(record)
            return
        trace = "" if record.exc_info is None else _trace(record.exc_info)
        self._note(
            LogLine(
                record.created,
                record.levelno,
                _cut(text),
                _cut(trace),
                record.pathname,
                record.lineno,
                "" if record.name.startswith(TASKS) else record.name,
                extra_of(record.__dict__),
            )
        )

    def note(self, line: LogLine) -> None:
        """Note a line that is no record of this process: one that was printed, or sent."""
        with self.lock:  # type: ignore[union-attr]  # every handler has one
            self._note(line._replace(text=_cut(line.text), trace=_cut(line.trace)))

    def take(self, child: int | None, iteration: int, run_count: int, worker: str) -> AttemptLog:
        """Hand out what was noted, and note no more."""
        with self.lock:  # type: ignore[union-attr]
            self._is_closed = True
            lines, after = [*self._first, *self._last], len(self._first)
            self._first, self._last = [], deque()
        return AttemptLog(child, iteration, run_count, worker, lines, self._left_out, after)

    def _note(self, line: LogLine) -> None:
        if not self._is_closed:
            self._write(line)

    def _write(self, line: LogLine) -> None:
        size = _size(line)
        fits = len(self._first) < self._lines and self._taken + size <= self._size
        if fits and not self._last and not self._left_out:
            self._first.append(line)
            self._taken += size
            return
        self._last.append(line)
        self._held += size
        while self._last and (len(self._last) > self._last_lines or self._held > self._size):
            self._held -= _size(self._last.popleft())
            self._left_out += 1


def _size(line: LogLine) -> int:
    extra = (str(one) for pair in line.extra.items() for one in pair)
    texts = (line.text, line.trace, line.path, line.logger, *extra)
    return _OTHER + sum(map(_bytes, texts))


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… ({len(text):,} characters)"


def _trace(info: Any) -> str:
    """Format an exception, guarded against what its own methods do."""
    if not info or info[1] is None:
        return ""
    try:
        return "".join(traceback.format_exception(*info, limit=-20)).rstrip("\n")
    except Exception as trouble:  # it runs code of the exception's own
        return f"<traceback could not be formatted: {type(trouble).__name__}>"
