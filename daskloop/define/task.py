"""A task: a function that the user marked, and how it is to be run.

A task that stands in a module is a template. Calling it, or mapping it, inside a flow makes
a copy and binds the copy's inputs in that flow; nothing is run before the flow is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from daskloop.define import signature
from daskloop.define.definition import Definition
from daskloop.define.scope import current_graph

if TYPE_CHECKING:
    from daskloop.define.graph import TaskGraph

__all__ = ["Task"]

SomeTask = TypeVar("SomeTask", bound="Task")


class Task(Definition):
    """One unit of work; subclass it and define `run`, or use the `task` decorator.

    Parameters
    ----------
    name : str, optional
        Name for people; the name of the class or function if not given.
    slug : str, optional
        Name that is unique in a flow; made from `name` by the flow if not given.
    tags : collection of str, optional
        Labels.
    max_retries : int, optional
        How often one iteration is tried again after a failure.
    retry_delay : timedelta, float, str, list of those, or callable, optional
        How long to wait before the next try: seconds, ``"2s"``, one for each retry, or a
        callable of the number of the failed attempt.
    retry_jitter : float, optional
        Up to this share of the delay is added to it by chance.
    retry_on : exception type or several, optional
        Which exceptions are retried; all if not given.
    retry_if : callable, optional
        Takes the exception and says whether it is retried.
    timeout : timedelta, float or str, optional
        How long one attempt may take.
    max_loops : int, optional
        Iterations after which a loop fails.
    max_time : timedelta, float or str, optional
        Time after which a loop fails.
    max_worker_losses : int, optional
        How many workers may be lost under the task; 3 if not given.
    at_most_once : bool
        Never run an attempt again whose worker was lost; each attempt has a future of its own.
    batch : int or "auto", optional
        How many attempts, iterations of a loop and children of a map, one Dask future may hold;
        with "auto" as many as are short against what a future costs. If not given, what
        ``flow.run(batch=...)`` or the configuration says.
    trigger : callable, optional
        When to run, given how the upstream tasks ended; `all_successful` if not given.
    skip_on_upstream_skip : bool
        Skip this task if one upstream of it was skipped.
    on_failure, on_retry, on_loop, on_final_failure, on_completion : callable, optional
        Take ``(task, state)``.
    state_handlers : sequence of callables, optional
        Take ``(task, old_state, new_state)``; may return another state.
    nout : int, optional
        How many values the task returns, so that it can be unpacked in a flow.

    Examples
    --------
    >>> class Add(Task):
    ...     def run(self, x, y=1):
    ...         return x + y
    >>> add = Add(name="add", max_retries=2, retry_delay="1s")
    >>> add.run(1), add.max_retries, add.retry_delay
    (2, 2, 1.0)
    """

    def __call__(
        self: SomeTask,
        /,
        *args: Any,
        mapped: bool = False,
        task_args: Mapping[str, Any] | None = None,
        upstream_tasks: Sequence[Any] | None = None,
        flow: TaskGraph | None = None,
        **kwargs: Any,
    ) -> SomeTask:
        """Copy this task and bind the copy's inputs in the flow that is being written.

        Parameters
        ----------
        *args, **kwargs
            Inputs: tasks, constants, or collections of both.
        mapped : bool
            Map over every input that is not `unmapped`.
        task_args : mapping, optional
            Options to set on the copy.
        upstream_tasks : sequence of tasks, optional
            Tasks to wait for without taking their data.
        flow : TaskGraph, optional
            The flow, if not the one of the ``with`` block.

        Raises
        ------
        ValueError
            If there is no flow.
        TypeError
            If an input is missing or one is too many.
        """
        graph = self._open_graph(flow, "called")
        new = self.copy(**(task_args or {}))
        graph.bind(new, args, kwargs, upstream_tasks=upstream_tasks, mapped=mapped)
        return new

    def bind(
        self: SomeTask,
        /,
        *args: Any,
        mapped: bool = False,
        upstream_tasks: Sequence[Any] | None = None,
        flow: TaskGraph | None = None,
        **kwargs: Any,
    ) -> SomeTask:
        """Bind the inputs of this very task, without a copy; parameters as in a call."""
        graph = self._open_graph(flow, "bound")
        graph.bind(self, args, kwargs, upstream_tasks=upstream_tasks, mapped=mapped)
        return self

    def map(
        self: SomeTask,
        /,
        *args: Any,
        upstream_tasks: Sequence[Any] | None = None,
        flow: TaskGraph | None = None,
        task_args: Mapping[str, Any] | None = None,
        strict: bool = False,
        **kwargs: Any,
    ) -> SomeTask:
        """Copy this task and run the copy once for each element of its inputs.

        Parameters
        ----------
        *args, **kwargs
            Inputs; those not wrapped in `unmapped` are gone through side by side, as far as
            the shortest reaches.
        upstream_tasks : sequence of tasks, optional
            Tasks to wait for; mapped over too, unless wrapped in `unmapped`.
        flow : TaskGraph, optional
            The flow, if not the one of the ``with`` block.
        task_args : mapping, optional
            Options to set on the copy.
        strict : bool
            Fail if the inputs differ in length.
        """
        if strict and self.has_run and signature.has_parameter(self.run, self.name, "strict"):
            raise ValueError(
                f"Task '{self.name}' has a parameter 'strict', and map(strict=...) is the map's "
                "own. Rename the parameter"
            )
        graph = self._open_graph(flow, "mapped")
        new = self.copy(**(task_args or {}))
        graph.bind(new, args, kwargs, upstream_tasks=upstream_tasks, mapped=True, strict=strict)
        return new

    def set_upstream(
        self, task: Any, flow: TaskGraph | None = None, key: str | None = None, mapped: bool = False
    ) -> None:
        """Run this task after another, and take its result as the input `key`, if given."""
        graph = self._open_graph(flow or current_graph.get() or self._graph, "given an upstream")
        graph.add_edge(task, self, key=key, mapped=mapped)

    def set_downstream(
        self,
        task: Task,
        flow: TaskGraph | None = None,
        key: str | None = None,
        mapped: bool = False,
    ) -> None:
        """Run another task after this one, and give it the result as `key`, if given."""
        graph = self._open_graph(flow or current_graph.get() or self._graph, "given a downstream")
        graph.add_edge(self, task, key=key, mapped=mapped)

    def set_dependencies(
        self,
        flow: TaskGraph | None = None,
        upstream_tasks: Sequence[Any] | None = None,
        downstream_tasks: Sequence[Task] | None = None,
        keyword_tasks: Mapping[str, Any] | None = None,
        mapped: bool = False,
    ) -> None:
        """Set several upstream tasks, downstream tasks and inputs of this task at once."""
        graph = self._open_graph(flow or current_graph.get() or self._graph, "given dependencies")
        graph.set_dependencies(self, upstream_tasks, downstream_tasks, keyword_tasks, mapped)

    def __getitem__(self, key: Any) -> Task:
        """Make a task that takes one item of this task's result."""
        # GetItem is a Task, so it cannot be imported before this class exists.
        from daskloop.define.get_item import GetItem

        graph = self._open_graph(current_graph.get() or self._graph, "indexed")
        return GetItem().bind(self, key, flow=graph)

    def __iter__(self) -> Iterator[Task]:
        """Unpack the result into as many tasks as `nout` says."""
        if self._graph is not None and self._graph.call_of(self).is_mapped:
            raise TypeError(
                f"Task '{self.name}' is mapped, so how many results it has is known only when the "
                f"flow runs. Take single ones, like {self.name}[0], or give it to another task"
            )
        if self.nout is None:
            raise TypeError(
                f"Task '{self.name}' cannot be unpacked: how many values it returns is not known "
                "before it runs. Say so by @task(nout=2), or annotate it like -> tuple[int, str]"
            )
        return iter([self[index] for index in range(self.nout)])

    def _open_graph(self, flow: TaskGraph | None, act: str) -> TaskGraph:
        graph = flow if flow is not None else current_graph.get()
        if graph is None:
            raise ValueError(
                f"Task '{self.name}' was {act} outside a flow. Do it inside "
                f"`with Flow(...) as flow:`, or give flow=...; to call the plain function, "
                f"write {self.name}.run(...)"
            )
        return graph
