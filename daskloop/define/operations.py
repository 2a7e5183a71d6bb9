"""The operators that results of tasks know, by symbol: what each computes, and its task's name."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

__all__ = ["OPERATIONS", "Operation"]


class Operation(NamedTuple):
    """What one operator does."""

    name: str
    """The name that its tasks have, as in Prefect Core."""
    function: Callable[..., Any]
    """Takes one value or two."""
    truth: bool = False
    """True if somebody may take its task for a truth value that is known when written."""


OPERATIONS: Mapping[str, Operation] = {
    "[]": Operation("GetItem", operator.getitem),
    "+": Operation("Add", operator.add),
    "-": Operation("Sub", operator.sub),
    "*": Operation("Mul", operator.mul),
    "/": Operation("Div", operator.truediv),
    "//": Operation("FloorDiv", operator.floordiv),
    "%": Operation("Mod", operator.mod),
    "**": Operation("Pow", operator.pow),
    "<": Operation("LessThan", operator.lt, True),
    "<=": Operation("LessThanOrEqual", operator.le, True),
    ">": Operation("GreaterThan", operator.gt, True),
    ">=": Operation("GreaterThanOrEqual", operator.ge, True),
    "==": Operation("Equal", operator.eq, True),
    "!=": Operation("NotEqual", operator.ne, True),
    # As in Prefect Core, these are `and` and `or`: they give one of their operands.
    "&": Operation("And", lambda x, y: x and y, True),
    "|": Operation("Or", lambda x, y: x or y, True),
    "not": Operation("Not", operator.not_, True),
    "neg": Operation("Negative", operator.neg),
}
"""All of them."""
