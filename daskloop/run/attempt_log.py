"""What an attempt logged, as plain data: how much of it is wanted, and what travels."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from daskloop import config
from daskloop.define.task import Task
from daskloop.events import LogLine
from daskloop.loggers import extra_of, logger_name

__all__ = [
    "AttemptLog",
    "LogOrder",
    "check_log_settings",
    "line_from_wire",
    "line_to_wire",
    "log_from_wire",
    "log_order",
    "log_size",
]


class LogOrder(NamedTuple):
    """What of an attempt's log is wanted."""

    level: int = logging.CRITICAL + 1
    """Of `logging`: what is less grave stays where it is."""
    more: bool = False
    """True if more is part of its log than what its own logger takes: what stands below."""
    lines: int = 0
    """How many lines travel at most."""
    size: int = 0
    """How many bytes of text travel at most."""
    stdout: bool = False
    """True if what it prints is part of it."""
    loggers: Sequence[tuple[str, int]] = ()
    """Loggers of libraries that are part of it, each with its level."""
    driver: str = ""
    """The process that drives the run, see `this_process`: there, libraries log by themselves."""


class AttemptLog(NamedTuple):
    """What one attempt logged."""

    child: int | None
    """Its index; None if the task is not mapped."""
    iteration: int
    run_count: int
    worker: str
    lines: Sequence[LogLine]
    """The first ones and the last ones, if there were too many."""
    left_out: int = 0
    """How many were left out."""
    after: int = 0
    """After how many lines they were left out."""


def log_order(task: Task) -> LogOrder:
    """Say what is wanted of the log of a task: what its logger in this process lets through.

    Notes
    -----
    Settings are those of when the first attempt of the task is sent, see `check_log_settings`.
    """
    level = logging.getLogger(logger_name(task.name)).getEffectiveLevel()
    # Where nobody would see them, lines that are printed go where they always went.
    stdout = task.log_stdout and level <= logging.INFO
    lines, size, names = check_log_settings()
    loggers = [(name, logging.getLogger(name).getEffectiveLevel()) for name in names]
    more = stdout or bool(loggers)
    return LogOrder(level, more, lines, size, stdout, loggers, this_process())


def check_log_settings() -> tuple[int, int, Sequence[str]]:
    """Return how many lines, how many bytes, and which libraries' lines of a log may travel.

    Raises
    ------
    ValueError
        If a setting is no number of lines, no size, or no list of names.
    """
    names = config.setting("log-loggers")
    if not isinstance(names, Sequence) or not all(isinstance(one, str) and one for one in names):
        names = None
    if names is None or isinstance(names, str):
        found = config.setting("log-loggers")
        raise ValueError(
            f"Config daskloop.log-loggers is {found!r}. Write a list of names, like [requests]."
        )
    outer = [one for one in names if not any(one.startswith(f"{other}.") for other in names)]
    return config.number("log-lines"), config.size("log-size"), outer


_TOKEN = secrets.token_hex(8)


def this_process() -> str:
    """Return what names this process, and no other one anywhere."""
    return f"{_TOKEN}-{os.getpid()}"


def log_size(log: AttemptLog) -> int:
    """Count the characters of a log's texts."""
    return sum(len(line.text) + len(line.trace) for line in log.lines)


def log_to_wire(log: AttemptLog) -> Any:
    """Return the log of an attempt as plain data."""
    return log._replace(lines=[line_to_wire(line) for line in log.lines])


def log_from_wire(row: Any) -> AttemptLog:
    """Rebuild the log of an attempt; raises TypeError or ValueError if it is none."""
    child, iteration, run_count, worker, lines, left_out, after = row
    whole = (iteration, run_count, left_out, after)
    if not (child is None or type(child) is int) or any(type(one) is not int for one in whole):
        raise ValueError(f"these bytes are no log of an attempt: {row!r:.100}")
    return AttemptLog(
        child,
        iteration,
        run_count,
        str(worker),
        [line_from_wire(one) for one in lines],
        left_out,
        after,
    )


def line_to_wire(line: LogLine) -> Any:
    """Return a line of a log as plain data."""
    return (*line[:-1], dict(line.extra))


def line_from_wire(row: Any) -> LogLine:
    """Rebuild a line of a log; raises TypeError or ValueError if it is none."""
    at, level, text, trace, path, number, logger, extra = row
    if type(level) is not int or type(number) is not int or not isinstance(extra, dict):
        raise ValueError(f"these bytes are no line of a log: {row!r:.100}")
    texts = str(text), str(trace), str(path)
    return LogLine(float(at), level, *texts, number, str(logger), extra_of(extra))
