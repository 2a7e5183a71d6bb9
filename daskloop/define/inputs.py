"""From what the user wrote in a call to the arguments of a `Call`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from daskloop.define import signature
from daskloop.define.annotations import read_annotations
from daskloop.define.call import Argument
from daskloop.define.expression import Collection, Constant, Output, Stream, express, outputs
from daskloop.define.mappable import why_not_mappable
from daskloop.define.streams import stream
from daskloop.define.task import Task
from daskloop.errors import MapError

__all__ = ["check_strict", "data_arguments", "order_arguments", "read_argument"]


def data_arguments(
    task: Task, args: tuple[Any, ...], kwargs: Mapping[str, Any], mapped: bool
) -> tuple[Argument, ...]:
    """Read the inputs of a call.

    Parameters
    ----------
    task : Task
        The task that is called; its `run` gives the inputs their names.
    args, kwargs : tuple, mapping
        What it is called with.
    mapped : bool
        Whether inputs without annotation are mapped over.

    Raises
    ------
    TypeError
        If an input is missing or one is too many, or cannot be mapped over (`MapError`).
    """
    if not task.has_run:
        if args or kwargs:
            raise TypeError(
                f"Task '{task.name}' has no run method, so it takes no inputs; "
                f"define run in {type(task).__name__}"
            )
        return ()
    values = signature.bind(task.run, task.name, args, kwargs)
    arguments = tuple(read_argument(task, name, value, mapped) for name, value in values.items())
    _warn_of_characters(task, arguments)
    return arguments


def read_argument(task: Task, name: str, value: Any, mapped: bool) -> Argument:
    """Read one input with its annotations; refuse at once what can never be mapped over."""
    value, is_mapped, flattened, is_stream = read_annotations(value, mapped)
    where = f"argument '{name}' of task '{task.name}'"
    expression = stream(value, where) if is_stream else express(value)
    argument = Argument(name, expression, is_mapped, flattened)
    if not is_mapped:
        return argument
    why = None
    if isinstance(expression, Constant):
        why = why_not_mappable(expression.value)
    elif isinstance(expression, Collection) and expression.kind in ("set", "dict"):
        why = why_not_mappable(value)
    if why is not None:
        raise MapError(f"Task '{task.name}' cannot map over its argument '{name}': it is {why}")
    return argument


def order_arguments(
    task: Task, upstream_tasks: Sequence[Any] | None, mapped: bool
) -> tuple[Argument, ...]:
    """Read the tasks to wait for, which a map goes through like its other inputs.

    Raises
    ------
    TypeError
        If something in the list is not a task.
    """
    if upstream_tasks is None:
        return ()
    if isinstance(upstream_tasks, (Task, str)) or not isinstance(
        upstream_tasks, (Sequence, set, frozenset)
    ):
        raise TypeError(
            f"upstream_tasks={upstream_tasks!r} of task '{task.name}': give a list of tasks"
        )
    arguments = []
    for given in upstream_tasks:
        value, is_mapped, flattened, is_stream = read_annotations(given, mapped)
        where = f"one of upstream_tasks of task '{task.name}'"
        expression = stream(value, where) if is_stream else express(value)
        if not outputs(expression):
            raise TypeError(
                f"upstream_tasks of task '{task.name}' holds {given!r}, which is not a task; "
                "give what calls of tasks returned"
            )
        arguments.append(Argument(None, expression, is_mapped, flattened))
    return tuple(arguments)


def check_strict(task: Task, arguments: tuple[Argument, ...]) -> None:
    """Refuse mapped inputs of different lengths, as far as the lengths are known already.

    Raises
    ------
    MapError
        Naming the inputs and their lengths.
    """
    lengths = [
        (argument.name or "upstream_tasks", length)
        for argument in arguments
        if argument.mapped and (length := _known_length(argument)) is not None
    ]
    if len({length for _, length in lengths}) > 1:
        said = ", ".join(f"'{name}' has {length}" for name, length in lengths)
        raise MapError(
            f"Task '{task.name}' is mapped with strict=True over inputs of different lengths: "
            f"{said}. Make them equal, or leave strict out to stop at the shortest"
        )


def _known_length(argument: Argument) -> int | None:
    if argument.flattened or isinstance(argument.expression, (Output, Stream)):
        return None
    if isinstance(argument.expression, Collection):
        return len(argument.expression.items)
    return len(argument.expression.value)


def _warn_of_characters(task: Task, arguments: tuple[Argument, ...]) -> None:
    mapped = [argument for argument in arguments if argument.mapped]
    if len(mapped) != 1 or not isinstance(mapped[0].expression, Constant):
        return
    value = mapped[0].expression.value
    if isinstance(value, (str, bytes)) and len(value) > 1:
        warnings.warn(
            f"Task '{task.name}' is mapped over the characters of {value[:40]!r}; "
            "if one text was meant, write [text]",
            UserWarning,
            stacklevel=5,
        )
