"""How a child can stand, in the order, the words and the colours of the page."""

from __future__ import annotations

from enum import IntEnum

from daskloop.states import State

__all__ = ["COLOURS", "WORDS", "Standing", "standing_at_end"]


class Standing(IntEnum):
    """How one child stands."""

    WAITING = 0
    READY = 1
    UNDER_WAY = 2
    RETRYING = 3
    PAUSED = 4
    DONE = 5
    SKIPPED = 6
    FAILED = 7
    CANCELLED = 8


def standing_at_end(state: State) -> Standing:
    """Say how a child stands that has ended.

    Examples
    --------
    >>> from daskloop.states import Cached, TriggerFailed
    >>> standing_at_end(Cached()).name, standing_at_end(TriggerFailed()).name
    ('DONE', 'FAILED')
    """
    if state.is_skipped():
        return Standing.SKIPPED
    if state.is_successful():
        return Standing.DONE
    return Standing.FAILED if state.is_failed() else Standing.CANCELLED


WORDS: tuple[str, ...] = (
    "waiting",
    "ready",
    "under way",
    "delayed",
    "paused",
    "done",
    "skipped",
    "failed",
    "cancelled",
)
"""By standing, as people read it."""

COLOURS: tuple[str, ...] = (
    "#e2e2e2",
    "#bdbdbd",
    "#0072b2",
    "#e69f00",
    "#cc79a7",
    "#009e73",
    "#8fd3c1",
    "#d55e00",
    "#6b6b6b",
)
"""By standing; they can be told apart by people who see few colours."""
