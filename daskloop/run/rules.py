"""What decisions about a child depend on besides the child: the user's wishes, and the moment."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from daskloop.define.goal import Goal
from daskloop.define.limits import Limits
from daskloop.define.retry import RetryPolicy

__all__ = ["Moment", "Rules"]


class Named(Protocol):
    """Something that has a name."""

    @property
    def name(self) -> str:
        """How it is called in errors."""
        ...


class Rules(NamedTuple):
    """What the user asked for, for one task."""

    child: Named
    """Whose rules they are: its name is made when an error has to say it."""
    retry: RetryPolicy
    limits: Limits
    heard: bool = True
    """True if there are handlers that see each change of state."""
    goal: Goal = Goal()

    @property
    def name(self) -> str:
        """Full name of the child."""
        return self.child.name


class Moment(NamedTuple):
    """What is true of the whole run when something happens to one child."""

    now: float
    """Seconds since the epoch."""
    draw: float = 0.0
    """A number in [0, 1) for `retry_jitter`, the same whenever this decision is repeated."""
    stopping: str | None = None
    """Why the run is being stopped, if it is."""
