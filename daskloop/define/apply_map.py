"""Map a function that writes several tasks: it is called once, and each of them becomes a map.

::

    f(element) writes  a ─► b      and   apply_map(f, xs)  makes  a.map(xs) ─► b.map(a)

The function writes into a draft, with a stand-in for each element. When it has returned, the
draft's tasks go over to the flow, and what came from an element is mapped over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from daskloop.define.annotations import read_annotations
from daskloop.define.call import Argument, Call
from daskloop.define.control_flow import Merge
from daskloop.define.expression import Collection, Output, outputs
from daskloop.define.graph import TaskGraph
from daskloop.define.inputs import read_argument
from daskloop.define.parameter import Parameter
from daskloop.define.scope import current_graph
from daskloop.define.task import Task

__all__ = ["apply_map"]


def apply_map(
    function: Callable[..., Any], /, *args: Any, flow: TaskGraph | None = None, **kwargs: Any
) -> Any:
    """Call a function that writes tasks, and run all of them once for each element.

    Parameters
    ----------
    function : callable
        Takes stand-ins for one element of each input, and calls tasks with them; `case`, `merge`
        and operators may be used.
    *args, **kwargs
        Inputs; those not wrapped in `unmapped` are gone through side by side.
    flow : TaskGraph, optional
        The flow, if not the one of the ``with`` block.

    Returns
    -------
    Any
        What the function returned; its tasks are maps now.

    Raises
    ------
    ValueError
        If there is no flow, or the function maps or joins tasks in a way that has no meaning
        for one element.

    Examples
    --------
    >>> from daskloop import Flow, apply_map, case, task
    >>> from daskloop.tasks.control_flow import merge
    >>> @task
    ... def double(x):
    ...     return 2 * x
    >>> def twice_if_odd(x):
    ...     with case(x % 2, 1):
    ...         doubled = double(x)
    ...     return merge(doubled, x)
    >>> with Flow("some-doubled") as flow:
    ...     results = apply_map(twice_if_odd, [1, 2, 3])
    >>> flow.run(executor="inline").result[results].result
    [2, 2, 6]
    """
    if not callable(function) or isinstance(function, Task):
        raise TypeError(
            f"apply_map({function!r:.100}, ...): give a function that calls tasks; "
            "a single task has its own .map(...)"
        )
    outer = current_graph.get() if flow is None else flow
    if outer is None:
        raise ValueError(
            "apply_map(...) stands outside a flow. Write it inside `with Flow(...):`, or give flow="
        )
    draft = _Draft(outer, str(getattr(function, "__name__", "apply_map")))
    given = {**{f"input-{n}": value for n, value in enumerate(args, 1)}, **kwargs}
    inputs = {name: draft.stand_in(name, value) for name, value in given.items()}
    token = current_graph.set(draft)
    try:
        returned = function(
            *(inputs[f"input-{n}"] for n in range(1, len(args) + 1)),
            **{name: inputs[name] for name in kwargs},
        )
    finally:
        current_graph.reset(token)
    draft.hand_over()
    return draft.replaced(returned)


class Element(Task):
    """Stands for one element of a mapped input, while the function writes its tasks."""


class Collect(Task):
    """Build, for each child, a collection of which some parts are the child's own."""

    def __init__(self, kind: str, keys: tuple[object, ...] | None) -> None:
        self.kind = kind
        self.keys = keys
        super().__init__(name=kind.capitalize())

    def run(self, **items: Any) -> Any:
        """Return the collection."""
        values = [items[f"item_{n}"] for n in range(len(items))]
        if self.keys is not None:
            return dict(zip(self.keys, values, strict=True))
        return {"list": list, "tuple": tuple, "set": set}[self.kind](values)


class _Draft(TaskGraph):
    """Tasks that are written for one element; tasks of the flow itself may be used in it."""

    def __init__(self, outer: TaskGraph, function: str) -> None:
        super().__init__(outer.name)
        self._outer = outer
        self._function = Task(name=function)
        self._mapped: dict[Task, Argument] = {}
        """For each stand-in the input that it stands for; for each new task, its results."""
        self._given: dict[Task, Any] = {}

    def stand_in(self, name: str, value: Any) -> Any:
        """Return what the function is given for an input: a stand-in, or an unmapped value."""
        read = read_annotations(value, default=True)
        if not read.mapped:
            return read.value
        element = Element(name=name)
        self._mapped[element] = read_argument(self._function, name, value, True)
        self._given[element] = read.value
        self.add_task(element)
        return element

    def add_task(self, task: Task) -> Task:
        """Add a task; one of the flow itself stays where it is."""
        if isinstance(task, Task) and task in self._outer and task not in self._calls:
            self._calls[task] = Call(task)
            self._downstream[task] = {}
            return task
        return super().add_task(task)

    def _check_new(self, task: Task) -> None:
        if not (isinstance(task, Task) and task in self._outer):
            super()._check_new(task)

    def hand_over(self) -> None:
        """Give the tasks to the flow, mapped over what they take of an element."""
        elements = tuple(self._mapped.values())
        calls = [self._calls[task] for task in self.sorted_tasks()]
        new = [one for one in calls if one.task not in self._given]
        for call in new:
            self._check(call)
        for call in new:
            if isinstance(call.task, Parameter) or call.task in self._outer:
                self._outer.add_task(call.task)
                continue
            arguments = tuple(self._for_each(one, call.task) for one in call.arguments)
            if elements and not any(one.mapped for one in arguments):
                # It takes nothing of an element and is run for each all the same.
                arguments += tuple(replace(one, name=None) for one in elements)
            if isinstance(call.task, Merge):
                call.task.look_at(arguments)
            call.task._graph = None
            self._outer.add_call(replace(call, arguments=arguments))
            if elements:
                self._mapped[call.task] = Argument(None, Output(call.task), True, False)

    def _check(self, call: Call) -> None:
        if call.is_mapped and self._mapped:
            raise ValueError(
                f"Task '{call.task.name}' is mapped inside apply_map, where there is one element "
                "only. Map in two steps: return the lists, and map over flatten(...) of them"
            )
        if call.task in self._outer and call.arguments:
            raise ValueError(
                f"Task '{call.task.name}' stands outside the function that apply_map was given, "
                "so it cannot wait for one element of it. Call it inside, or after apply_map"
            )

    def _for_each(self, argument: Argument, task: Task) -> Argument:
        """Let an argument be mapped over if it takes something of an element."""
        expression = argument.expression
        if not any(one in self._mapped for one in outputs(expression)):
            return argument
        if isinstance(expression, Collection) and argument.name is not None:
            expression = Output(self._collected(expression))
        if isinstance(expression, Output):
            source = self._mapped[expression.task]
            if argument.flattened:
                raise ValueError(
                    f"Task '{task.name}' takes flatten(...) of one element inside apply_map; "
                    "take the element apart in the task itself"
                )
            return replace(source, name=argument.name, mapped=True)
        raise ValueError(
            f"Task '{task.name}' waits for a collection of tasks inside apply_map; list them one "
            "by one in upstream_tasks"
        )

    def _collected(self, collection: Collection) -> Task:
        """Make a map of which each child builds its own collection."""
        collect = Collect(collection.kind, collection.keys)
        items = (
            self._for_each(Argument(f"item_{n}", item, False, False), collect)
            for n, item in enumerate(collection.items)
        )
        self._outer.add_call(Call(collect, tuple(items)))
        self._mapped[collect] = Argument(None, Output(collect), True, False)
        return collect

    def replaced(self, value: Any) -> Any:
        """Put the inputs themselves where the function returned its stand-ins."""
        if isinstance(value, Element):
            return self._given.get(value, value)
        if type(value) in (list, tuple, set):
            return type(value)(self.replaced(one) for one in value)
        if isinstance(value, Mapping) and type(value) is dict:
            return {key: self.replaced(one) for key, one in value.items()}
        return value
