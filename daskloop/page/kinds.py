"""How one iteration ended, or stands: the cells of the raster, and their words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from daskloop import states

__all__ = ["FAILED_STATES", "LETTERS", "WORDS", "Kind", "kind_of"]


class Kind(IntEnum):
    """How an iteration ended; of many that share a cell, the greatest is shown."""

    UNKNOWN = 0
    """Nothing was recorded of it."""
    WENT_ON = 1
    DONE = 2
    SKIPPED = 3
    NOT_RUN = 4
    WAITING = 5
    UNDER_WAY = 6
    CANCELLED = 7
    FAILED = 8


WORDS: tuple[str, ...] = (
    "not recorded",
    "went on",
    "done",
    "skipped",
    "not run",
    "waiting",
    "under way",
    "cancelled",
    "failed",
)
"""By kind, as people read it."""

LETTERS = "-gdsnwucf"
"""By kind, as the page's data has it; a capital if the iteration was tried more than once."""

_TRIGGER_FAILED = states.TriggerFailed.__name__

FAILED_STATES = frozenset(
    name for name in states.__all__ if issubclass(getattr(states, name), states.Failed)
) - {_TRIGGER_FAILED}
"""Names of states that are failures of their own."""


def _kinds() -> Mapping[str, Kind]:
    found: dict[str, Kind] = {}
    for name in states.__all__:
        state = getattr(states, name)
        for kind, word in (
            (states.Looped, Kind.WENT_ON),
            (states.Skipped, Kind.SKIPPED),
            (states.Success, Kind.DONE),
            (states.TriggerFailed, Kind.NOT_RUN),
            (states.Failed, Kind.FAILED),
            (states.Cancelled, Kind.CANCELLED),
            (states.Pending, Kind.WAITING),
            (states.Running, Kind.UNDER_WAY),
        ):
            if issubclass(state, kind):
                found[name] = word
                break
    return MappingProxyType(found)


_KINDS = _kinds()


def kind_of(state: str) -> Kind:
    """Say how an iteration stands by the name of its state's class.

    Examples
    --------
    >>> kind_of("TimedOut").name, kind_of("Retrying").name, kind_of("Odd").name
    ('FAILED', 'WAITING', 'UNKNOWN')
    """
    return _KINDS.get(state, Kind.UNKNOWN)
