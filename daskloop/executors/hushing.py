"""Dask says warnings and errors only while a cluster of a run is in this process.

Dask's ``silence_logs`` does so for each cluster by itself: of two that overlap, the one that is
closed first ends it for both. It also knows Dask's own handler only: to a program that calls
``logging.basicConfig(level=logging.INFO)`` each run would tell in forty lines of its cluster.
"""

from __future__ import annotations

import logging
import threading

__all__ = ["begin", "end"]

_logger = logging.getLogger("distributed")
# Entered again by a thread that has it: whatever is allocated may have the collector find a cluster
# that nobody has closed, and end it.
_lock = threading.RLock()
_levels: list[int] = []
"""The level that the logger had, once for each cluster that is up."""


def begin() -> None:
    """Let a cluster come up; one that is to be quiet already, or tells of DEBUG, stays as it is."""
    with _lock:
        _levels.append(_levels[0] if _levels else _logger.level)
        if _logger.level in (logging.NOTSET, logging.INFO):
            _logger.setLevel(logging.WARNING)


def end() -> None:
    """Let a cluster be gone, to be called once for each `begin`."""
    with _lock:
        before = _levels.pop()
        if not _levels and _logger.level == logging.WARNING:
            _logger.setLevel(before)
