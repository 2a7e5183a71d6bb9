"""How everything ended that a child has above it: what its trigger is asked about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from daskloop.plan.plan import Emitted, refs_of, takes_handed
from daskloop.run.standing import Child, NodeStanding, Standing
from daskloop.run.tolerating import tolerates
from daskloop.states import Mapped, State
from daskloop.triggers import Tally, tally

__all__ = ["Above"]

_GIVEN = Tally(total=1, successful=1)


class Above:
    """Counts of what has ended, each made once.

    Parameters
    ----------
    standing : Standing
        The run, or one iteration of a loop flow.
    """

    def __init__(self, standing: Standing) -> None:
        self._nodes = standing.nodes
        self._closed: dict[int, Tally] = {}
        self._unmapped: dict[int, Tally] = {}

    def tally(self, child: Child) -> Tally:
        """Count how everything ended that a child has above it."""
        node = child.node
        number = node.plan.number
        if number not in self._unmapped:
            self._unmapped[number] = self._of_all(node)
        total = self._unmapped[number]
        for one, _, origins in node.spread if child.index is not None else ():
            origin = origins[child.index] if origins and child.index is not None else None
            if origin is not None and origin.state is not None:
                total += tally([origin.state])
            elif isinstance(one.source, Emitted):  # its item is there, whatever becomes of the loop
                total += _GIVEN
            elif origin is None:
                for above in refs_of(one):
                    total += self._of_closed(above)
        return total

    def _of_closed(self, number: int) -> Tally:
        """Count how a closed node ended, a map by its children and the loops they come from."""
        if number not in self._closed:
            node = self._nodes[number]
            count = _of_own(node)
            for loop in node.loops:
                own = _of_own(loop)
                # Of a loop further up only what went wrong: its successes are none of this map's.
                if loop.plan.number == node.plan.stream or own.failed:
                    count += own
            self._closed[number] = count
        return self._closed[number]

    def _of_all(self, node: NodeStanding) -> Tally:
        """Count how the nodes ended that all children of a node have above them."""
        total = Tally()
        for one in node.plan.inputs:
            if not one.mapped:
                # An argument of a loop flow stands for a parameter, which has always succeeded.
                if takes_handed(one.source):
                    total += _GIVEN
                for number in refs_of(one):
                    total += self._of_closed(number)
        return total

    def states(self, child: Child) -> dict[Any, State]:
        """Collect the states above a child, by edge, for a trigger of the user's."""
        above: dict[Any, State] = {}
        for edge, number in child.node.plan.edges:
            state = self._nodes[number].state
            if child.index is not None and edge.mapped and isinstance(state, Mapped):
                made = self._nodes[number].children
                if not edge.flattened and child.index < len(made):
                    state = made[child.index].state or state
            above[edge] = state
        return above


def _of_own(node: NodeStanding) -> Tally:
    """Count how a closed node ended, a map by its children."""
    count = tally([node.state])
    if count.failed and tolerates(node):
        return replace(count, successful=count.successful + count.failed, failed=0)
    return count
