"""Find the paused children that somebody means to approve or to reject."""

from __future__ import annotations

from collections.abc import Sequence

from daskloop.define.task import Task
from daskloop.plan.plan import Node, Plan
from daskloop.run.turn import Asked

__all__ = ["chosen"]

_LISTED = 10  # names in an error


def chosen(
    plan: Plan, paused: Sequence[Asked], task: Task | str, index: int | None, verb: str
) -> tuple[Asked, ...]:
    """Find the paused children of one task.

    Parameters
    ----------
    plan : Plan
        The flow.
    paused : sequence of Asked
        All that wait for somebody.
    task : Task or str
        The task, its name or its slug.
    index : int or None
        Of the child of a map; None for all of them, and for a task that is not mapped.
    verb : str
        How it is asked for, for errors.

    Raises
    ------
    ValueError
        If there is no such task, or nothing of it is paused; says what is.
    TypeError
        If the index is no whole number.
    """
    asked = f"run.{verb}({task!r}{'' if index is None else f', {index!r}'})"
    if index is not None and (not isinstance(index, int) or isinstance(index, bool)):
        raise TypeError(f"{asked}: give the index of a child, a whole number, or leave it out")
    nodes = [node for node in plan.every_node() if _is_meant(node, task)]
    if not nodes:
        known = ", ".join(node.name for node in plan.nodes if node.parameter is None)
        raise ValueError(f"{asked}: flow '{plan.flow_name}' has no such task. It has {known}")
    if index is not None and not any(node.mapped for node in nodes):
        raise ValueError(f"{asked}: '{nodes[0].name}' is not mapped; leave the index out")
    paths = {node.path for node in nodes}
    found = [
        one
        for one in paused
        if one.child.node.plan.path in paths and (index is None or one.child.index == index)
    ]
    if not found:
        raise ValueError(f"{asked}: that is not paused. {_listed(paused)}")
    slugs = dict.fromkeys(one.child.node.plan.slug for one in found)
    if len(slugs) > 1:
        raise ValueError(
            f"{asked}: several tasks of that name are paused. Say {' or '.join(slugs)}"
        )
    return tuple(found)


def _is_meant(node: Node, task: Task | str) -> bool:
    if isinstance(task, Task):
        return node.task is task
    return node.parameter is None and task in (node.name, node.slug)


def _listed(paused: Sequence[Asked]) -> str:
    if not paused:
        return "Nothing in this run is"
    names = ", ".join(one.child.name for one in paused[:_LISTED])
    more = f" and {len(paused) - _LISTED} more" if len(paused) > _LISTED else ""
    return f"Paused now: {names}{more}"
