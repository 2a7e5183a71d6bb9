"""Which tasks need no future of their own: their work is done where their result is taken.

An operator like ``a["key"]`` is folded into the tasks that take its value. That is possible where
nothing is lost by it: it has no option of its own, nobody waits for it without taking its value,
nobody has to be told that it failed, and it is evaluated once for each task that takes it. A merge
only passes on what a branch made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from daskloop.define.control_flow import Merge
from daskloop.define.get_item import GetItem
from daskloop.define.operator_task import BinaryOperator, UnaryOperator
from daskloop.define.task import Task
from daskloop.plan.plan import Group, Input, Ref, Source
from daskloop.triggers import all_successful, not_all_skipped

__all__ = ["folding"]

_OPERATORS = (BinaryOperator, GetItem, UnaryOperator)
_OWN = frozenset({"name", "slug", "tags", "symbol", "_graph", "_nout"})


def folding(
    tasks: Sequence[Task],
    inputs: Sequence[tuple[Input, ...]],
    mapped: Sequence[bool],
    downstream: Mapping[int, Sequence[int]],
    told: frozenset[int],
    taken: frozenset[int] = frozenset(),
) -> frozenset[int]:
    """Find the nodes that may be folded into those that take their results.

    Parameters
    ----------
    tasks, inputs, mapped : sequence
        Of each node, by its number.
    downstream : mapping
        For each node, those that wait for it.
    told : frozenset of int
        Nodes that decide the state of the flow.
    taken : frozenset of int
        Nodes whose results are taken by what ends an iteration of a loop flow.

    Returns
    -------
    frozenset of int
        Whether one of them is folded in a run depends on the size of what it takes as well.
    """
    found = []
    for number, task in enumerate(tasks):
        below = downstream.get(number, ())
        if mapped[number] or any(one.flattened for one in inputs[number]) or not _is_plain(task):
            continue
        if isinstance(task, Merge):
            spread = any(
                one.mapped and _takes(one.source, number) for n in below for one in inputs[n]
            )
            found += [] if spread else [number]
        elif (below or number in taken) and number not in told:
            alike = (_takes_value(tasks[n], inputs[n], mapped[n], number) for n in below)
            found += [number] if all(alike) else []
    return frozenset(found)


def _is_plain(task: Task) -> bool:
    """Tell whether a task is one of those, with no option that others like it have not."""
    if type(task) is Merge:
        usual = {**_usual_merge(), "trigger": task.trigger}
        return task.trigger in (all_successful, not_all_skipped) and _options(task) == usual
    if type(task) in _OPERATORS:
        return _options(task) == _usual_operator()
    return False


@lru_cache(maxsize=1)
def _usual_merge() -> dict[str, object]:
    """Return the options of a merge that was given none."""
    return _options(Merge())


@lru_cache(maxsize=1)
def _usual_operator() -> dict[str, object]:
    """Return the options of an operator that was given none; they are alike but for the symbol."""
    return _options(GetItem())


def _options(task: Task) -> dict[str, object]:
    return {name: value for name, value in vars(task).items() if name not in _OWN}


def _takes_value(task: Task, inputs: Sequence[Input], mapped: bool, number: int) -> bool:
    """Tell whether a task takes a value once, and fails as it would if that could not be made."""
    if mapped or task.trigger not in (all_successful, not_all_skipped):
        return False
    return any(one.name is not None and _takes(one.source, number) for one in inputs)


def _takes(source: Source, number: int) -> bool:
    if isinstance(source, Group):
        return any(_takes(item, number) for item in source.items)
    return isinstance(source, Ref) and source.node == number
