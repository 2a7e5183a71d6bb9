"""End a task without a future: those that take its result compute it, each for itself.

::

    plan: a ─► a["k"] ─► f        run: a ─► f(call "[]" of a's result and "k")

The state of such a task is there as soon as what it takes is, and computes its result when
somebody asks for it. Recorded is that it succeeded, without a value: that follows again by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daskloop.deferred import Deferred
from daskloop.define.control_flow import Merge
from daskloop.define.operations import OPERATIONS
from daskloop.define.operator_task import Operator
from daskloop.plan.plan import Constant, Group, Handed, Node, Ref, Source, refs_of
from daskloop.record.entries import Recorded
from daskloop.record.pickling import preview
from daskloop.record.sealed import Sealed, closed, unseal
from daskloop.record.store import PayloadStore
from daskloop.run.arguments import origin_of, payload_with
from daskloop.run.cutting import flattened
from daskloop.run.order import Tree, call_tree
from daskloop.run.progress import Settled
from daskloop.run.standing import Child, NodeStanding, Standing
from daskloop.states import State, Success

__all__ = ["Folded", "fold", "folded_tree", "was_folded"]

_SMALL = 65_536  # bytes that those who take an operator's result may be sent in its place
_CALLS = 32  # operators inside one another: a tree of messages must not be deep, nor doubled often


class Folded(Deferred):
    """A result that is computed when somebody asks for it."""

    __slots__ = ("_standing", "_states", "_store", "calls", "name", "size", "sources", "symbol")

    def __init__(
        self,
        name: str,
        symbol: str | None,
        sources: tuple[Source, ...],
        states: Mapping[int, State],
        size: int,
        calls: int,
        standing: Standing,
        store: PayloadStore | None,
    ) -> None:
        self.name = name
        self.symbol = symbol
        """The operator; None if the one source is passed on."""
        self.sources = sources
        self._states = states
        self._standing = standing
        self._store = store
        self.size = size
        """Bytes of what it takes."""
        self.calls = calls
        """Operators in it, those that it takes results of included."""

    def __repr__(self) -> str:
        source = self.sources[0] if self.symbol is None else None
        if isinstance(source, Constant):
            return preview(source.value)
        if isinstance(source, Ref) and self._standing.nodes[source.node].is_secret:
            return "•••"
        if isinstance(source, Ref) and not self._states[source.node].is_mapped():
            held = self._states[source.node].unopened_result
            sealed = closed(held)
            return preview(held) if sealed is None else sealed.preview
        return f"({self.name}, computed where it is taken)"

    def __reduce__(self) -> Any:
        # Whoever packs a result wants the value; what computes it belongs to this run.
        return _given, (self.open(),)

    def open(self) -> Any:
        """Compute the result; raises what the operator raises."""
        values = [_value(one, self._states, self._standing, self._store) for one in self.sources]
        return values[0] if self.symbol is None else OPERATIONS[self.symbol].function(*values)


def fold(standing: Standing, node: NodeStanding, store: PayloadStore | None) -> Settled | None:
    """End a task that may run and may be folded; None if it is better run.

    Parameters
    ----------
    standing : Standing
        The nodes; those above this one have closed.
    node : NodeStanding
        The node of the task.
    store : PayloadStore or None
        Where large arguments of a loop flow lie.
    """
    task = node.plan.task
    named = [one for one in node.plan.inputs if one.name is not None]
    symbol = None
    if isinstance(task, Operator):
        symbol = task.symbol
    elif isinstance(task, Merge):
        named = [one for one in named if not _is_skipped(standing, refs_of(one))][:1]
        if not named:
            return None
    payload = None if standing.outer is None else standing.outer.progress.payload
    size, calls = 0 if payload is None else payload.size, 1
    states: dict[int, State] = {}
    for number in (number for one in named for number in _refs(one.source)):
        above = standing.nodes[number]
        states[number] = above.state
        result = above.state.unopened_result
        if isinstance(result, Folded):
            size, calls = size + result.size, calls + result.calls
        else:
            size += sum(one.value.size for one in (above.child, *above.children) if one.value)
    if calls > _CALLS or (symbol is not None and size > _SMALL):
        return None
    sources = tuple(one.source for one in named)
    result = Folded(node.plan.name, symbol, sources, states, size, calls, standing, store)
    text = "Computed where its result is taken." if symbol else "The branch that was taken."
    return Settled(Success(text, result))


def folded_tree(node: NodeStanding, tree_of: Callable[[Source, str], Tree]) -> Tree | None:
    """Stand for a result that is computed where it is taken; None for any other."""
    folded = node.state.unopened_result
    if not isinstance(folded, Folded):
        return None
    trees = [tree_of(one, f"what '{folded.name}' takes") for one in folded.sources]
    return trees[0] if folded.symbol is None else call_tree(folded.symbol, folded.name, trees)


def _handed(standing: Standing, name: str, store: PayloadStore | None) -> Any:
    """Return the value of an argument of the loop flow that a task is in the body of."""
    child = standing.outer
    assert child is not None
    payload = payload_with(child, name)
    if payload is not None:
        return unseal(payload, store)[name]
    element, _, is_flat = origin_of(child, name)
    if isinstance(element, Sealed):
        return unseal(element, store)
    if isinstance(element, Child):
        return None if element.state is None else element.state.result
    around = child.node.standing
    states = {number: around.nodes[number].state for number in _refs(element)}
    value = _value(element, states, around, store)
    return flattened(value, f"'{name}' of '{child.name}'") if is_flat else value


def _given(value: Any) -> Any:
    return value


def was_folded(node: Node, records: Sequence[Recorded]) -> bool:
    """Tell from what is recorded of a task whether its result is still to be computed."""
    last = records[-1] if node.folds and records else None
    return last is not None and last.state == "Success" and last.value is None


def _is_skipped(standing: Standing, numbers: list[int]) -> bool:
    return bool(numbers) and all(standing.nodes[one].state.is_skipped() for one in numbers)


def _refs(source: Source) -> list[int]:
    """List the nodes that a source takes results from, as often as it does."""
    if isinstance(source, Group):
        return [number for item in source.items for number in _refs(item)]
    return [source.node] if isinstance(source, Ref) else []


def _value(
    source: Source, states: Mapping[int, State], standing: Standing, store: PayloadStore | None
) -> Any:
    match source:
        case Constant(value):
            return value
        case Ref(number):
            return states[number].result
        case Handed(name):
            return _handed(standing, name, store)
        case Group(kind, keys, items):
            values = [_value(item, states, standing, store) for item in items]
            if keys is not None:
                return dict(zip(keys, values, strict=True))
            return {"list": list, "tuple": tuple, "set": set}[kind](values)
