"""Whether the failures among the children of a map count."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daskloop.run.standing import Child, NodeStanding

__all__ = ["fails_fast", "tolerates"]


def tolerates(node: NodeStanding) -> bool:
    """Tell whether the failures among the children of a closed map do not count.

    One that only followed, child by child, from a tolerated failure is not counted again.
    """
    return _tolerates(node, {})


def _tolerates(node: NodeStanding, known: dict[NodeStanding, bool]) -> bool:
    if not node.fanned_out or node.stopping is not None:
        return False
    if node not in known:
        bad = [one for one in node.children if _is_bad(one)]
        own = sum(not _is_excused(one, known) for one in bad)
        known[node] = node.plan.task.tolerance.allows(own, len(node.children))
    return known[node]


def _is_bad(child: Child) -> bool:
    return child.state is not None and not child.state.is_successful()


def _is_excused(child: Child, known: dict[NodeStanding, bool]) -> bool:
    if child.state is None or not child.state.is_trigger_failed():
        return False
    bad = [one for one in child.origins if _is_bad(one)]
    return bool(bad) and all(_tolerates(one.node, known) for one in bad)


def fails_fast(child: Child) -> str | None:
    """Count a child that failed; return why no more of its map begin, if that follows now."""
    node, wanted = child.node, child.node.plan.task.tolerance
    node.failed += 1
    allowed = wanted.allows(node.failed, len(node.children))
    if not wanted.fail_fast or node.stopping is not None or allowed:
        return None
    node.stopping = f"cancelled since {child.name} failed (fail_fast)"
    return node.stopping
