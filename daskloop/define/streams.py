"""What a loop emits, as the input of a map that grows with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daskloop.define.call import Argument
from daskloop.define.expression import Stream
from daskloop.define.parameter import Parameter
from daskloop.define.task import Task

__all__ = ["check_streams", "stream"]


def stream(value: Any, where: str) -> Stream:
    """Read what stands in ``emitted(...)``.

    Raises
    ------
    TypeError
        If it is nothing that could emit.
    """
    if not isinstance(value, Task) or isinstance(value, Parameter) or not value.has_run:
        raise TypeError(f"{where} is emitted({value!r:.100}): give the task that loops and emits")
    return Stream(value)


def check_streams(task: Task, arguments: Sequence[Argument], named: bool) -> None:
    """Refuse what a map that grows cannot have.

    Raises
    ------
    ValueError
        If it is mapped over something else as well, or its children are to have names.
    """
    mapped = [one for one in arguments if one.mapped]
    if not any(isinstance(one.expression, Stream) for one in mapped):
        return
    if len(mapped) > 1:
        names = ", ".join(f"'{one.name or 'upstream_tasks'}'" for one in mapped)
        raise ValueError(
            f"Task '{task.name}' is mapped over {names}, of which one is emitted(...), whose "
            "length is not known. Wrap the others in unmapped(...)"
        )
    if named:
        raise ValueError(
            f"{task.name}.map(names=...): a map over emitted(...) grows, and its children have "
            "numbers only. Leave names= out"
        )
