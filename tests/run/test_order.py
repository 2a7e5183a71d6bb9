"""Orders come back as they went, and trees are built into the values that they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daskloop.errors import MapError, RemoteError, StoreError
from daskloop.record.sealed import HeldError, seal
from daskloop.record.store import PayloadStore
from daskloop.run.order import (
    collection_tree,
    error_tree,
    flat_tree,
    open_tree,
    pack_own,
    pack_shared,
    stored_tree,
    unpack_own,
    unpack_shared,
    value_tree,
)
from tests.run.lives import sealed
from tests.run.orders_of_one import one, own_order, shared_order


def tree(value: Any) -> Any:
    """Stand for a value."""
    return value_tree(sealed(value))


def travelled(given: Any) -> Any:
    """Send a tree as an order does."""
    return unpack_own(pack_own(own_order(payload=given))).attempts[0].payload


def test_orders_come_back_as_they_went():
    mine = one(child=3, iteration=10**6, payload=tree(5), inputs={"x": tree("\udc80")}, left=0.5)
    own = own_order(mine, one(child=4), seconds=float("inf"), most=7)
    future = unpack_own(pack_own(own))
    assert (future.key, future.seconds, future.most) == (own.key, float("inf"), 7)
    back, other = future.attempts
    assert (back.child, back.iteration, back.left) == (3, 10**6, 0.5)
    assert other == one(child=4)
    assert open_tree(back.payload, None) == 5
    assert [(n, open_tree(t, None)) for n, t in back.inputs.items()] == [("x", "\udc80")]
    shared = shared_order(len, inputs={"x": tree(1)}, timeout=0.5, cuts=[1, 3])
    again = unpack_shared(pack_shared(shared))
    assert (again.timeout, again.cuts, again.run_id) == (0.5, [1, 3], shared.run_id)


@pytest.mark.parametrize("value", [None, 0, False, "", b"", [], {}, float("inf"), 2**200, {1, 2}])
def test_a_value_comes_back_as_it_went(value: Any):
    back = open_tree(travelled(tree(value)), None)
    assert back == value and type(back) is type(value)


def test_f06_collections_of_results_are_built_on_the_worker():
    items = [tree(1), collection_tree("list", [tree(2), tree(3)])]
    for kind, wanted in (("list", [1, [2, 3]]), ("tuple", (1, [2, 3]))):
        assert open_tree(travelled(collection_tree(kind, items)), None) == wanted
    keyed = collection_tree("dict", items, tree(["a", ("b", 1)]))
    assert open_tree(travelled(keyed), None) == {"a": 1, ("b", 1): [2, 3]}
    assert open_tree(travelled(collection_tree("set", [tree(1), tree(1)])), None) == {1}


def test_m09_a_flat_tree_is_un_nested_by_one_level():
    assert open_tree(travelled(flat_tree(tree([[1, [2]], 3, []]))), None) == [1, [2], 3]
    with pytest.raises(MapError):
        open_tree(flat_tree(tree(5)), None)


def test_m01_an_error_is_handed_on_as_the_exception_or_as_its_words():
    held = HeldError(sealed(KeyError("k")), None, "KeyError", "'k'", "")
    back = open_tree(travelled(error_tree(held)), None)
    assert type(back) is KeyError and back.args == ("k",)
    words = open_tree(travelled(error_tree(HeldError(None, None, "my.Error", "so", ""))), None)
    assert isinstance(words, RemoteError) and "my.Error" in str(words)


def test_a_large_tree_is_read_from_the_store(tmp_path: Path):
    store = PayloadStore(tmp_path / "store")
    whole = collection_tree("list", [tree(n) for n in range(3)])
    given = travelled(stored_tree(seal(whole, "it", 0, store, "tag")))
    assert open_tree(given, store) == [0, 1, 2]
    with pytest.raises(StoreError):
        open_tree(given, None)
