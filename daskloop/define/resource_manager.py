"""Something that is set up before the tasks of a block and put away after them, come what may.

::

    init ─► setup ─► the tasks of the block ─► cleanup
      └───────┴───────────────────────────────────┘
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, overload

from daskloop.define.block import Block, starts_and_ends
from daskloop.define.decorator import FunctionTask
from daskloop.define.graph import TaskGraph
from daskloop.define.scope import current_graph
from daskloop.define.task import Task
from daskloop.signals import SKIP, TRIGGERFAIL
from daskloop.states import State

__all__ = ["ResourceContext", "ResourceManager", "resource_manager", "resource_was_set_up"]


def resource_was_set_up(upstream_states: Mapping[Any, State]) -> bool:
    """Trigger of a cleanup: run if the setup succeeded, however the tasks between them ended.

    Parameters
    ----------
    upstream_states : mapping
        The states before the cleanup, by edge.

    Raises
    ------
    SKIP, TRIGGERFAIL
        If there is nothing to put away.
    """
    for edge, state in upstream_states.items():
        if edge.key != "resource":
            continue
        if state.is_skipped():
            raise SKIP("The setup was skipped, so there is nothing to put away")
        if not state.is_successful():
            raise TRIGGERFAIL("The setup did not succeed, so there is nothing to put away")
    return True


class Setup(Task):
    """Set a resource up."""

    def run(self, manager: Any) -> Any:
        """Set the resource up."""
        return manager.setup()


class Cleanup(Task):
    """Put a resource away."""

    is_cleanup = True

    def run(self, manager: Any, resource: Any) -> None:
        """Put the resource away."""
        manager.cleanup(resource)


class ResourceManager:
    """What `resource_manager` makes of a class; calling it inside a flow opens a block.

    Parameters
    ----------
    resource_class : type
        Has `setup`, which returns the resource, and `cleanup`, which takes it.
    name : str, optional
        Name of its tasks; that of the class if not given.
    init_task_kwargs, setup_task_kwargs, cleanup_task_kwargs : mapping, optional
        Options of the three tasks, those of `Task`.
    """

    def __init__(
        self,
        resource_class: type,
        name: str | None = None,
        init_task_kwargs: Mapping[str, Any] | None = None,
        setup_task_kwargs: Mapping[str, Any] | None = None,
        cleanup_task_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(resource_class, type):
            raise TypeError(
                f"resource_manager marks a class, got {resource_class!r:.100}. Write one with "
                "setup(self) and cleanup(self, resource)"
            )
        for method in ("setup", "cleanup"):
            if not callable(getattr(resource_class, method, None)):
                raise TypeError(
                    f"resource_manager: the class {resource_class.__name__} has no method "
                    f"'{method}'. Define setup(self), which returns the resource, and "
                    "cleanup(self, resource)"
                )
        self.resource_class = resource_class
        self.name = resource_class.__name__ if name is None else name
        self._init: Task = FunctionTask(
            _maker(resource_class), **{"name": self.name, **(init_task_kwargs or {})}
        )
        self._setup: Task = Setup(**{"name": f"{self.name}.setup", **(setup_task_kwargs or {})})
        always = {"trigger": resource_was_set_up, "skip_on_upstream_skip": False}
        self._cleanup: Task = Cleanup(
            **{"name": f"{self.name}.cleanup", **always, **(cleanup_task_kwargs or {})}
        )

    def __repr__(self) -> str:
        return f"<ResourceManager: {self.name}>"

    def __call__(self, *args: Any, flow: TaskGraph | None = None, **kwargs: Any) -> ResourceContext:
        """Write the tasks that make, set up and put away a resource; use it in a ``with`` block.

        Parameters
        ----------
        *args, **kwargs
            What the class is made with: tasks, constants, or collections of both.
        flow : TaskGraph, optional
            The flow, if not the one of the ``with`` block.

        Raises
        ------
        ValueError
            If there is no flow.
        """
        graph = current_graph.get() if flow is None else flow
        if graph is None:
            raise ValueError(
                f"{self.name}(...) is a resource of a flow. Write it inside `with Flow(...):`; the "
                f"class itself is {self.name}.resource_class"
            )
        manager = self._init(*args, flow=graph, **kwargs)
        resource = self._setup(manager, flow=graph)
        return ResourceContext(resource, self._cleanup(manager, resource, flow=graph))


class ResourceContext(Block):
    """One resource of a flow; what the ``with`` block gives is the task that sets it up.

    Parameters
    ----------
    setup_task, cleanup_task : Task
        What comes before and after the tasks of the block.

    Notes
    -----
    What is written in the block waits for the setup, unless it waits for something else in the
    block. The cleanup runs when all of the block has ended, also after failures, and when the run
    is stopped softly.
    """

    def __init__(self, setup_task: Task, cleanup_task: Task) -> None:
        super().__init__()
        self.setup_task = setup_task
        self.cleanup_task = cleanup_task

    def __enter__(self) -> Task:
        self._begin(f"the resource '{self.setup_task.name}'")
        return self.setup_task

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        graph, tasks = self._end()
        if error is not None:
            return
        starts, ends = starts_and_ends(graph, tasks)
        for task in starts:
            if self.setup_task not in graph.upstream_tasks(task):
                graph.add_edge(self.setup_task, task)
        for task in ends:
            graph.add_edge(task, self.cleanup_task)


def _maker(resource_class: type) -> Callable[..., Any]:
    """Make a function of the class, since a class itself is no function of a task."""

    def make(*args: Any, **kwargs: Any) -> Any:
        return resource_class(*args, **kwargs)

    functools.update_wrapper(make, resource_class, assigned=("__doc__",), updated=())
    make.__signature__ = inspect.signature(resource_class)  # type: ignore[attr-defined]
    return make


@overload
def resource_manager(resource_class: type, /) -> ResourceManager: ...


@overload
def resource_manager(
    resource_class: None = None,
    /,
    *,
    name: str | None = None,
    init_task_kwargs: Mapping[str, Any] | None = None,
    setup_task_kwargs: Mapping[str, Any] | None = None,
    cleanup_task_kwargs: Mapping[str, Any] | None = None,
) -> Callable[[type], ResourceManager]: ...


def resource_manager(resource_class: type | None = None, /, **options: Any) -> Any:
    """Mark a class as a resource of flows.

    Parameters
    ----------
    resource_class : type, optional
        Has `setup`, which returns the resource, and `cleanup`, which takes it; left out when
        options are given.
    **options
        Those of `ResourceManager`.

    Returns
    -------
    ResourceManager
        Or, without a class, a decorator that makes one.

    Notes
    -----
    A type checker does not see what a decorator makes of a class; for it write
    ``table = resource_manager(Table)``.

    Examples
    --------
    >>> from daskloop import Flow, resource_manager, task
    >>> @resource_manager
    ... class Table:
    ...     def __init__(self, name):
    ...         self.name = name
    ...     def setup(self):
    ...         return f"table {self.name}"
    ...     def cleanup(self, table):
    ...         print("dropped", table)
    >>> @task
    ... def fill(table):
    ...     return f"{table}, filled"
    >>> with Flow("tables") as flow:
    ...     with Table("scratch") as table:
    ...         filled = fill(table)
    >>> flow.run(executor="inline").result[filled].result
    dropped table scratch
    'table scratch, filled'
    """
    if resource_class is None:
        return lambda marked: ResourceManager(marked, **options)
    return ResourceManager(resource_class, **options)
