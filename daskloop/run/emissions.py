"""What loops emitted in earlier drivers' time, as their records tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from daskloop.keys import Address, is_inside
from daskloop.record.entries import EMITTED, TAKEN_BACK, Recorded
from daskloop.record.sealed import Sealed

__all__ = ["emissions", "first_gone"]

Task = tuple[Address, str]
"""A task: the iterations around it, and its slug."""


class _Item(NamedTuple):
    child: int | None
    iteration: int
    value: Sealed


def emissions(records: Iterable[Recorded]) -> dict[Task, list[Sealed]]:
    """Collect the items of each task, in the order in which they came to stand.

    Parameters
    ----------
    records : iterable of Recorded
        States that stood, in order. What a child emitted in an iteration to which it was taken
        back, or in a later one, does not count.
    """
    return {task: [one.value for one in items] for task, items in _items(records).items()}


def first_gone(records: Iterable[Recorded], name: tuple[str, int | None], iteration: int) -> int:
    """Find the first of a task's items that no longer stands where it did.

    Parameters
    ----------
    records : iterable of Recorded
        States that stood, in order.
    name : tuple of str and int or None
        Slug and index of a child that is taken back now.
    iteration : int
        To which iteration.

    Returns
    -------
    int
        Its number, or how many there are.
    """
    slug, child = name
    own = (one for one in records if not is_inside(one.address) and one.address[-1].slug == slug)
    items = _items(own).get(((), slug), [])
    gone = (n for n, one in enumerate(items) if one.child == child and one.iteration >= iteration)
    return next(gone, len(items))


def _items(records: Iterable[Recorded]) -> dict[Task, list[_Item]]:
    stood: defaultdict[Task, list[_Item]] = defaultdict(list)
    for record in records:
        task, place = (record.address[:-1], record.address[-1].slug), record.address[-1]
        if record.state == TAKEN_BACK and task in stood:
            stood[task] = [
                one
                for one in stood[task]
                if one.child != place.child or one.iteration < place.iteration
            ]
        found = record.parts.get(EMITTED)
        if isinstance(found, tuple):
            stood[task] += [_Item(place.child, place.iteration, one) for one in found]
    return stood
