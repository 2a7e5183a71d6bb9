"""The `task` decorator, and the tasks it makes of functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from daskloop.define.options import OPTIONS, refuse_unknown
from daskloop.define.task import Task

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from daskloop.define.options import TaskOptions

__all__ = ["FunctionTask", "task"]


class FunctionTask(Task):
    """A task made of a plain function, which stays callable as ``.run``.

    Parameters
    ----------
    function : callable
        What the task does.
    **options
        Those of `Task`; the name is that of the function if not given.

    Examples
    --------
    >>> FunctionTask(lambda x: abs(x), name="size").run(-3)
    3
    """

    def __init__(self, function: Callable[..., Any], **options: Unpack[TaskOptions]) -> None:
        if not callable(function) or isinstance(function, (type, Task)):
            raise TypeError(
                f"task() marks a function, got {function!r}"
                + (
                    "; it is a task already, give it options by its copy(...)"
                    if isinstance(function, Task)
                    else "; a class becomes a task by deriving from Task, with a method run"
                    if isinstance(function, type)
                    else "; give options by keyword, like @task(max_retries=3)"
                )
            )
        if options.get("name") is None:
            options["name"] = _name_of(function)
        refuse_unknown(str(options["name"]), options, OPTIONS)
        self.run = function  # type: ignore[method-assign]
        super().__init__(**options)
        # The function's own attributes stay with the function: they are no options of a task.
        functools.update_wrapper(self, function, updated=())

    @property
    def shipped(self) -> Callable[..., Any]:
        """What goes to workers: the plain function."""
        return self.run


def _name_of(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


@overload
def task(function: Callable[..., Any], /) -> FunctionTask: ...


@overload
def task(
    function: None = None, /, **options: Unpack[TaskOptions]
) -> Callable[[Callable[..., Any]], FunctionTask]: ...


@overload
def task(function: Callable[..., Any], /, **options: Unpack[TaskOptions]) -> FunctionTask: ...


def task(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Mark a function as a task.

    Parameters
    ----------
    function : callable, optional
        What the task does; left out when options are given.
    **options
        Those of `Task`.

    Returns
    -------
    FunctionTask
        Or, without a function, a decorator that makes one.

    Examples
    --------
    >>> @task
    ... def add(x, y):
    ...     return x + y
    >>> @task(max_retries=3, retry_delay="2s")
    ... def fetch(url): ...
    >>> add.run(1, 2), fetch.name, fetch.max_retries
    (3, 'fetch', 3)
    """
    if function is None:
        return lambda marked: FunctionTask(marked, **options)
    return FunctionTask(function, **options)
