"""Everything that a run is asked to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daskloop.define.batch import Batch
from daskloop.events import Listener
from daskloop.executors.choose import Choice
from daskloop.plan.plan import Plan
from daskloop.run.ended import Ended
from daskloop.run.register import Registered
from daskloop.states import State

__all__ = ["Errand"]


@dataclass(frozen=True, slots=True)
class Errand:
    """Everything that a run is asked to do."""

    registered: Registered
    """The run's name, and the ledger that it is written down in."""
    flow: Any
    """The user's flow, for its handlers."""
    plan: Plan
    parameters: Mapping[str, Any]
    choice: Choice
    context: Mapping[str, Any]
    task_states: Mapping[Any, State]
    """States that a new run starts from."""
    history: bool
    """True to keep the states of all iterations."""
    batch: Batch
    """Attempts in one future, for tasks that do not say it themselves."""
    store: Any
    listeners: Sequence[Listener]
    keeps: bool = False
    """True to keep the records of all attempts until the end."""
    at_end: Callable[[Ended], None] | None = None
    """Told how the run ended, before its caller is; must not raise."""

    @property
    def run(self) -> str:
        """The name of the run."""
        return self.registered.run
