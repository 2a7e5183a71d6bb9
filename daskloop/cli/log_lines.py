"""The log of a run as lines on stderr, while a command lasts."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["log_lines"]


@contextmanager
def log_lines(quiet: bool) -> Iterator[None]:
    """Send what ``daskloop`` logs to stderr: everything from INFO on, or errors alone."""
    logger = logging.getLogger("daskloop")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    handler.setLevel(logging.ERROR if quiet else logging.INFO)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
