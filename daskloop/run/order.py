"""What an attempt is told: the part that all attempts of a task share, and its own part.

Both are plain data packed by msgpack; user functions and values inside are closed bytes that
only the worker opens. Inputs are trees, so that a list of two tasks' results travels as two
sealed values and the driver opens neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from daskloop.record.sealed import HeldError, Sealed, unseal
from daskloop.record.store import PayloadStore
from daskloop.run.cutting import flattened

__all__ = [
    "Attempt",
    "Shared",
    "Tree",
    "collection_tree",
    "error_tree",
    "flat_tree",
    "open_tree",
    "pack",
    "stored_tree",
    "unpack",
    "value_tree",
]

Tree = Sequence[Any]
"""A value to be built on the worker, as nested plain data; the first item says which kind."""


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
    inputs: Sequence[tuple[str, Tree]]
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


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt alone needs to know."""

    key: str
    """Text of its Dask key: names the claim."""
    tag: str
    """Marks what it writes to the store."""
    index: int | None
    iteration: int
    run_count: int
    idempotency_key: str
    payload: Tree | None
    """The payload of the iteration before; None in the first one."""
    inputs: Sequence[tuple[str, Tree]]


def pack(order: Shared | Attempt) -> bytes:
    """Pack an order's part as plain data."""
    fields = [getattr(order, name) for name in order.__dataclass_fields__]
    return bytes(msgpack.packb(fields, unicode_errors="surrogatepass"))


def unpack(kind: type[Any], data: bytes) -> Any:
    """Rebuild an order's part."""
    return kind(*msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogatepass"))


def value_tree(sealed: Sealed) -> Tree:
    """Stand for one sealed value."""
    return ("value", sealed.wire())


def error_tree(held: HeldError) -> Tree:
    """Stand for an exception that a task before this one ended with."""
    wire = held.sealed and held.sealed.wire()
    return ("error", wire, held.class_name, held.text)


def collection_tree(kind: str, items: Sequence[Tree], keys: Tree | None = None) -> Tree:
    """Stand for a list, tuple, set or dict of values; `keys` are the sealed keys of a dict."""
    return (kind, items, keys)


def flat_tree(tree: Tree) -> Tree:
    """Stand for a value un-nested by one level."""
    return ("flatten", tree)


def stored_tree(sealed: Sealed) -> Tree:
    """Stand for a tree that lies in the store because it is large."""
    return ("stored", sealed.wire())


def open_tree(tree: Tree, store: PayloadStore | None) -> Any:
    """Build the value that a tree stands for."""
    kind = tree[0]
    if kind == "value":
        return unseal(Sealed.from_wire(tree[1]), store)
    if kind == "error":
        sealed = tree[1] and Sealed.from_wire(tree[1])
        return HeldError(sealed, store, tree[2], tree[3], "").open()
    if kind == "stored":
        return open_tree(unseal(Sealed.from_wire(tree[1]), store), store)
    if kind == "flatten":
        return flattened(open_tree(tree[1], store), "flatten(...)")
    items = [open_tree(item, store) for item in tree[1]]
    if kind == "dict":
        return dict(zip(open_tree(tree[2], store), items, strict=True))
    return {"list": list, "tuple": tuple, "set": set}[kind](items)
