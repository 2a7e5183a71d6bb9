"""What each child of a map is given alone: its own elements."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from daskloop.run.fanout import Constants
from daskloop.run.order import NO_INPUTS, Tree
from daskloop.run.standing import Child

if TYPE_CHECKING:
    from daskloop.run.orders import Orders

__all__ = ["spread_inputs"]


def spread_inputs(orders: Orders, child: Child) -> Mapping[str, Tree]:
    """Stand for the elements that are one child's own."""
    if (index := child.index) is None:
        return NO_INPUTS
    inputs: dict[str, Tree] = {}
    for one, found, _ in child.node.spread:
        if one.name is None:
            continue
        what = partial(_named, one.name, child)
        if type(found) is Constants and not found.is_secret:  # what most maps are over
            inputs[one.name] = orders.value(found.values[index], what)
        else:
            inputs[one.name] = orders.element(found[index], what)
    return inputs


def _named(argument: str, child: Child) -> str:
    return f"argument '{argument}' of {child.name!r}"
