"""A run that has ended, for those who write about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daskloop.plan.plan import Plan
from daskloop.record.entries import Recorded
from daskloop.states import State

__all__ = ["Ended"]


@dataclass(frozen=True, slots=True)
class Ended:
    """What is known of a run at its end."""

    run: str
    plan: Plan
    parameters: Mapping[str, Any]
    """Values by name, secret ones too."""
    state: State
    executor: str
    """Where it ran, in words, without secrets."""
    begun: float
    """Seconds since the epoch."""
    ended: float
    records: Callable[[], Sequence[Recorded]]
    """Gives the records of all attempts, if they were kept."""
