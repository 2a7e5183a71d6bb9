"""Find what was put away before all that needs it had ended: a resumed run sets it up again.

::

    setup ─► body (failed, or was stopped) ─► cleanup (has run)
      └── decided again ──────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from daskloop.plan.plan import Node, Plan, Ref
from daskloop.record.entries import TAKEN_BACK, Recorded

__all__ = ["reopened"]

Name = tuple[str, "int | None"]


def reopened(plan: Plan, last: Mapping[Name, Recorded], again: Collection[Name]) -> frozenset[Name]:
    """List the setups and cleanups of resources that are gone and still needed.

    What has taken the resource and has ended well keeps its result.

    Parameters
    ----------
    plan : Plan
        The flow.
    last : mapping
        The last record of each child.
    again : collection
        The children that are done again anyway.
    """
    found: set[Name] = set()
    for node in plan.nodes:
        name = (node.slug, None)
        if not node.task.is_cleanup or not _has_ended(node, last):
            continue
        above = [plan.nodes[number] for number in node.upstream]
        if name in again or not all(_has_ended(one, last) for one in above):
            found.add(name)
            made = [one.source for one in node.inputs if one.name == "resource"]
            found.update((plan.nodes[one.node].slug, None) for one in made if isinstance(one, Ref))
    return frozenset(found)


def _has_ended(node: Node, last: Mapping[Name, Recorded]) -> bool:
    """Tell whether a task has ended, with all its children."""
    record = last.get((node.slug, None))
    if record is None:
        return node.parameter is not None
    if not _is_end(record):
        return False
    children = (last.get((node.slug, index)) for index in range(record.width or 0))
    return all(one is not None and _is_end(one) for one in children)


def _is_end(record: Recorded) -> bool:
    return record.final and record.state != TAKEN_BACK
