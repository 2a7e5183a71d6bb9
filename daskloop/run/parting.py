"""What travels beside a value: its elements for a map, and the items that an iteration emits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from daskloop.errors import MapError
from daskloop.plan.plan import Cut
from daskloop.record.entries import EMITTED
from daskloop.record.pickling import freeze, join, preview
from daskloop.record.sealed import Sealed
from daskloop.run.cutting import elements, flattened, pieces
from daskloop.run.envelope import NO_PARTS, Parts
from daskloop.signals import Emitting

if TYPE_CHECKING:
    from daskloop.run.outcome import Judge

__all__ = ["cut_into", "emitted_items"]

_PACK = 1_048_576  # bytes of elements that travel inline together

_CUTTERS = {Cut.ELEMENTS: elements, Cut.FLATTENED: flattened, Cut.LOOSE: pieces}


def cut_into(judge: Judge, result: Any, cut: int) -> tuple[Sealed, ...] | str:
    """Cut a result that is mapped over, so that each child gets its own element only.

    Returns why it cannot be cut, if so: that fails the map, not the task that made the result.
    """
    name = f"the result of {judge.name()!r}"
    try:
        found = _CUTTERS[Cut(cut)](result, name)
    except MapError as error:
        return str(error)
    return _closed(judge, found, name)


def emitted_items(judge: Judge, signal: Emitting) -> Parts:
    """Close the items that an iteration emits."""
    items = signal.items()
    if not items:
        return NO_PARTS
    what = f"what iteration {judge.mine.iteration} of {judge.name()!r} emits"
    return {EMITTED: _closed(judge, items, what)}


def _closed(judge: Judge, found: Sequence[Any], name: str) -> tuple[Sealed, ...]:
    blobs = [join(freeze(part, f"element {i} of {name}")) for i, part in enumerate(found)]
    labels = [preview(part) for part in found]
    if judge.store is None or sum(map(len, blobs)) <= _PACK:
        sealed = [Sealed(b, None, 0, len(b), t) for b, t in zip(blobs, labels, strict=True)]
        return tuple(sealed)
    return _packed(judge, blobs, labels)


def _packed(judge: Judge, blobs: list[bytes], labels: list[str]) -> tuple[Sealed, ...]:
    """Store all elements as one file; each is read from its own place in it."""
    assert judge.store is not None
    padded = [blob + b"\0" * (-len(blob) % 64) for blob in blobs]
    name = judge.store.put(padded, judge.tag())
    sealed = []
    offset = 0
    for blob, room, label in zip(blobs, padded, labels, strict=True):
        sealed.append(Sealed(None, name, offset, len(blob), label))
        offset += len(room)
    return tuple(sealed)
