"""The system's clock may be set while a run goes on: whoever waits for some time waits as long.

Points in time are those of the system's clock, so that people can read them. Were nothing done
about it, a clock that is set back by an hour would have a retry in two seconds wait for an hour.
"""

from __future__ import annotations

import time

from daskloop.run.standing import Standing

__all__ = ["ClockWatch", "move_beginnings"]

_LEAST = 1.0
"""Seconds by which it must have been set."""

_AT_ONCE = 0.1
"""Seconds within which both clocks are looked at, lest a thread that was held up finds one set."""

# A clock that nobody sets, and that goes on while the machine sleeps: on Linux it has a name of its
# own; that of macOS does, though the one of Python's `monotonic` there does not.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class ClockWatch:
    """Notices that the system's clock was set."""

    def __init__(self) -> None:
        self._ahead = _ahead()

    def set_by(self) -> float:
        """Return by how many seconds the clock was set since this was asked last, mostly 0."""
        ahead = _ahead()
        by = ahead - self._ahead
        if abs(by) < _LEAST:
            return 0.0
        self._ahead = ahead
        return by


def move_beginnings(standing: Standing, by: float) -> None:
    """Move the times at which children and their pauses began, for what `max_time` counts."""
    for node in standing.nodes:
        for child in (node.child, *node.children):
            progress = child.progress
            if progress.begun is not None and not child.ended:
                paused = None if progress.paused is None else progress.paused + by
                child.progress = progress._replace(begun=progress.begun + by, paused=paused)
            if child.block is not None:
                move_beginnings(child.block, by)


def _ahead() -> float:
    """Return how far the system's clock is ahead of the one that nobody sets."""
    while True:
        before, now, after = _unset(), time.time(), _unset()
        if after - before < _AT_ONCE:
            return now - after


def _unset() -> float:
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)
