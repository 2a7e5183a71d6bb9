"""The same calls with other tasks in them, to copy a flow, to join two, to exchange a task."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daskloop.define import signature
from daskloop.define.call import Call
from daskloop.define.child_names import ChildNames
from daskloop.define.expression import Constant
from daskloop.define.parameter import Parameter
from daskloop.define.task import Task

if TYPE_CHECKING:
    from daskloop.define.graph import TaskGraph

__all__ = ["add_copies", "replace_task", "with_tasks"]


def with_tasks(call: Call, others: Mapping[Task, Task]) -> Call:
    """Return a call in which other tasks stand for some of its tasks.

    Examples
    --------
    >>> a, b = Task(name="a"), Task(name="b")
    >>> with_tasks(Call(a), {a: b})
    Call(task=<Task: b>, arguments=(), strict=False, names=None)
    """
    found: Call = _with(call, others)
    return found


def _with(part: Any, others: Mapping[Task, Task]) -> Any:
    if isinstance(part, Task):
        return others.get(part, part)
    if isinstance(part, tuple):
        return tuple(_with(one, others) for one in part)
    if isinstance(part, (ChildNames, Constant)) or not dataclasses.is_dataclass(part):
        return part
    # Field by field, so that every kind of expression there may be is gone through alike.
    names = [one.name for one in dataclasses.fields(part)]
    return dataclasses.replace(
        part,  # type: ignore[type-var]
        **{name: _with(getattr(part, name), others) for name in names},
    )


def add_copies(
    graph: TaskGraph, source: TaskGraph, merge_parameters: bool = False
) -> dict[Task, Task]:
    """Add a copy of each task of another flow, joined as they are there.

    Parameters
    ----------
    graph : TaskGraph
        The flow that grows.
    source : TaskGraph
        The other, which is left as it is. Its Parameters are shared and not copied.
    merge_parameters : bool
        Whether a Parameter of `graph` stands for the one of the same name in `source`.

    Returns
    -------
    dict
        For each task of `source`, the task of `graph` that stands for it.

    Raises
    ------
    ValueError
        If a Parameter's name or a slug is taken; nothing has changed then.
    """
    there = {one.name: one for one in graph.parameters()}
    sources = tuple(source.tasks)  # as they are now: a flow may be added to itself
    others: dict[Task, Task] = {}
    for task in sources:
        if isinstance(task, Parameter):
            others[task] = _parameter(graph, source, task, there.get(task.name), merge_parameters)
        else:
            others[task] = task.copy()
            others[task].tags = set(task.tags)
    taken = {task.slug for task in graph.tasks if task.slug is not None}
    twice = sorted(task.slug for task in sources if task.slug and task.slug in taken)
    if twice:
        raise ValueError(
            f"Flows '{graph.name}' and '{source.name}' both have a task with the slug "
            f"'{twice[0]}'. Rename one of them"
        )
    for new in others.values():
        graph.add_task(new)
    for task in sources:
        graph.add_call(with_tasks(source.call_of(task), others))
    return others


def _parameter(
    graph: TaskGraph, source: TaskGraph, own: Parameter, there: Parameter | None, merge: bool
) -> Parameter:
    if there is None or there is own or merge:
        return own if there is None else there
    raise ValueError(
        f"Flows '{graph.name}' and '{source.name}' both have a Parameter '{own.name}', and one "
        "name is one value. If the same value is meant, say merge_parameters=True; else rename one"
    )


def replace_task(graph: TaskGraph, old: Task, new: Task) -> None:
    """Put a task in the place of another: with its inputs, and before all that waits for it.

    Raises
    ------
    TypeError
        If `new` is no task.
    ValueError
        If `old` is not in the flow, `new` is in a flow already, or does not take the inputs that
        `old` has; nothing has changed then.
    """
    call = graph.call_of(old)
    if not isinstance(new, Task):
        raise TypeError(f"Flow '{graph.name}' takes tasks, got {new!r}; mark a function with @task")
    if new in graph:
        raise ValueError(
            f"Task '{new.name}' is in flow '{graph.name}' already, so it cannot take the place of "
            f"'{old.name}' as well. Give a task that was not called, like {new.name}.copy()"
        )
    _check_inputs(call, new)
    graph.exchange(old, new, [with_tasks(graph.call_of(task), {old: new}) for task in graph.tasks])


def _check_inputs(call: Call, new: Task) -> None:
    names = [argument.name for argument in call.arguments if argument.name is not None]
    if isinstance(new, Parameter) and call.upstream_tasks:
        raise ValueError(
            f"Parameter '{new.name}' cannot take the place of '{call.task.name}', which waits for "
            "other tasks: the value of a Parameter is given to flow.run"
        )
    if isinstance(new, Parameter) or not new.has_run:
        unknown, lacking = names, []
    else:
        unknown = [name for name in names if not signature.takes(new.run, new.name, name)]
        lacking = signature.missing(new.run, new.name, names)
    if unknown or lacking:
        wrong = [f"does not take {_quoted(unknown)}"] if unknown else []
        wrong += [f"needs {_quoted(lacking)} as well"] if lacking else []
        raise ValueError(
            f"Task '{new.name}' cannot take the place of '{call.task.name}': "
            f"it {' and '.join(wrong)}. Give a task with the same arguments"
        )


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
