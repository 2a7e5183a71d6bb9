"""A task of a flow with its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from daskloop.define.expression import Expression, outputs
from daskloop.define.task import Task

if TYPE_CHECKING:
    from daskloop.define.child_names import ChildNames

__all__ = ["Argument", "Call"]


@dataclass(frozen=True, slots=True)
class Argument:
    """One input of a task."""

    name: str | None
    """Name of the parameter; None if the task only waits and takes no data."""
    expression: Expression
    """Where the value comes from."""
    mapped: bool
    """True if each child takes its own element."""
    flattened: bool
    """True if the value is un-nested by one level first."""


@dataclass(frozen=True, slots=True)
class Call:
    """A task and all its inputs.

    Examples
    --------
    >>> Call(Task(name="a")).is_mapped
    False
    """

    task: Task
    """The task."""
    arguments: tuple[Argument, ...] = ()
    """Its inputs, those with data first."""
    strict: bool = False
    """True if mapped inputs of different lengths are an error."""
    names: ChildNames | None = None
    """How its children are named; None if by their numbers."""

    @property
    def is_mapped(self) -> bool:
        """Tell whether the task is run once for each element."""
        return any(argument.mapped for argument in self.arguments)

    @property
    def upstream_tasks(self) -> tuple[Task, ...]:
        """The tasks it waits for, in order, without doubles."""
        return tuple(
            dict.fromkeys(
                task for argument in self.arguments for task in outputs(argument.expression)
            )
        )
