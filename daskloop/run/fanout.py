"""Open a map: find out how many children it has and which element is whose."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, overload

from daskloop.errors import MapError
from daskloop.plan.plan import Constant, Cut, Emitted, Group, Handed, Input, Ref, refs_of
from daskloop.record.sealed import Sealed
from daskloop.run.cutting import elements, flattened, pieces
from daskloop.run.naming import names_of
from daskloop.run.standing import Child, Element, NodeStanding, Standing
from daskloop.states import Failed, Mapped, Skipped, State
from daskloop.triggers import not_all_skipped

__all__ = ["Constants", "open_map"]

logger = logging.getLogger("daskloop.run")

_QUOTED = 300  # characters of another task's message


class Constants(Sequence[Constant]):
    """The elements of a value that is here, each made a `Constant` when it is asked for.

    Most are asked for once: to keep an object for each would double the collector's work.
    """

    def __init__(self, values: Sequence[Any], secret: bool = False) -> None:
        self.values = values
        self.is_secret = secret

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> Constant: ...

    @overload
    def __getitem__(self, index: slice) -> Constants: ...

    def __getitem__(self, index: int | slice) -> Constant | Constants:
        if isinstance(index, slice):
            return Constants(self.values[index], self.is_secret)
        return Constant(self.values[index], self.is_secret)


def open_map(standing: Standing, node: NodeStanding) -> State:
    """Decide the state of a map whose upstream tasks are there.

    Returns
    -------
    State
        `Mapped`, with `node.spread` filled in; or the state that it has instead of children.
    """
    refusal = _refusal(standing, node)
    if refusal is not None:
        return refusal
    try:
        node.spread = [
            (one, *_elements(standing, node, one)) for one in node.plan.inputs if one.mapped
        ]
        _check_lengths(node)
        node.names = names_of(standing, node)
    except MapError as error:
        node.spread = []
        return Failed(str(error), error)
    return Mapped("Mapped tasks submitted for execution.")


def _refusal(standing: Standing, node: NodeStanding) -> State | None:
    """Find the task above that leaves nothing to map over, or that skips the map as a whole."""
    above_all = [standing.nodes[number].state for number in node.plan.upstream]
    skipped = bool(above_all) and all(state.is_skipped() for state in above_all)
    if skipped and node.plan.task.trigger is not_all_skipped:
        return Skipped("all of the upstream tasks were skipped")
    for one in node.plan.inputs:
        for number in refs_of(one) or _taken_apart(one, standing):
            above = standing.nodes[number]
            whole = [above.state]
            if above.fanned_out and not (one.mapped and (one.flattened or standing.is_linked(one))):
                whole = [child.state for child in above.children if child.state]
            if node.plan.task.skip_on_upstream_skip and any(s.is_skipped() for s in whole):
                return Skipped(
                    f"Upstream task '{above.plan.name}' was skipped; if this task should run all "
                    "the same, set skip_on_upstream_skip=False."
                )
    for one in node.plan.inputs:
        for number in _taken_apart(one, standing):
            above = standing.nodes[number]
            if not above.state.is_successful():
                text = f"upstream task '{above.plan.name}' has no result to map over"
                # Cut, or the last of a chain of maps would quote all those before it.
                why = (above.state.message or "")[:_QUOTED]
                error = MapError(f"cannot map '{node.plan.name}': {text}: {why}")
                return Failed(str(error), error)
    return None


def _taken_apart(one: Input, standing: Standing) -> list[int]:
    """List the nodes that have to be successful for a map to have elements."""
    if isinstance(one.source, Emitted):
        return [] if standing.nodes[one.source.node].emitted else [one.source.node]
    return refs_of(one) if one.mapped else []


def _elements(
    standing: Standing, node: NodeStanding, one: Input
) -> tuple[Sequence[Element], Sequence[Child | None]]:
    """List the elements of one mapped input, and the children they come from, if they do."""
    what = "one of upstream_tasks" if one.name is None else f"argument '{one.name}'"
    name = f"{what} of '{node.plan.name}'"
    match one.source:
        case Constant(value):
            cut = flattened(value, name) if one.flattened else elements(value, name)
            return Constants(cut), ()
        case Ref(number):
            return _of_node(standing.nodes[number], standing, one, name)
        case Emitted(number):
            return standing.nodes[number].emitted, ()
        case Group():
            return _of_group(standing, one.source, one.flattened, name)
        case Handed():  # a body maps over what is handed on as a result, see `Body`
            raise MapError(f"cannot map over {name}, an argument of a loop flow")


def _of_node(
    above: NodeStanding, standing: Standing, one: Input, name: str
) -> tuple[Sequence[Element], Sequence[Child | None]]:
    if above.plan.parameter is not None:
        value = standing.parameters[above.plan.parameter]
        cut = flattened(value, name) if one.flattened else elements(value, name)
        secret = above.is_secret
        return Constants(cut, secret), ()
    if not above.fanned_out:
        return _parts(above.child, Cut.FLATTENED if one.flattened else Cut.ELEMENTS, name), ()
    if not one.flattened:
        return above.children, above.children
    found: list[Element] = []
    origins: list[Child | None] = []
    for child in above.children:
        own = _loose(child, name)
        found += own
        origins += [child] * len(own)
    return found, origins


def _of_group(
    standing: Standing, group: Group, flat: bool, name: str
) -> tuple[Sequence[Element], Sequence[Child | None]]:
    if group.kind not in ("list", "tuple"):
        raise MapError(f"cannot map over {name}: a {group.kind} of tasks has no order; give a list")
    if not flat:
        return group.items, ()
    found: list[Element] = []
    for item in group.items:
        match item:
            case Constant(value):
                found += [Constant(piece) for piece in pieces(value, name)]
            case Ref(number) if standing.nodes[number].fanned_out:
                found += standing.nodes[number].children
            case Ref(number) if standing.nodes[number].plan.parameter is not None:
                value = standing.parameters[standing.nodes[number].plan.parameter or ""]
                secret = standing.nodes[number].is_secret
                found += [Constant(piece, secret) for piece in pieces(value, name)]
            case Ref(number):
                found += _loose(standing.nodes[number].child, name)
            case Group(kind, _, items) if kind in ("list", "tuple"):
                found += items
            case _:
                found.append(item)
    return found, ()


def _loose(child: Child, name: str) -> Sequence[Element]:
    """Return the elements of one child's result; what did not come cut is one element."""
    if Cut.LOOSE not in child.parts:
        return [child]
    return _parts(child, Cut.LOOSE, name)


def _parts(child: Child, cut: Cut, name: str) -> Sequence[Sealed]:
    parts = child.parts.get(int(cut))
    if parts is None:
        raise MapError(f"cannot map over {name}: '{child.name}' ended without a result to cut")
    if isinstance(parts, str):
        raise MapError(f"{name}: {parts}")
    return parts


def _check_lengths(node: NodeStanding) -> None:
    lengths = {one.name or "upstream_tasks": len(found) for one, found, _ in node.spread}
    if len(set(lengths.values())) <= 1:
        return
    said = ", ".join(f"{name} has {length}" for name, length in lengths.items())
    if node.plan.strict:
        raise MapError(f"'{node.plan.name}' is mapped with strict=True, but {said} elements")
    logger.warning("'%s' is mapped over inputs of different lengths: %s", node.plan.name, said)
