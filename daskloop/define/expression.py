"""What an input is made of: constants, outputs of tasks, and collections of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from daskloop.define.annotations import Annotation
from daskloop.define.task import Task

__all__ = ["Collection", "Constant", "Expression", "Output", "Stream", "express", "outputs"]

Kind = Literal["list", "tuple", "set", "dict"]


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A value that is known when the flow is written."""

    value: Any
    """The value itself, of any type."""


@dataclass(frozen=True, slots=True)
class Output:
    """The result of a task."""

    task: Task
    """The task; tasks are equal only to themselves."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What a task emits while it loops, one item after the other."""

    task: Task


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """A list, tuple, set or dict that holds the result of at least one task."""

    kind: Kind
    """What to build; a frozenset is built as a set."""
    keys: tuple[object, ...] | None
    """Keys of a dict, in order; None for the others."""
    items: tuple[Expression, ...]
    """The elements, or the values of a dict."""


Expression = Constant | Output | Stream | Collection

_KINDS: dict[type, Kind] = {
    list: "list",
    tuple: "tuple",
    set: "set",
    frozenset: "set",
    dict: "dict",
}


def express(value: object) -> Expression:
    """Find the tasks in a value, however deep in collections.

    Parameters
    ----------
    value : object
        A task, a constant, or a list, tuple, set or dict of such. What holds no task is one
        constant, whatever it is.

    Raises
    ------
    TypeError
        If a task is where it cannot be replaced by its result: in a key of a dict, or in a
        subclass of a collection.
    ValueError
        If a collection that holds a task holds itself.

    Examples
    --------
    >>> express([1, 2])
    Constant(value=[1, 2])
    >>> express([1, Task(name="a")])
    Collection(kind='list', keys=None, items=(Constant(value=1), Output(task=<Task: a>)))
    """
    return _express(value, ()) if _holds_task(value) else Constant(value)


def outputs(expression: Expression) -> tuple[Task, ...]:
    """List the tasks whose results an expression takes, in order, without doubles.

    Examples
    --------
    >>> a = Task(name="a")
    >>> outputs(express([a, (a, 1)]))
    (<Task: a>,)
    """
    return tuple(dict.fromkeys(_walk(expression)))


def _walk(expression: Expression) -> Iterator[Task]:
    if isinstance(expression, (Output, Stream)):
        yield expression.task
    elif isinstance(expression, Collection):
        for item in expression.items:
            yield from _walk(item)


def _holds_task(value: object) -> bool:
    """Look for a task or an annotation, without recursion: constants may be of any depth."""
    seen: set[int] = set()
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, (Task, Annotation)):
            return True
        if not isinstance(one, (list, tuple, set, frozenset, dict)) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            pending.extend(one.keys())
            pending.extend(one.values())
        else:
            pending.extend(one)
    return False


def _express(value: Any, within: tuple[int, ...]) -> Expression:
    if isinstance(value, Task):
        return Output(value)
    if isinstance(value, Annotation):
        raise TypeError(
            f"{value!r} stands inside a collection; put it around the whole argument, "
            f"like {type(value).__name__}([...])"
        )
    if not _holds_task(value):
        return Constant(value)
    if id(value) in within:
        raise ValueError(
            f"A {type(value).__name__} that holds a task also holds itself; take it out"
        )
    within = (*within, id(value))
    kind = _KINDS.get(type(value))
    if kind is None:
        raise TypeError(
            f"A {type(value).__name__} holds a task; only a plain list, tuple, set or dict can "
            "be filled with results. Make one of those, and convert it inside the task"
        )
    if kind != "dict":
        return Collection(kind, None, tuple(_express(item, within) for item in value))
    for key in value:
        if _holds_task(key):
            raise TypeError(
                f"The key {key!r} of a dict is or holds a task; only its values can be results"
            )
    return Collection(kind, tuple(value), tuple(_express(item, within) for item in value.values()))
