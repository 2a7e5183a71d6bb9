"""What a run needs to know of a flow, as frozen data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from daskloop.define.child_names import ChildNames
from daskloop.define.edge import Edge
from daskloop.define.task import Task

__all__ = [
    "Body",
    "Constant",
    "Cut",
    "Emitted",
    "Group",
    "Handed",
    "Input",
    "Node",
    "Plan",
    "Ref",
    "Source",
    "refs_in",
    "refs_of",
    "takes_handed",
]


class Cut(IntEnum):
    """Into what a result is cut where it is made, so that a child gets its own element only."""

    ELEMENTS = 1
    FLATTENED = 2
    """Into the elements of its elements."""
    LOOSE = 3
    """Into its elements if it has any, else it is one: a child of a map that is flattened."""


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A value written in the flow, or given as a parameter or a part of one."""

    value: Any
    secret: bool = False
    """True if it must not be written to any file."""


@dataclass(frozen=True, slots=True)
class Ref:
    """The result of another node."""

    node: int
    """Its number."""


@dataclass(frozen=True, slots=True)
class Emitted:
    """What another node emits while it loops, one item after the other."""

    node: int
    """Its number."""


@dataclass(frozen=True, slots=True)
class Handed:
    """An argument of the loop flow that the node is in the body of."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A list, tuple, set or dict of sources."""

    kind: str
    keys: tuple[object, ...] | None
    """Keys of a dict, in order."""
    items: tuple[Source, ...]


Source = Constant | Ref | Emitted | Handed | Group


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a node."""

    name: str | None
    """Name of the argument; None if the node only waits."""
    source: Source
    mapped: bool
    flattened: bool


def refs_of(one: Input) -> list[int]:
    """List the nodes that an input takes results from, without doubles."""
    return refs_in(one.source)


def takes_handed(source: Source) -> bool:
    """Tell whether a source takes an argument of the loop flow that it is inside of."""
    if isinstance(source, Group):
        return any(map(takes_handed, source.items))
    return isinstance(source, Handed)


def refs_in(source: Source) -> list[int]:
    """List the nodes in a source, without doubles."""
    found: dict[int, None] = {}
    pending = [source]
    while pending:
        one = pending.pop()
        if isinstance(one, Ref):
            found[one.node] = None
        elif isinstance(one, Group):
            pending.extend(reversed(one.items))
    return list(found)


@dataclass(frozen=True, slots=True)
class Node:
    """One task of the flow."""

    number: int
    """Its place in an order in which the flow can run."""
    slug: str
    name: str
    task: Task
    """The user's object: for handlers, and as the key of its state in the flow's result."""
    parameter: str | None
    """Name of the parameter, if it is one."""
    inputs: tuple[Input, ...]
    mapped: bool
    strict: bool
    upstream: tuple[int, ...]
    """Numbers of the nodes it waits for."""
    downstream: tuple[int, ...]
    """Numbers of the nodes that wait for it."""
    edges: tuple[tuple[Edge, int], ...]
    """The edges that lead here, each with the number of the node it comes from."""
    cuts: tuple[Cut, ...]
    """Into what the result is cut as well, for the nodes that map over it."""
    folds: bool = False
    """True if those that take its result can do its work."""
    names: ChildNames | None = None
    """How its children are named; None if by their numbers."""
    body: Body | None = None
    """The flow that each of its iterations is, if it is a loop flow."""
    path: str = ""
    """Slugs of the loop flows that it is in the body of, from the outside in, and its own."""

    @property
    def stream(self) -> int | None:
        """Number of the node over whose emitted items it is mapped, if it is."""
        sources = (one.source for one in self.inputs)
        return next((one.node for one in sources if isinstance(one, Emitted)), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole flow."""

    flow_name: str
    nodes: tuple[Node, ...]
    """In an order in which each comes after those it waits for."""
    reference: tuple[int, ...]
    """Numbers of the nodes that decide the flow's state."""

    def every_node(self) -> Iterator[Node]:
        """List the tasks of the flow, and those in the bodies of its loop flows."""
        for node in self.nodes:
            yield node
            if node.body is not None:
                yield from node.body.plan.every_node()


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """What one iteration of a loop flow is."""

    plan: Plan
    """Its tasks; those of its `reference` decide whether it went well."""
    closing: Mapping[str, Source]
    """The arguments of the function that ends it, from the results of its tasks."""
    fields: frozenset[str]
    """Arguments that the next iteration takes from the payload."""
    defaults: Mapping[str, Any]
    """Values of arguments that are given by nobody."""
