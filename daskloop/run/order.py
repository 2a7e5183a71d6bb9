"""What a future is told: the part that all attempts of a task share, and its own part.

The part of its own names the attempts to be made, one for each child, and for how long the
future may go on with iterations that follow from them.

Both are plain data packed by msgpack; user functions and values inside are closed bytes that
only the worker opens. Inputs are trees, so that a list of two tasks' results travels as two
sealed values and the driver opens neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgpack

from daskloop.define.operations import OPERATIONS
from daskloop.keys import Address, Place
from daskloop.record.pickling import thaw
from daskloop.record.sealed import HeldError, Sealed, unseal
from daskloop.record.store import PayloadStore
from daskloop.run.cutting import flattened

__all__ = [
    "NO_INPUTS",
    "Attempt",
    "Own",
    "Shared",
    "Tree",
    "Uncomputed",
    "attempt_size",
    "call_tree",
    "collection_tree",
    "error_tree",
    "flat_tree",
    "open_tree",
    "pack_own",
    "pack_shared",
    "stored_tree",
    "tree_size",
    "unpack_own",
    "unpack_shared",
    "value_tree",
]

Tree = bytes | tuple[Any, ...] | list[Any]
"""A value to be built on the worker, as nested plain data: a closed value that is here as its
bytes; anything else as a sequence, whose first item says which kind."""

NO_INPUTS: Mapping[str, Tree] = {}


@dataclass(frozen=True, slots=True)
class Shared:
    """What all attempts of one task in one run have in common."""

    run_id: str
    flow_name: str
    task_name: str
    task_slug: str
    function: Tree
    """The task's function with `retry_on` and `retry_if`, sealed."""
    digest: str
    """Names the function, so that a worker unpickles it once."""
    inputs: Mapping[str, Tree]
    """Arguments that are the same for all children."""
    context: Tree | None
    """What the user gave to `flow.run(context=...)`, sealed."""
    parameters: Tree | None
    """The flow's parameters, sealed."""
    store: str | None
    """URL of the payload store."""
    durable: bool
    """True if what is put there has to survive a loss of power."""
    verify: int
    """If not zero, what lies there is compared with its name before it is used."""
    inline_limit: int
    timeout: float | None
    claims: str | None
    """Directory in which the attempt has to claim its start, if it has to."""
    cuts: Sequence[int]
    """Into what the result is cut as well, see `Cut`."""
    max_loops: int | None
    """The iteration that is the last one, though it should ask for another."""
    ahead: bool
    """True if iterations may go on in the future of the one before."""
    whole: bool
    """True if each iteration is to be told; else those that went on are counted."""
    keeping: Tree | None = None
    """How results are kept beyond the run, sealed; None if they are not."""
    returns: bool = False
    """True if a loop at its limit ends with its last payload as result."""
    measured: bool = False
    """True if every iteration has to report a metric."""
    around: Sequence[Sequence[Any]] = ()
    """The iterations of loop flows that it is in, from the outside in."""
    log: Sequence[Any] = ()
    """What is wanted of the logs of attempts, see `LogOrder`."""
    has_secrets: bool = False
    """True if secrets are looked for in what an attempt raises, which is put in no file then."""

    def address(self, child: int | None, iteration: int) -> Address:
        """Say where an iteration of one of its children is in the flow."""
        around = (Place(*one) for one in self.around)
        return (*around, Place(self.task_slug, child, iteration))


class Attempt(NamedTuple):
    """What one attempt alone needs to know."""

    child: int | None
    """Its index; None if the task is not mapped."""
    iteration: int
    run_count: int
    submission: int
    payload: Tree | None
    """The payload of the iteration before; None in the first one."""
    inputs: Mapping[str, Tree]
    left: float | None = None
    """Seconds that are left to its loop when the future begins, if that is limited."""
    resumed: bool = False
    """True if the iteration was paused, and goes on."""
    label: str | None = None
    """The child's own name, if it has one."""
    over: str = ""
    """Why its loop is over, if so: nothing is called then, and its payload is the result."""

    @property
    def title(self) -> int | str | None:
        """What tells the child from the others of its map, for people."""
        return self.child if self.label is None else self.label


class Own(NamedTuple):
    """What one future alone needs to know."""

    key: str
    """Text of its Dask key: names the claim."""
    seconds: float
    """For how long it may begin attempts after the first."""
    most: int
    """How many attempts it may make in all."""
    attempts: Sequence[Attempt]
    """The first one of each child; those that go on from them are made here."""


def attempt_size(attempt: Attempt) -> int:
    """Count the bytes of values that an attempt carries itself."""
    size = len(attempt.payload) if isinstance(attempt.payload, bytes) else 0
    for tree in attempt.inputs.values():
        if isinstance(tree, bytes):
            size += len(tree)
    return size


def pack_shared(shared: Shared) -> bytes:
    """Pack what all attempts of a task share."""
    fields = [getattr(shared, name) for name in shared.__dataclass_fields__]
    return _packed(fields)


def unpack_shared(data: bytes) -> Shared:
    """Rebuild what all attempts of a task share."""
    return Shared(*_unpacked(data))


def pack_own(own: Own) -> bytes:
    """Pack what one future alone needs."""
    return _packed(own)


def unpack_own(data: bytes) -> Own:
    """Rebuild what one future alone needs."""
    key, seconds, most, attempts = _unpacked(data)
    return Own(key, seconds, most, [Attempt(*one) for one in attempts])


def _packed(data: Any) -> bytes:
    return bytes(msgpack.packb(data, unicode_errors="surrogatepass"))


def _unpacked(data: bytes) -> Any:
    return msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogatepass")


def tree_size(tree: Tree) -> int:
    """Tell how many bytes a tree takes in an order."""
    return len(_packed(tree))


def value_tree(sealed: Sealed) -> Tree:
    """Stand for one sealed value."""
    return ("kept", sealed) if sealed.data is None else sealed.data


def error_tree(held: HeldError) -> Tree:
    """Stand for an exception that a task before this one ended with."""
    return ("error", held.sealed, held.class_name, held.text)


def collection_tree(kind: str, items: Sequence[Tree], keys: Tree | None = None) -> Tree:
    """Stand for a list, tuple, set or dict of values; `keys` are the sealed keys of a dict."""
    return (kind, items, keys)


def call_tree(symbol: str, name: str, operands: Sequence[Tree]) -> Tree:
    """Stand for what an operator makes of values; `name` is that of its task."""
    return ("call", symbol, name, operands)


def flat_tree(tree: Tree) -> Tree:
    """Stand for a value un-nested by one level."""
    return ("flatten", tree)


def stored_tree(sealed: Sealed) -> Tree:
    """Stand for a tree that lies in the store because it is large."""
    return ("stored", sealed)


def open_tree(tree: Tree, store: PayloadStore | None) -> Any:
    """Build the value that a tree stands for."""
    if isinstance(tree, bytes):
        return thaw(tree)
    kind = tree[0]
    if kind == "kept":
        return unseal(Sealed.from_wire(tree[1]), store)
    if kind == "error":
        sealed = tree[1] and Sealed.from_wire(tree[1])
        return HeldError(sealed, store, tree[2], tree[3], "").open()
    if kind == "stored":
        return open_tree(unseal(Sealed.from_wire(tree[1]), store), store)
    if kind == "flatten":
        return flattened(open_tree(tree[1], store), "flatten(...)")
    if kind == "call":
        return _called(tree[1], tree[2], [open_tree(item, store) for item in tree[3]])
    items = [open_tree(item, store) for item in tree[1]]
    if kind == "dict":
        return dict(zip(open_tree(tree[2], store), items, strict=True))
    return {"list": list, "tuple": tuple, "set": set}[kind](items)


class Uncomputed(Exception):
    """An operator that was to be computed where its result is taken, and that raised."""

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(name, error)
        self.name = name
        self.error = error


def _called(symbol: str, name: str, operands: list[Any]) -> Any:
    try:
        return OPERATIONS[symbol].function(*operands)
    # Whatever the operands' classes raise is the failure of the task that needs the value.
    except Exception as error:
        raise Uncomputed(name, error) from error
