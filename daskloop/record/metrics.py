"""What an iteration reported of itself: it lies among the parts of its record.

An iteration that goes on has no result to be cut, so there is room for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from daskloop.record.sealed import Sealed

__all__ = ["Parts", "Reported", "as_parts", "reported"]

_METRIC = 0

Parts = Mapping[int, "tuple[Sealed, ...] | str"]


class Reported(NamedTuple):
    """What is known of an iteration by numbers."""

    metric: float
    loses: str = ""
    """Why its loop ends there, since others are better; empty if it goes on."""


def as_parts(one: Reported | None) -> Parts:
    """Put it into the form in which envelopes and records have it.

    Examples
    --------
    >>> reported(as_parts(Reported(0.5)))
    Reported(metric=0.5, loses='')
    """
    return {} if one is None else {_METRIC: json.dumps(one)}


def reported(parts: Parts) -> Reported | None:
    """Read it; None if nothing was reported."""
    packed = parts.get(_METRIC)
    if not isinstance(packed, str):
        return None
    metric, loses = json.loads(packed)
    return Reported(float(metric), str(loses))
