"""Where an argument of a loop flow comes from, in the iteration that is under way."""

from __future__ import annotations

from typing import NamedTuple

from daskloop.plan.plan import Constant
from daskloop.record.sealed import Sealed
from daskloop.run.standing import Child, Element

__all__ = ["Origin", "origin_of", "payload_with"]


class Origin(NamedTuple):
    """What a loop flow was given for one of its arguments."""

    element: Element
    is_own: bool = False
    """True if it is one child's own, of what the loop flow is mapped over."""
    is_flat: bool = False
    """True if it is to be un-nested by one level."""


def payload_with(child: Child, name: str) -> Sealed | None:
    """Return the payload that holds an argument as a field; None if an input gives it.

    Parameters
    ----------
    child : Child
        Of the loop flow.
    name : str
        Of the argument.
    """
    body, payload = child.node.plan.body, child.progress.payload
    assert body is not None
    return payload if name in body.fields else None


def origin_of(child: Child, name: str) -> Origin:
    """Return what the loop flow was given for an argument.

    Parameters
    ----------
    child : Child
        Of the loop flow.
    name : str
        Of the argument; one that nobody gave has its default.
    """
    for one, found, _ in child.node.spread:
        if one.name == name and child.index is not None:
            return Origin(found[child.index], is_own=True)
    for one in child.node.plan.inputs:
        if one.name == name:
            return Origin(one.source, is_flat=one.flattened)
    body = child.node.plan.body
    assert body is not None
    return Origin(Constant(body.defaults[name]))
