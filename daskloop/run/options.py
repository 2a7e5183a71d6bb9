"""How a run is asked for: the options of ``flow.run``, checked, in one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daskloop.define.batch import Batch
from daskloop.record.journal import Journal

__all__ = ["RunOptions"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Everything that ``flow.run`` takes besides the values of parameters."""

    executor: Any = None
    """Where attempts run: a name, an address, a client, a cluster, an executor object."""
    workers: int | None = None
    """Slots of a temporary cluster; None leaves it to the executor."""
    context: Mapping[str, Any] = field(default_factory=dict)
    """Values that every task sees in ``daskloop.context``."""
    task_states: Mapping[Any, Any] | None = None
    """States to start from, by task."""
    batch: Batch = 1
    """Attempts in one future, for tasks that do not say it themselves."""
    journal: Journal | None = None
    """Where the run is recorded; None if it is not."""
    resume: bool | str = False
    """True to continue the newest unfinished run of the same flow and parameters, or its name."""
    allow_code_change: bool = False
    """True to resume with changed functions."""
    only: str | None = None
    """The one child that is taken back, such as ``"train[3]"``, though it had ended."""
    from_iteration: int | None = None
    """The iteration that it is taken back to; by default the last one."""
    history: bool = False
    """True to keep the states of all iterations."""
    report: Any = None
    """File that a page about the run is written to when it has ended; None for none."""
    store: Any = None
    """Directory or URL that all workers share, for large values."""
    notify: Any = field(default=None, repr=False)
    """Who is told of the run, as the user gave it; None leaves it to the flow."""
    raise_on_failure: bool = False
    """True to raise the first task's exception when the run failed."""
