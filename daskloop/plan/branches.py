"""Find the branches that `max_branches` counts, and refuse what could never end.

A branch is a child of a map with all children that go on from it, child by child::

    a[3] ─► b[3] ─► c[3]        a branch of a, over once c[3] has ended
"""

from __future__ import annotations

from collections.abc import Sequence

from daskloop.plan.plan import Node, Ref, refs_of

__all__ = ["check_branches", "needs", "tolerant_above"]


def needs(node: Node, nodes: Sequence[Node]) -> tuple[set[int], set[int]]:
    """Find what a node goes on from.

    Returns
    -------
    linked : set of int
        Maps from whose children its own go on, child by child.
    whole : set of int
        Nodes that it needs as a whole.
    """
    linked: set[int] = set()
    whole: set[int] = set()
    for one in node.inputs:
        source = one.source
        if not one.mapped or one.flattened or not isinstance(source, Ref):
            whole.update(refs_of(one))
        else:
            (linked if nodes[source.node].mapped else whole).add(source.node)
    return linked, whole


def tolerant_above(number: int, nodes: Sequence[Node]) -> set[int]:
    """Find the maps that a map goes on from, child by child, and that tolerate failures.

    What only followed from a tolerated failure does not count; whether a failure is tolerated is
    known once its map has closed.
    """
    found: set[int] = set()
    pending = list(needs(nodes[number], nodes)[0])
    while pending:
        above = pending.pop()
        if above not in found:
            found.add(above)
            pending += needs(nodes[above], nodes)[0]
    return {one for one in found if nodes[one].task.tolerance.tolerate}


def check_branches(nodes: Sequence[Node]) -> None:
    """Refuse a limit on branches of which one cannot end before all have begun.

    Raises
    ------
    ValueError
        If a task goes on from each child of such a map and waits for the whole of it too.
    """
    for head in nodes:
        if head.mapped and head.task.throttle.max_branches is not None:
            _check(head, nodes)


def _check(head: Node, nodes: Sequence[Node]) -> None:
    below = {head.number}
    branch = {head.number}
    for node in nodes[head.number + 1 :]:  # each comes after those it waits for
        if not below.intersection(node.upstream):
            continue
        below.add(node.number)
        linked, needed = needs(node, nodes)
        if not linked & branch:
            continue
        # A child of another map waits for all of the branches if that map is below them all.
        whole = [nodes[number].name for number in sorted((needed | linked - branch) & below)]
        branch.add(node.number)
        if whole:
            raise ValueError(
                f"max_branches={head.task.throttle.max_branches} of task '{head.name}' cannot be "
                f"kept: '{node.name}' goes on from each of its children, and also waits for "
                f"'{whole[0]}', which needs all of them. Leave max_branches out, or use "
                "max_running"
            )
