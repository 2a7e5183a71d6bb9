"""What attempts are told of the flow's parameters, and of other large things: once, if stored."""

from __future__ import annotations

import logging
from collections.abc import Callable

from daskloop.errors import PayloadError
from daskloop.run.closing import Closing
from daskloop.run.order import Tree, collection_tree, stored_tree, tree_size, value_tree
from daskloop.run.standing import NodeStanding, Standing

__all__ = ["NO_FILE", "SHARED", "all_parameters", "parameter_tree", "small_enough"]

logger = logging.getLogger("daskloop.run")

SHARED = 8_192
"""Bytes of an argument that all children of a map share."""

NO_FILE = 2**62
"""Bytes up to which a secret value travels in messages only."""

_PARAMETERS = 1_024  # bytes of context.parameters, which few tasks ask for
_LARGE = 10_000_000  # bytes of a parameter that are worth a warning


def parameter_tree(standing: Standing, closing: Closing, node: NodeStanding) -> Tree:
    """Stand for the value of a parameter."""
    name, secret = str(node.plan.parameter), node.is_secret
    limit = NO_FILE if secret else SHARED
    value = closing.close(standing.parameters[name], f"the parameter '{name}'", limit)
    if value.size > _LARGE:
        logger.warning(
            "the parameter '%s' takes %.0f MB; it is %s",
            name,
            value.size / 1e6,
            "stored once and read by each worker that needs it"
            if value.name
            else "sent with every attempt that needs it"
            + ("" if secret else ": pass store= to flow.run"),
        )
    return value_tree(value)


def all_parameters(
    standing: Standing, closing: Closing, node_tree: Callable[[int], Tree]
) -> Tree | None:
    """Stand for `context.parameters`; None if it cannot travel.

    Made when the run starts, so that a parameter that some task takes whole and that cannot be
    pickled is told before any task runs. One bad element of a map fails its child alone.
    """
    names = list(standing.parameters)
    trees = []
    for node in (node for node in standing.nodes if node.plan.parameter in names):
        try:
            trees.append((node.plan.parameter, node_tree(node.plan.number)))
        except PayloadError:
            if standing.is_taken_whole(node):
                raise
            return None
    closed = value_tree(closing.close([name for name, _ in trees], "parameter names", None))
    tree = collection_tree("dict", [one for _, one in trees], closed)
    size = tree_size(tree)
    secret = any(node.is_secret for node in standing.nodes)
    if (secret or closing.store is None) and size > _PARAMETERS:
        return None
    return small_enough(closing, tree, size, _PARAMETERS, "the parameters")


def small_enough(closing: Closing, tree: Tree, size: int, limit: int, what: str) -> Tree:
    """Replace a large tree by a reference to one stored copy of it."""
    if size <= limit or closing.store is None:
        return tree
    return stored_tree(closing.close(tree, what, 0))
