"""Go round once more, with the fields of the payload as ordinary arguments.

::

    return again(n=2)  ─►  payload {'n': 2}  ─►  f(..., n=2)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from daskloop.contexts import context
from daskloop.define.scope import current_graph

__all__ = ["Again", "Fields", "Round", "again"]


class Fields(dict[str, Any]):
    """A payload whose items are arguments of the next iteration; else a dict like any other."""


@dataclass(frozen=True, slots=True)
class Again:
    """What a body returns to loop; see `again`."""

    fields: Fields
    message: str | None
    after: timedelta | float | str | None
    metric: float | None = None
    emit: Any = ...
    emit_all: Iterable[Any] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """What the function of a `loop_flow` returns: how an iteration ends, in terms of its tasks."""

    fields: dict[str, Any]
    message: Any
    after: Any
    metric: Any = None
    emit: Any = ...
    emit_all: Any = ()
    over: Any = ...
    """When the loop is over; if not said, an option of the loop has to end it."""
    result: Any = ...
    """What it is then; if not given, the fields."""

    def until(self, condition: Any, /, *, result: Any = ...) -> Round:
        """Say when the loop is over, and what its result is then.

        Parameters
        ----------
        condition : task or Any
            The loop ends at the first iteration in which it is true; False for one that
            only ends by a failure.
        result : task or Any, optional
            Its result then; if not given, a dict of the fields.
        """
        return replace(self, over=condition, result=result)


def again(
    *,
    message: str | None = None,
    after: timedelta | float | str | None = None,
    metric: float | None = None,
    emit: Any = ...,
    emit_all: Iterable[Any] = (),
    **fields: Any,
) -> Any:
    """Make what a task's body returns to go round once more.

    Parameters
    ----------
    message : str, optional
        Of the `Looped` state; about this iteration.
    after : timedelta, float or str, optional
        In how long the next iteration begins: seconds, or a text like ``"30s"``. Until then the
        loop holds no worker. If not given, at once.
    metric : float, optional
        How good the iteration was, as a number: see the options `until`, `patience` and `losers`
        of `Task`.
    emit : Any, optional
        An item for the tasks that are mapped over ``emitted(...)`` of this one: a child begins
        with it at once. The last iteration emits with ``raise SUCCESS(result=..., emit=...)``.
    emit_all : iterable, optional
        Several such items.
    **fields
        Arguments of the next iteration that differ from the task's inputs. Those that are not
        given are the inputs again, or the defaults.

    Returns
    -------
    Again or Round
        To be returned from the body; by itself it does nothing. In the function of a `loop_flow`
        the fields are tasks, and the `Round` is told when the loop is over: see `Round.until`.

    Raises
    ------
    RuntimeError
        If it is called outside the body of a task.

    Notes
    -----
    The fields are the payload: ``context["task_loop_result"]`` holds them too.

    Examples
    --------
    >>> from daskloop import again, task
    >>> @task
    ... def halve(n, steps=0):
    ...     return again(n=n // 2, steps=steps + 1) if n > 1 else steps
    >>> from daskloop import Flow
    >>> with Flow("halves") as flow:
    ...     halved = halve(40)
    >>> flow.run(executor="inline").result[halved].result
    5
    """
    if getattr(current_graph.get(), "is_body", False):
        return Round(fields, message, after, metric, emit, emit_all)
    if "task_run_count" not in context:
        raise RuntimeError(
            "again(...) was called outside the body of a task. Return it from a function that is "
            "marked with @task, while a flow runs, or with @loop_flow"
        )
    return Again(Fields(fields), message, after, metric, emit, emit_all)
