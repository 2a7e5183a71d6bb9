"""A task: a function that the user marked, and how it is to be run.

A task that stands in a module is a template. Calling it, or mapping it, inside a flow makes
a copy and binds the copy's inputs in that flow; nothing is run before the flow is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from daskloop.define import signature
from daskloop.define.operators import Operators
from daskloop.define.scope import current_graph
from daskloop.loggers import RunLogger, get_run_logger

if TYPE_CHECKING:
    from daskloop.define.graph import TaskGraph

__all__ = ["Task"]

SomeTask = TypeVar("SomeTask", bound="Task")


class _Logger:
    """Gives tasks a `logger`, in whose place a subclass may set one of its own."""

    def __get__(self, task: Task | None, owner: type[Task]) -> RunLogger:
        return get_run_logger()


class Task(Operators):
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
    on_limit : str
        What becomes of a loop at one of these limits: ``"fail"``, or ``"return"`` to end it with
        its last payload as result.
    until : float, optional
        End the loop when the metric that an iteration reports, with ``again(metric=...)`` or
        ``LOOP(metric=...)``, is this or better. The payload of the best iteration is its result.
    patience : int, optional
        End it in the same way after so many iterations in a row that were no better.
    mode : str
        ``"min"`` if a smaller metric is better, ``"max"`` if a larger one is.
    min_delta : float
        By how much a metric has to be better to count for `patience`.
    losers : ASHA, optional
        Which children of a map end early, with their best payloads, since others are better.
    max_worker_losses : int, optional
        How many workers may be lost under the task; 3 if not given.
    at_most_once : bool
        Never run an attempt again whose worker was lost; each attempt has a future of its own.
    priority : int, optional
        Attempts of a higher one go first where there are fewer slots than attempts; 0 if not given.
    resources : mapping of str to float, optional
        What an attempt takes of its worker while it runs, like ``{"GPU": 1}``; tags like
        ``"dask-resource:GPU=1"`` add to it.
    workers : str or collection of str and int, optional
        Names, addresses or hosts of the only workers that may run it.
    allow_other_workers : bool, optional
        True if `workers` are only where it would run best. What these four leave open, an enclosing
        ``dask.annotate(...)`` may say where the task is called.
    result : path, URL, `LocalResult` or `FileResult`, optional
        Where the final value is written as a file.
    target : str, optional
        Template of that file's name, such as ``"{task_name}-{map_index}.pkl"``: a file that is
        there before the first iteration is read, and the task is `Cached` without running.
    cache : path, URL, `FileResult` or True, optional
        Where final values are kept by the task's source and inputs, to be taken by later runs;
        with True, the setting ``daskloop.cache``.
    cache_for : timedelta, float, str or True, optional
        For how long a cached value is good; for ever if not given or True.
    cache_key : callable, optional
        Called on the worker with the task's inputs; what it returns stands for them.
    batch : int or "auto", optional
        How many attempts, iterations of a loop and children of a map, one Dask future may hold;
        with "auto" as many as are short against what a future costs. If not given, what
        ``flow.run(batch=...)`` or the configuration says.
    max_running : int, optional
        How many attempts may be in flight at once, over all children.
    rate : str or float, optional
        How many attempts may begin in a time, over all children and retries: ``"10/s"``,
        ``"100/min"``, or a number for each second. Each attempt has a future of its own then.
    max_branches : int, optional
        How many children of a map may be begun and not be done with, all that follows from each
        child by child included: strict depth first, with bounded memory.
    tolerate : float or int, optional
        How many children of a map may fail without failing the map: a share like 0.05, or a
        number. What takes the whole map gets their exceptions in their places.
    fail_fast : bool
        Cancel the children that have not begun once more have failed than is tolerated.
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
    log_stdout : bool
        Take what the function prints into the task's log, line by line, at the level INFO.

    Examples
    --------
    >>> class Add(Task):
    ...     def run(self, x, y=1):
    ...         return x + y
    >>> add = Add(name="add", max_retries=2, retry_delay="1s")
    >>> add.run(1), add.max_retries, add.retry_delay
    (2, 2, 1.0)
    """

    logger = _Logger()
    """What `run` logs with: the same as `get_run_logger()`."""

    is_cleanup: ClassVar[bool] = False
    """True if it puts away what a task before it made: it runs though the run is being stopped,
    and those that it waits for decide the state of the flow like terminal ones."""

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
        names: Sequence[str] | str | Callable[..., Any] | None = None,
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
        names : list of str, str or callable, optional
            Names of the children, in the place of their numbers: a list, a template of the mapped
            inputs like ``"{url}"``, or a function of the child's own inputs. A map that goes on
            from the children of another takes their names on. Keys on Dask keep the numbers. For
            a task that has an input of this name, it is that.
        """
        if strict and self.has_run and signature.has_parameter(self.run, self.name, "strict"):
            raise ValueError(
                f"Task '{self.name}' has a parameter 'strict', and map(strict=...) is the map's "
                "own. Rename the parameter"
            )
        if not isinstance(strict, bool):
            raise TypeError(f"{self.name}.map(strict={strict!r:.100}): give True or False")
        taken = self.has_run and signature.has_parameter(self.run, self.name, "names")
        if names is not None and taken:
            kwargs, names = {**kwargs, "names": names}, None
        graph = self._open_graph(flow, "mapped")
        new = self.copy(**(task_args or {}))
        graph.bind(new, args, kwargs, upstream_tasks, mapped=True, strict=strict, names=names)
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

    def pipe(self, task: Task, /, **kwargs: Any) -> Task:
        """Call another task with this one's result: ``a.pipe(b).pipe(c)`` is ``c(b(a))``.

        Parameters
        ----------
        task : Task
            The other task; this one is its first input.
        **kwargs
            Its other inputs.
        """
        if not isinstance(task, Task):
            raise TypeError(f"'{self.name}'.pipe({task!r:.100}): give a task, without calling it")
        return task(self, **kwargs)

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
                "before it runs. Say so by @task(nout=2), or annotate it like -> tuple[int, str]; "
                "to do something with each of its elements, map a task over it"
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
