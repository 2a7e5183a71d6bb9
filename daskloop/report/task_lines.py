"""Say again, in the process that drives a run, what its tasks have logged on workers.

::

    TaskLogged ─► a record for each line ─► the logger daskloop.task.NAME ─► the user's handlers

Records keep the time, the level and the place in the code that they had on the worker.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from daskloop.events import Event, LogLine, TaskLogged
from daskloop.loggers import whose
from daskloop.plain_text import one_line

__all__ = ["TaskLines"]

_WIDEST = 500  # columns of a line of a traceback


class TaskLines:
    """Passes on what tasks have logged.

    Notes
    -----
    Workers leave out what the logger of the task, in the process that drives the run, would not
    have let through when its first attempt was sent.
    """

    level = logging.CRITICAL + 1
    """What tasks log is told in any case; no other event is wanted."""

    def hear(self, event: Event) -> None:
        """Pass on the lines of one attempt, if that is what the event is."""
        if not isinstance(event, TaskLogged):
            return
        own = logging.getLogger(event.logger)
        fields = _fields(event)
        for number, line in enumerate(event.lines):
            if event.left_out and number == event.after:
                _pass_on(own, fields, _gap(event, line.at))
            logger = logging.getLogger(line.logger) if line.logger else own
            _pass_on(logger, fields, line)
        if event.left_out and event.after >= len(event.lines):
            _pass_on(own, fields, _gap(event, event.at))


def _fields(event: TaskLogged) -> dict[str, Any]:
    place = event.address[-1]
    return {
        "run": event.run,
        "flow": event.flow,
        "task": event.task,
        "child": event.name,
        "map_index": place.child,
        "iteration": place.iteration,
        "attempt": event.run_count,
        "worker": event.worker,
    }


def _gap(event: TaskLogged, at: float) -> LogLine:
    lines = "1 line was" if event.left_out == 1 else f"{event.left_out:,} lines were"
    text = f"{lines} left out here (see daskloop.log-lines and daskloop.log-size)"
    return LogLine(at, logging.WARNING, text)


def _pass_on(logger: logging.Logger, fields: dict[str, Any], line: LogLine) -> None:
    if not logger.isEnabledFor(line.level):
        return
    record = logging.makeLogRecord(
        {
            **line.extra,
            **fields,
            "name": logger.name,
            "levelno": line.level,
            "levelname": logging.getLevelName(line.level),
            "msg": whose(fields, line.text),
            "said": line.text,
            "created": line.at,
            "msecs": line.at % 1 * 1000,
            "pathname": line.path,
            "filename": os.path.basename(line.path),
            "module": os.path.splitext(os.path.basename(line.path))[0],
            "lineno": line.number,
            "exc_text": _trace(line.trace) or None,
            "trace": line.trace,
        }
    )
    logger.handle(record)


def _trace(text: str) -> str:
    """Make a traceback safe to be shown; its lines stay lines, and are indented."""
    lines = text.split("\n") if text else []
    return "\n".join(f"  {' ' * _indent(one)}{one_line(one, _WIDEST)}" for one in lines)


def _indent(text: str) -> int:
    return min(len(text) - len(text.lstrip(" ")), 40)
