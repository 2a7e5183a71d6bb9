"""The tasks of a flow: how they are joined, and what is checked before a run."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from daskloop.define import inputs, signature
from daskloop.define.annotations import Annotation, flatten
from daskloop.define.call import Argument, Call
from daskloop.define.child_names import ChildNames, child_names
from daskloop.define.edge import Edge
from daskloop.define.expression import Output
from daskloop.define.parameter import Parameter
from daskloop.define.rewiring import add_copies, replace_task
from daskloop.define.streams import check_streams
from daskloop.define.structure import Structure
from daskloop.define.task import Task

__all__ = ["TaskGraph"]

SomeGraph = TypeVar("SomeGraph", bound="TaskGraph")


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
        names: Any = None,
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
        names : list of str, str or callable, optional
            How the children of a map are named, see `Task.map`.
        """
        arguments = inputs.data_arguments(task, args, kwargs or {}, mapped)
        arguments += inputs.order_arguments(task, upstream_tasks, mapped)
        if strict:
            inputs.check_strict(task, arguments)
        check_streams(task, arguments, names is not None)
        named = None if names is None else child_names(names, task.name, arguments)
        if named is not None:
            self._refuse_unknown_elements(task, arguments, named)
        return self.add_call(Call(task, arguments, strict, named))

    def _refuse_unknown_elements(
        self, task: Task, arguments: tuple[Argument, ...], names: ChildNames
    ) -> None:
        for one in arguments:
            source = one.expression
            if one.name not in names.arguments or one.flattened or not isinstance(source, Output):
                continue
            if source.task in self and self.call_of(source.task).is_mapped:
                raise ValueError(
                    f"{task.name}.map(names=...) looks at '{one.name}', which the children of "
                    f"'{source.task.name}' return, one after the other. Give names= there: "
                    "its children's names are taken on"
                )

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
            raise TypeError(
                f"Flow '{self.name}' takes tasks, got {downstream_task!r}; mark a function with "
                "@task"
            )
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
            has = signature.shown(task.run, task.name) if task.has_run else "()"
            raise ValueError(
                f"Task '{task.name}' has no argument '{key}' to give a result to; it takes {has}"
            )
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

    def edges_to(self, task: Task) -> set[Edge]:
        """Return the dependencies that a task waits for."""
        self.call_of(task)
        return {edge for edge in self.edges() if edge.downstream_task is task}

    def edges_from(self, task: Task) -> set[Edge]:
        """Return the dependencies of other tasks on a task."""
        self.call_of(task)
        return {edge for edge in self.edges() if edge.upstream_task is task}

    def copy(self: SomeGraph) -> SomeGraph:
        """Make another flow of copies of all tasks, joined as they are here.

        The copies have the same slugs as their originals, by which they are found. Parameters are
        shared.

        Examples
        --------
        >>> graph = TaskGraph("f")
        >>> task = graph.add_task(Task(name="a"))
        >>> new = graph.copy()
        >>> new.get_tasks(slug=graph.slugs[task]), task in new
        ([<Task: a>], False)
        """
        new = copy.copy(self)
        Structure.__init__(new, self.name)
        others = add_copies(new, self)
        new.set_reference_tasks([others[task] for task in self._reference_tasks])
        return new

    def update(self, other: TaskGraph, merge_parameters: bool = False) -> dict[Task, Task]:
        """Add copies of all tasks of another flow, joined as they are there.

        Parameters
        ----------
        other : TaskGraph
            The other flow, which is left as it is; Parameters are shared and not copied.
        merge_parameters : bool
            Whether a Parameter of this flow stands for the one of the same name in `other`.

        Returns
        -------
        dict
            For each task of `other`, the task of this flow that stands for it.

        Raises
        ------
        ValueError
            If a Parameter's name or a slug is taken; nothing has changed then.

        Examples
        --------
        >>> one, two, task = TaskGraph("one"), TaskGraph("two"), Task(name="a")
        >>> two.add_task(task)
        <Task: a>
        >>> one.update(two)[task] in one
        True
        """
        if not isinstance(other, TaskGraph):
            raise TypeError(
                f"Flow '{self.name}' can be updated with a flow, got {other!r}; tasks "
                "are added by add_task"
            )
        return add_copies(self, other, merge_parameters)

    def replace(self, old: Task, new: Task) -> None:
        """Put a task in the place of another: with its inputs, before all that waits for it.

        Parameters
        ----------
        old : Task
            A task of this flow.
        new : Task
            A task that is in no flow. It takes the inputs of `old` under the same names, and is
            the key of its state in the flow's result.

        Raises
        ------
        ValueError
            If `old` is not in the flow, `new` is in one, or takes other inputs; nothing has
            changed then.

        Examples
        --------
        >>> graph, a, b, c = TaskGraph("f"), Task(name="a"), Task(name="b"), Task(name="c")
        >>> edge = graph.add_edge(a, b)
        >>> graph.replace(a, c)
        >>> graph.edges()
        {<Edge: c to b>}
        """
        replace_task(self, old, new)

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
