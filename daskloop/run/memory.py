"""All that a run is known to have done before: by its journal, or by states that the user gave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from daskloop.errors import ResumeError
from daskloop.keys import Address
from daskloop.record.entries import Recorded, Submitted
from daskloop.record.rows import Child as Name
from daskloop.record.rows import child_of
from daskloop.record.sealed import Sealed, is_of_a_script, renewed
from daskloop.record.store import PayloadStore
from daskloop.run.emissions import emissions
from daskloop.run.folding import was_folded
from daskloop.run.replay import Restored, begun_within, restore
from daskloop.run.standing import Child, NodeStanding

__all__ = ["Memory"]


class Memory:
    """All children that a run is known to have had.

    Parameters
    ----------
    records : iterable of Recorded
        States that stood, in order.
    submitted : iterable of Submitted
        The newest attempt of each child that was sent.
    store : PayloadStore or None
        Where large values lie; nothing is read from it here.
    given : bool
        True if the user gave the states, and no earlier driver recorded them.
    """

    def __init__(
        self,
        records: Iterable[Recorded] = (),
        submitted: Iterable[Submitted] = (),
        store: PayloadStore | None = None,
        given: bool = False,
    ) -> None:
        self._store = store
        self._given = given
        self._records: dict[Name, list[Recorded]] = defaultdict(list)
        self._submitted: dict[Name, Submitted] = {}
        self._inside: dict[Name, float] = {}
        """When the first attempt within the body of a loop flow began, by its child."""
        records = list(records)
        self._emitted = emissions(records)
        for record in records:
            self._records[child_of(record.address)].append(record)
            self._began_within(record.address, record.started or record.at)
        for sent in submitted:
            self._submitted[child_of(sent.address)] = sent
            self._began_within(sent.address, sent.at)
        self._tasks = {name[:2] for name in (*self._records, *self._submitted, *self._inside)}

    def _began_within(self, address: Address, at: float) -> None:
        for depth in range(1, len(address)):
            around = child_of(address[:depth])
            self._inside[around] = min(at, self._inside.get(around, at))

    def knows(self, node: NodeStanding) -> bool:
        """Tell whether anything is known of the children of a task."""
        return (node.standing.path, node.plan.slug) in self._tasks

    def emitted(self, node: NodeStanding) -> list[Sealed]:
        """Return the items that a task has emitted."""
        return [renewed(one) for one in self._emitted.get((node.standing.path, node.plan.slug), ())]

    def misfit(self, parent: Child) -> str | None:
        """Say why the states that the user gave for a map's children are not theirs, if so."""
        name = child_of(parent.address)
        width = next((record.width for record in self._records.get(name, ())), None)
        found = _width(parent)
        if not self._given or width is None or width == found or parent.node.may_grow:
            return None
        del self._records[name]
        task = parent.node.plan.name
        return (
            f"task_states= says of '{task}' that it has {width} children, and now it is mapped "
            f"over {found} elements; give states of the tasks before it, too, or none of '{task}'"
        )

    def recall(self, child: Child) -> Restored | None:
        """Return where a child stood, once; None if nothing is known of it.

        Raises
        ------
        ResumeError
            If it is a map that had another width.
        """
        name = child_of(child.address)
        records = self._records.pop(name, [])
        sent = self._submitted.pop(name, None)
        began = self._inside.pop(name, None)
        if was_folded(child.node.plan, records):
            return None
        if not records and sent is None:
            return None if began is None else begun_within(began)
        if records and records[-1].width is not None and not child.node.may_grow:
            _check_width(child, records[-1].width)
        restored = restore(child.rules, records, sent, self._store, began)
        return restored if self._given else _renewed(restored)


def _renewed(restored: Restored) -> Restored:
    """Let what goes on from a child be of the classes that this process has."""
    progress, last = restored.progress, restored.last
    before, best = progress.payload, progress.best
    found = [before, best.payload if best else None, last.value if last else None]
    cuts = last.parts.values() if last is not None else ()
    found += [one for cut in cuts if not isinstance(cut, str) for one in cut]
    if not any(one is not None and is_of_a_script(one) for one in found):
        return restored  # as nearly always
    if before is not None:
        progress = progress._replace(payload=renewed(before))
    if best is not None and best.payload is not None:
        kept = progress.payload if best.payload is before else renewed(best.payload)
        progress = progress._replace(best=best._replace(payload=kept))
    if last is not None:
        value = None if last.value is None else renewed(last.value)
        parts = {
            cut: found if isinstance(found, str) else tuple(map(renewed, found))
            for cut, found in last.parts.items()
        }
        last = replace(last, value=value, parts=parts)
    return replace(restored, progress=progress, last=last)


def _width(parent: Child) -> int:
    return min((len(elements) for _, elements, _ in parent.node.spread), default=0)


def _check_width(child: Child, width: int) -> None:
    found = _width(child)
    if found != width:
        raise ResumeError(
            f"'{child.node.plan.name}' was mapped over {width} elements when the run began, now "
            f"there are {found}. Give it the same input again, or start a new run without resume="
        )
