"""The log of a run as lines on stderr, while a command lasts."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from daskloop import config
from daskloop.cli.exit_codes import Usage
from daskloop.report.json_lines import JsonLines

__all__ = ["FORMATS", "is_json", "log_lines"]

FORMATS = ("text", "json")


@contextmanager
def log_lines(quiet: bool, wanted: str | None = None) -> Iterator[None]:
    """Send what ``daskloop`` logs to stderr: everything from INFO on, or errors alone.

    Parameters
    ----------
    quiet : bool
        True for errors alone.
    wanted : str, optional
        ``"text"`` or ``"json"``; else what the setting ``daskloop.log-format`` says.

    Raises
    ------
    Usage
        If the setting names no format.
    """
    level = logging.ERROR if quiet else logging.INFO
    logger = logging.getLogger("daskloop")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(wanted))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def is_json(wanted: str | None) -> bool:
    """Tell whether lines are JSON, by the option, or else by the setting; raises `Usage`."""
    found = config.setting("log-format") if wanted is None else wanted
    if found not in FORMATS:
        raise Usage(f"Config daskloop.log-format is {found!r}. Write text or json.")
    return found == "json"


def _formatter(wanted: str | None) -> logging.Formatter:
    if is_json(wanted):
        return JsonLines()
    return logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S")
