"""Tasks and what each of them waits for, in plain structure.

Calls are the only thing that is kept; edges, roots and ends are read from them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, KeysView
from typing import TYPE_CHECKING, cast

from daskloop.define.block import note_task
from daskloop.define.call import Call
from daskloop.define.edge import Edge
from daskloop.define.expression import outputs
from daskloop.define.names import checked_name
from daskloop.define.order import cycle_text, find_path, in_order
from daskloop.define.parameter import Parameter
from daskloop.define.placement import Placement, around
from daskloop.define.task import Task

if TYPE_CHECKING:
    from daskloop.define.graph import TaskGraph

__all__ = ["Structure"]


class Structure:
    """The part of a `TaskGraph` that keeps and answers; see there for the parameters.

    Examples
    --------
    >>> structure = Structure("one")
    >>> structure.add_task(Task(name="a"))
    <Task: a>
    >>> list(structure.tasks)
    [<Task: a>]
    """

    def __init__(self, name: str) -> None:
        self.name = checked_name(name, "Flow name")
        self._calls: dict[Task, Call] = {}
        self._downstream: dict[Task, dict[Task, None]] = {}
        self._parameters: dict[str, Parameter] = {}
        self._explicit_slugs: dict[str, Task] = {}
        self._reference_tasks: tuple[Task, ...] = ()
        self._slugs: dict[Task, str] = {}

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: name="{self.name}">'

    def __contains__(self, task: object) -> bool:
        return task in self._calls

    @property
    def tasks(self) -> KeysView[Task]:
        """All tasks, as a set that keeps the order in which they were added."""
        return dict.fromkeys(self._calls).keys()

    @property
    def slugs(self) -> dict[Task, str]:
        """The unique name of each task: its own slug, or `name-1`, `name-2` and so on."""
        # Worked out once for all that is there, since a plan asks for each task's.
        if len(self._slugs) < len(self._calls):
            self._slugs = self._unique_slugs()
        return self._slugs

    def _unique_slugs(self) -> dict[Task, str]:
        taken = set(self._explicit_slugs)
        last: dict[str, int] = {}
        found: dict[Task, str] = {}
        for task in self._calls:
            slug = task.slug
            while slug is None:
                last[task.name] = last.get(task.name, 0) + 1
                made = f"{task.name}-{last[task.name]}"
                # Two names can lead to one slug: `a` the second time, and `a-2` by itself.
                slug = made if made not in taken else None
            taken.add(slug)
            found[task] = slug
        return found

    def add_task(self, task: Task) -> Task:
        """Add a task, once; its inputs may come later.

        Raises
        ------
        TypeError
            If it is not a task.
        ValueError
            If it is bound in another flow, or its slug or parameter name is taken.
        """
        if task in self._calls:
            return task
        self._check_new(task)
        said = Placement() if isinstance(task, Parameter) else around(warn=True)
        if task.slug is not None:
            self._explicit_slugs[task.slug] = task
        if isinstance(task, Parameter):
            self._parameters[task.name] = task
        else:
            # Parameters may stand in several flows, so none of them owns one.
            task._graph = cast("TaskGraph", self)
            task.placement = task.placement.within(said, task.tags)
        self._calls[task] = Call(task)
        self._downstream[task] = {}
        if not isinstance(task, Parameter):
            note_task(self, task)
        return task

    def _check_new(self, task: Task) -> None:
        if not isinstance(task, Task):
            raise TypeError(
                f"Flow '{self.name}' takes tasks, got {task!r}; mark a function with @task"
            )
        if isinstance(task, Parameter) and task.name in self._parameters:
            raise ValueError(
                f"Flow '{self.name}' has a Parameter '{task.name}' already, and one name is one "
                "value. Use the same Parameter object twice, or rename one"
            )
        if task._graph is not None and task._graph is not self:
            raise ValueError(
                f"Task '{task.name}' is bound in flow '{task._graph.name}' and cannot be used in "
                f"flow '{self.name}' as well. Call it again inside '{self.name}'; "
                "only Parameters may be shared between flows"
            )
        if task.slug is not None and task.slug in self._explicit_slugs:
            raise ValueError(
                f"Flow '{self.name}' has a task with the slug '{task.slug}' already; give each "
                f"call a slug of its own, like {task.name}(..., task_args={{'slug': ...}}), or none"
            )
        if not isinstance(task, Parameter):
            task.placement.within(around(), task.tags).with_tags(task.tags)

    def add_call(self, call: Call) -> Call:
        """Add a task with its inputs, and the tasks that those come from.

        Inputs are added to those that the task has already.

        Raises
        ------
        ValueError
            If an input is bound already, or the flow would get a cycle.
        """
        task = call.task
        if isinstance(task, Parameter) and call.arguments:
            raise ValueError(
                f"Parameter '{task.name}' has no inputs and waits for nothing: "
                f"its value is given to flow.run({task.name}=...)"
            )
        before = self._calls.get(task, Call(task))
        bound = {argument.name for argument in before.arguments}
        for argument in call.arguments:
            if argument.name is not None and argument.name in bound:
                raise ValueError(
                    f"Argument '{argument.name}' of task '{task.name}' is bound already in flow "
                    f"'{self.name}'. To run the task once more, call it again: that makes a copy"
                )
        # All checks come before the first change: a refused call leaves nothing behind.
        self._refuse_cycle(call)
        for one in (task, *call.upstream_tasks):
            if one not in self._calls:
                self._check_new(one)
        self.add_task(task)
        for upstream in call.upstream_tasks:
            self.add_task(upstream)
            self._downstream[upstream][task] = None
        arguments = before.arguments + call.arguments
        ordered = sorted(arguments, key=lambda argument: argument.name is None)
        strict, names = before.strict or call.strict, call.names or before.names
        merged = Call(task, tuple(ordered), strict, names)
        self._calls[task] = merged
        return merged

    def exchange(self, old: Task, new: Task, calls: Iterable[Call]) -> None:
        """Put one task in the place of another; `calls` are all of the flow, with that done.

        Raises
        ------
        ValueError
            If the new task is bound in a flow, or its slug or parameter name is taken.
        """
        parameters = {one.name: one for one in self._parameters.values() if one is not old}
        slugs = {slug: one for slug, one in self._explicit_slugs.items() if one is not old}
        before = (self._parameters, self._explicit_slugs)
        self._parameters, self._explicit_slugs = parameters, slugs
        try:
            self.add_task(new)
        except BaseException:  # the flow stays as it was, whatever came between; raised again
            self._parameters, self._explicit_slugs = before
            raise
        later = self._downstream
        self._calls = {call.task: call for call in calls}
        self._downstream = {new if one is old else one: {} for one in later if one is not new}
        for call in self._calls.values():
            for upstream in call.upstream_tasks:
                self._downstream[upstream][call.task] = None
        self._reference_tasks = tuple(new if one is old else one for one in self._reference_tasks)
        self._slugs = {}
        old.__dict__.pop("_graph", None)  # it may be used in another flow now

    def _refuse_cycle(self, call: Call) -> None:
        for upstream in call.upstream_tasks:
            if upstream is call.task:
                raise ValueError(cycle_text([upstream]))
            path = find_path(call.task, upstream, self._downstream)
            if path is not None:
                raise ValueError(cycle_text(path))

    def call_of(self, task: Task) -> Call:
        """Return a task with its inputs."""
        self._check_there(task)
        return self._calls[task]

    def edges(self) -> set[Edge]:
        """Return all dependencies; a collection of tasks gives one edge for each of them."""
        return {
            Edge(upstream, task, argument.name, argument.mapped, argument.flattened)
            for task, call in self._calls.items()
            for argument in call.arguments
            for upstream in outputs(argument.expression)
        }

    def parameters(self) -> KeysView[Parameter]:
        """Return the parameters, as a set that keeps the order in which they were added."""
        return dict.fromkeys(self._parameters.values()).keys()

    def upstream_tasks(self, task: Task) -> KeysView[Task]:
        """Return the tasks that a task waits for, as an ordered set."""
        return dict.fromkeys(self.call_of(task).upstream_tasks).keys()

    def downstream_tasks(self, task: Task) -> KeysView[Task]:
        """Return the tasks that wait for a task, as an ordered set."""
        self._check_there(task)
        return dict.fromkeys(self._downstream[task]).keys()

    def root_tasks(self) -> KeysView[Task]:
        """Return the tasks that wait for no other, as an ordered set."""
        roots = (task for task, call in self._calls.items() if not call.upstream_tasks)
        return dict.fromkeys(roots).keys()

    def terminal_tasks(self) -> KeysView[Task]:
        """Return the tasks for which no other waits, as an ordered set."""
        return dict.fromkeys(task for task in self._calls if not self._downstream[task]).keys()

    def reference_tasks(self) -> KeysView[Task]:
        """Return the tasks that decide the state of the flow, by default the terminal ones."""
        if self._reference_tasks:
            return dict.fromkeys(self._reference_tasks).keys()
        # That something is put away afterwards does not make up for a failure.
        last = (t for t in self._calls if all(one.is_cleanup for one in self._downstream[t]))
        return dict.fromkeys(last).keys()

    def set_reference_tasks(self, tasks: Iterable[Task]) -> None:
        """Choose the tasks that decide the state of the flow; none: the terminal ones.

        Raises
        ------
        TypeError
            If it is one task and no list of them.
        ValueError
            If one of them is not in the flow.
        """
        if isinstance(tasks, Task):
            raise TypeError(f"set_reference_tasks({tasks!r}): give a list of tasks")
        chosen = tuple(dict.fromkeys(tasks))
        for task in chosen:
            self._check_there(task)
        self._reference_tasks = chosen

    def sorted_tasks(self) -> tuple[Task, ...]:
        """Return all tasks, each after those it waits for; otherwise in order of adding.

        Raises
        ------
        ValueError
            If there is a cycle; the text prints it.
        """
        upstream = {task: call.upstream_tasks for task, call in self._calls.items()}
        downstream = {task: tuple(later) for task, later in self._downstream.items()}
        return in_order(tuple(self._calls), upstream, downstream)

    def get_tasks(
        self,
        name: str | None = None,
        slug: str | None = None,
        tags: Collection[str] | None = None,
        task_type: type[Task] | tuple[type[Task], ...] = Task,
    ) -> list[Task]:
        """Find tasks by name, by slug, by class, or by tags, all of which they must have."""
        if isinstance(tags, str):
            raise TypeError(f"tags={tags!r} is one text; give a list, like tags=[{tags!r}]")
        slugs = self.slugs
        return [
            task
            for task in self._calls
            if (name is None or task.name == name)
            and (slug is None or slugs[task] == slug)
            and set(tags or ()) <= task.tags
            and isinstance(task, task_type)
        ]

    def _check_there(self, task: Task) -> None:
        if task not in self._calls:
            raise ValueError(
                f"{task!r} is not in flow '{self.name}'. Calling a task makes a copy: "
                "use what the call returned"
            )
