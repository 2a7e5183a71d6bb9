"""When a branch is over: a child of a map, and all children that go on from it child by child."""

from __future__ import annotations

from collections.abc import Iterator

from daskloop.run.standing import Child, Standing

__all__ = ["ended_branches"]


def ended_branches(standing: Standing, child: Child) -> Iterator[Child]:
    """Find the children whose branch is over, now that one of it has ended.

    Parameters
    ----------
    standing : Standing
        The run.
    child : Child
        The one that ended last.
    """
    # A map that opens says which children above it nothing goes on from: it may be the shorter one.
    pending = [child] if child.index is not None else _ended_above(standing, child)
    while pending:
        one = pending.pop()
        if one.node.plan.task.throttle.max_branches is not None and _is_over(standing, one):
            yield one
        pending += one.origins


def _ended_above(standing: Standing, child: Child) -> list[Child]:
    """List the ended children of the maps that a map goes on from, child by child."""
    number = child.node.plan.number
    above = (node for node in standing.nodes if number in standing.links[node.plan.number])
    return [one for node in above for one in node.children if one.ended]


def _is_over(standing: Standing, head: Child) -> bool:
    pending = [head]
    while pending:
        one = pending.pop()
        if not one.ended:
            return False
        for number in standing.links[one.node.plan.number]:
            below = standing.nodes[number]
            if not below.child.ended:  # its children are not made yet
                return False
            index = one.index or 0
            pending += below.children[index : index + 1]
    return True
