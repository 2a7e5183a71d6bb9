"""The tasks of a flow: how they are joined, and what is checked before a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from daskloop.define import inputs, signature
from daskloop.define.annotations import Annotation, flatten
from daskloop.define.call import Argument, Call
from daskloop.define.edge import Edge
from daskloop.define.parameter import Parameter
from daskloop.define.structure import Structure
from daskloop.define.task import Task

__all__ = ["TaskGraph"]


class TaskGraph(Structure):
    """Tasks joined by edges; what a `Flow` is without its running.

    Parameters
    ----------
    name : str
        1 to 255 characters; never used as a path.

    Examples
    --------
    >>> graph = TaskGraph("two")
    >>> a, b = Task(name="a"), Task(name="b")
    >>> graph.add_edge(a, b)
    <Edge: a to b>
    >>> graph.sorted_tasks(), graph.slugs[b]
    ((<Task: a>, <Task: b>), 'b-1')
    """

    def bind(
        self,
        task: Task,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        upstream_tasks: Sequence[Any] | None = None,
        mapped: bool = False,
        strict: bool = False,
    ) -> Call:
        """Bind the inputs of a task as they stand in a call of it.

        Parameters
        ----------
        task : Task
            The task itself, which is not copied.
        args, kwargs : tuple, mapping
            Its inputs.
        upstream_tasks : sequence of tasks, optional
            Tasks to wait for.
        mapped : bool
            Whether inputs without annotation are mapped over.
        strict : bool
            Whether mapped inputs of different lengths are an error.
        """
        arguments = inputs.data_arguments(task, args, kwargs or {}, mapped)
        arguments += inputs.order_arguments(task, upstream_tasks, mapped)
        if strict:
            inputs.check_strict(task, arguments)
        return self.add_call(Call(task, arguments, strict))

    def add_edge(
        self,
        upstream_task: Any,
        downstream_task: Task,
        key: str | None = None,
        mapped: bool = False,
        flattened: bool = False,
    ) -> Edge:
        """Let one task wait for another, and take its result as `key`, if given.

        Raises
        ------
        ValueError
            If `key` is no argument of the task, or bound already, or there would be a cycle.
        """
        if not isinstance(downstream_task, Task):
            raise TypeError(f"Flow '{self.name}' takes tasks, got {downstream_task!r}")
        given = flatten(upstream_task) if flattened else upstream_task
        argument = self._argument(downstream_task, key, given, mapped)
        self.add_call(Call(downstream_task, (argument,)))
        return Edge(
            _unwrapped(upstream_task), downstream_task, key, argument.mapped, argument.flattened
        )

    def _argument(self, task: Task, key: str | None, value: Any, mapped: bool) -> Argument:
        if key is None:
            return inputs.order_arguments(task, [value], mapped)[0]
        if not task.has_run or not signature.takes(task.run, task.name, key):
            raise ValueError(f"Task '{task.name}' has no argument '{key}' to give a result to")
        return inputs.read_argument(task, key, value, mapped)

    def set_dependencies(
        self,
        task: Task,
        upstream_tasks: Iterable[Any] | None = None,
        downstream_tasks: Iterable[Task] | None = None,
        keyword_tasks: Mapping[str, Any] | None = None,
        mapped: bool = False,
    ) -> None:
        """Set several upstream tasks, downstream tasks and inputs of a task at once."""
        self.add_task(task)
        for upstream in upstream_tasks or ():
            self.add_edge(upstream, task, mapped=mapped)
        for downstream in downstream_tasks or ():
            self.add_edge(task, downstream, mapped=mapped)
        for key, value in (keyword_tasks or {}).items():
            self.add_edge(value, task, key=key, mapped=mapped)

    def chain(self, *tasks: Task) -> list[Edge]:
        """Let each task wait for the one before it.

        Examples
        --------
        >>> TaskGraph("f").chain(Task(name="a"), Task(name="b"), Task(name="c"))
        [<Edge: a to b>, <Edge: b to c>]
        """
        return [self.add_edge(one, following) for one, following in pairwise(tasks)]

    def validate(self) -> None:
        """Check what can be known before a run.

        Raises
        ------
        ValueError
            If there is a cycle, or a task lacks a required argument; names all of them.
        """
        self.sorted_tasks()
        lacking: list[str] = []
        for task, call in self._calls.items():
            if isinstance(task, Parameter) or not task.has_run:
                continue
            bound = [argument.name for argument in call.arguments if argument.name]
            names = signature.missing(task.run, task.name, bound)
            lacking += [f"'{name}' of task '{task.name}'" for name in names]
        if lacking:
            raise ValueError(
                f"Flow '{self.name}' has arguments without a value: {', '.join(lacking)}. "
                "Call the tasks with these arguments, like task(x), where they are used"
            )


def _unwrapped(value: Any) -> Any:
    while isinstance(value, Annotation):
        value = value.value
    return value
