"""What goes in and out of an iteration of a loop flow: its arguments, and what ends it.

::

    the loop flow's inputs, the last payload ─► handed ─► tasks of the body ─► closing_inputs
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from daskloop.run.arguments import payload_with
from daskloop.run.order import Tree, call_tree, value_tree
from daskloop.run.standing import Child, Standing

if TYPE_CHECKING:
    from daskloop.run.orders import Orders

__all__ = ["closing_inputs", "handed"]


def handed(around: Orders, standing: Standing, name: str) -> Tree:
    """Stand for an argument of a loop flow, in one of its iterations.

    Parameters
    ----------
    around : Orders
        Those of the flow that the loop flow is in.
    standing : Standing
        The iteration.
    name : str
        Of the argument: a field of the payload, or one of the inputs, or a default.
    """
    child = standing.outer
    assert child is not None
    payload = payload_with(child, name)
    if payload is not None:
        key = around.value(name, "the name of an argument")
        return call_tree("[]", child.name, [value_tree(payload), key])
    return around.given(child, name)


def closing_inputs(orders: Orders, child: Child) -> Mapping[str, Tree]:
    """Give what ends an iteration of a loop flow what its tasks have made."""
    block, body = child.block, child.node.plan.body
    assert block is not None
    assert body is not None
    inside = orders.inside(block)
    return {
        name: inside.tree(source, f"'{name}' of '{child.name}'")
        for name, source in body.closing.items()
    }
