"""What happened to a task, a child or a flow, in the words of Prefect Core.

The happy path of a loop: Pending, Running, Looped, Running, ... Looped, Running, Success.
`Looped` is finished, yet neither success nor failure: an iteration is done, the loop goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from daskloop.blame import raise_first_failure
from daskloop.loop_memory import LoopMemory
from daskloop.state_html import state_html

__all__ = [
    "Cached",
    "Cancelled",
    "Crashed",
    "Failed",
    "Finished",
    "Looped",
    "Mapped",
    "Paused",
    "Pending",
    "Retrying",
    "Running",
    "Scheduled",
    "Skipped",
    "State",
    "Success",
    "TimedOut",
    "TriggerFailed",
]


class State(LoopMemory):
    """What happened, with a message for people and a result for programs.

    Parameters
    ----------
    message : str, optional
        One line for people.
    result : Any, optional
        The value; an exception for failed states; the payload for `Looped`. A `Deferred`
        is opened the first time that `result` is read.
    context : dict, optional
        Anything that a handler wants to keep with the state.
    """

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        context: dict[str, Any] | None = None,
    ) -> None:
        self.message = message
        self._result = result
        if context:
            self.context = dict(context)
        self.loop_count: int | None = None
        self.iterations_done = 0
        self.loop_messages: tuple[str, ...] = ()
        self._loop_payload: Any = None
        self._loop_states: Any = ()

    @cached_property
    def context(self) -> dict[str, Any]:
        """What handlers keep with the state; a dict that few states ever need."""
        return {}

    @property
    def result(self) -> Any:
        """The value, fetched on first use."""
        return self._opened("_result")

    @result.setter
    def result(self, value: Any) -> None:
        self._result = value

    @property
    def unopened_result(self) -> Any:
        """The result as it is held: a value, or a `Deferred` that nobody has opened yet."""
        return self._result

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: "{self.message or ""}">'

    def _repr_html_(self) -> str:
        return state_html(self)

    def is_pending(self) -> bool:
        """Tell whether the task has yet to run, `Scheduled` and `Retrying` included."""
        return isinstance(self, Pending)

    def is_scheduled(self) -> bool:
        """Tell whether the task waits for a point in time."""
        return isinstance(self, Scheduled)

    def is_retrying(self) -> bool:
        """Tell whether a failed attempt waits for its next try."""
        return isinstance(self, Retrying)

    def is_paused(self) -> bool:
        """Tell whether the task waits for somebody's approval."""
        return isinstance(self, Paused)

    def is_running(self) -> bool:
        """Tell whether an attempt is under way."""
        return isinstance(self, Running)

    def is_finished(self) -> bool:
        """Tell whether an attempt ended, `Looped` included."""
        return isinstance(self, Finished)

    def is_looped(self) -> bool:
        """Tell whether one iteration is done and the loop goes on."""
        return isinstance(self, Looped)

    def is_successful(self) -> bool:
        """Tell whether the task succeeded; `Mapped`, `Cached` and `Skipped` count."""
        return isinstance(self, Success)

    def is_cached(self) -> bool:
        """Tell whether the result came from a cache."""
        return isinstance(self, Cached)

    def is_mapped(self) -> bool:
        """Tell whether the state stands for the children of a map."""
        return isinstance(self, Mapped)

    def is_skipped(self) -> bool:
        """Tell whether the task was skipped."""
        return isinstance(self, Skipped)

    def is_cancelled(self) -> bool:
        """Tell whether the run was stopped before the task ended."""
        return isinstance(self, Cancelled)

    def is_failed(self) -> bool:
        """Tell whether the task failed, for whatever reason."""
        return isinstance(self, Failed)

    def is_timed_out(self) -> bool:
        """Tell whether the last attempt ran longer than its `timeout`."""
        return isinstance(self, TimedOut)

    def is_trigger_failed(self) -> bool:
        """Tell whether the task never ran because its trigger was not met."""
        return isinstance(self, TriggerFailed)

    def is_crashed(self) -> bool:
        """Tell whether the task was given up because workers were lost under it."""
        return isinstance(self, Crashed)

    def raise_if_failed(self) -> None:
        """Raise the exception of the first task that failed or was cancelled, if any did.

        Raises
        ------
        BaseException
            The task's own exception, raised from a `FailedTask` that names the task, the
            child and the iteration.
        """
        if isinstance(self, (Failed, Cancelled)):
            raise_first_failure(self)


class Pending(State):
    """Nothing has run yet."""


class Scheduled(Pending):
    """Waits for a point in time.

    Parameters
    ----------
    start_time : datetime, optional
        When to start; now, if not given.
    """

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        context: dict[str, Any] | None = None,
        start_time: datetime | None = None,
    ) -> None:
        super().__init__(message, result, context)
        self.start_time = start_time


class Retrying(Scheduled):
    """A failed attempt will be tried again at `start_time`.

    Parameters
    ----------
    run_count : int
        Number of the attempt that comes next.
    """

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        context: dict[str, Any] | None = None,
        start_time: datetime | None = None,
        run_count: int | None = None,
    ) -> None:
        super().__init__(message, result, context, start_time)
        self.run_count = run_count


class Paused(Scheduled):
    """Waits for somebody's approval."""


class Running(State):
    """An attempt is under way."""


class Finished(State):
    """An attempt ended."""


class Looped(Finished):
    """One iteration is done; its result is the payload of the next.

    Parameters
    ----------
    loop_count, metric : int and float, optional
        The iteration that ended, and how good it was, if it reported that.
    """

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        context: dict[str, Any] | None = None,
        loop_count: int | None = None,
        metric: float | None = None,
    ) -> None:
        super().__init__(message, result, context)
        self.loop_count = loop_count
        self.metric = metric


class Success(Finished):
    """The task succeeded."""


class Cached(Success):
    """The task succeeded earlier and its result was kept."""


class Mapped(Success):
    """Children were started; says nothing of their success.

    Parameters
    ----------
    map_states : sequence of State, optional
        The states of the children, in input order.
    """

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        context: dict[str, Any] | None = None,
        map_states: Sequence[State] | None = None,
    ) -> None:
        super().__init__(message, result, context)
        self.map_states: Sequence[State] = list(map_states or [])
        self.map_names: Sequence[str] = ()  # of the children, in that order, if they have names

    @property
    def result(self) -> Any:
        """The children's results in input order; a failed child gives its exception."""
        if self._result is None:
            return [child.result for child in self.map_states]
        return super().result

    @result.setter
    def result(self, value: Any) -> None:
        self._result = value


class Skipped(Success):
    """The task was skipped; counts as success."""


class Cancelled(Finished):
    """The run was stopped before the task ended."""


class Failed(Finished):
    """The task failed; the result is the exception of its last attempt."""


class TimedOut(Failed):
    """The attempt ran longer than its `timeout`."""


class TriggerFailed(Failed):
    """The task's trigger was not met, so its body never ran."""


class Crashed(Failed):
    """Workers were lost under the task; not its own fault, as far as can be told."""
