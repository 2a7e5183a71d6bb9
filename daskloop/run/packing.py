"""Which attempts travel together: children of one task, packed into futures.

::

    children to be sent ─► by task, rank and place ─► packs ─► one future each
    what came of a future ─► its members, one by one;  the last that leaves ─► it is released
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from daskloop.define.batch import Batch
from daskloop.executors.session import Key
from daskloop.plan.plan import Node
from daskloop.record.sealed import Sealed
from daskloop.run.pace import Pace
from daskloop.run.standing import Child, NodeStanding

__all__ = ["PLACE", "Pack", "Packing", "may_run_ahead"]

PLACE = 1_000_000
"""What a future of its own takes of the window; a child in company takes its part of that."""


class Pack:
    """The children whose attempts travel in one future."""

    __slots__ = ("key", "leader", "members", "most", "pace", "seconds")

    def __init__(
        self, key: Key, children: Sequence[Child], pace: Pace, single: bool = False
    ) -> None:
        self.pace = pace
        """Of the task; hears how long the future took."""
        self.key = key
        """That of the first one's attempt."""
        self.members: dict[int | None, Child] = {child.index: child for child in children}
        """Those that are still in flight, by index."""
        self.leader = None if key[1] < 0 else key[1]
        """Index of the first one, which may have left."""
        self.most = 1 if single else pace.most
        """Attempts that may be made in all."""
        self.seconds = 0.0 if single else pace.seconds
        """For how long attempts may be begun."""

    @property
    def is_single(self) -> bool:
        """True if it can hold no attempt but one."""
        return self.most == 1


class Packing:
    """The packs of a run.

    Parameters
    ----------
    batch : int or "auto"
        For tasks that do not say it themselves.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._paces: dict[str, Pace] = {}
        self._packs: dict[Key, Pack] = {}
        self._sizes: dict[str, int] = {}

    @property
    def packs(self) -> Mapping[Key, Pack]:
        """The futures in flight, by key."""
        return self._packs

    def pace(self, node: NodeStanding) -> Pace:
        """Return the pace of a task."""
        path = node.plan.path
        if path not in self._paces:
            self._paces[path] = Pace(batch_of(node, self._batch))
        return self._paces[path]

    def begin_turn(self) -> None:
        """Let sizes be worked out anew."""
        self._sizes.clear()

    def size(self, child: Child, waiting: int, slots: int) -> int:
        """Return how many may share a future with a child; for a task the same a whole turn."""
        if self._travels_alone(child):
            return 1
        path = child.node.plan.path
        if path not in self._sizes:
            self._sizes[path] = self.pace(child.node).size(waiting, slots)
        return self._sizes[path]

    def share(self, one: Child, other: Child) -> bool:
        """Tell whether two children can share a future."""
        return _alike(one, other) and not other.is_suspect and other.progress.run_count == 1

    def price(self, child: Child, slots: int, window: int) -> int:
        """Return what the future of a child takes of the window."""
        if self._travels_alone(child) or child.node.plan.task.hooks.state_handlers:
            return PLACE
        return PLACE * window // self.pace(child.node).futures(slots, window)

    def _travels_alone(self, child: Child) -> bool:
        """Tell whether a child's attempt has a future of its own: so has every retry."""
        return child.is_suspect or child.progress.run_count > 1 or self.pace(child.node).batch == 1

    def pack(self, children: Iterable[Child], waiting: int, slots: int) -> list[Pack]:
        """Divide the children of a turn into futures."""
        packs: list[Pack] = []
        groups: list[list[Child]] = []
        for child in children:
            if self._travels_alone(child):
                packs.append(self._packed([child], single=True))
            elif groups and _alike(groups[-1][0], child):
                groups[-1].append(child)
            else:
                groups.append([child])
        for group in groups:
            size = self.size(group[0], waiting, slots)
            for start in range(0, len(group), size):
                some = group[start : start + size]
                packs.append(self._packed(some))
        return packs

    def pack_alike(self, children: Sequence[Child]) -> Pack:
        """Make one future of children that can share it."""
        return self._packed(children, single=self._travels_alone(children[0]))

    def _packed(self, children: Sequence[Child], single: bool = False) -> Pack:
        key = children[0].key
        assert key is not None
        pack = self._packs[key] = Pack(key, children, self.pace(children[0].node), single)
        for child in children:
            child.pack = pack
        return pack

    def rejoin(self, child: Child, key: Key) -> None:
        """Put a child back into the future that an earlier driver sent it in."""
        pack = self._packs.get(key)
        if pack is None:
            pack = self._packs[key] = Pack(key, (), self.pace(child.node))
        pack.members[child.index] = child
        child.pack = pack

    def leave(self, child: Child) -> Key | None:
        """Take a child out of its future; return the future's key if it was the last one."""
        pack, child.pack = child.pack, None
        if pack is None:  # it was given up before it was sent
            return None
        del pack.members[child.index]
        if pack.members:
            return None
        del self._packs[pack.key]
        return pack.key


def _alike(one: Child, other: Child) -> bool:
    """Tell whether two children are of one task, of one rank, and best off at one place."""
    if one.node is not other.node or one.continuing != other.continuing:
        return False
    mine, theirs = one.progress.payload, other.progress.payload
    if mine is theirs:  # none, mostly
        return True
    return _place(one, mine) == _place(other, theirs)


def _place(child: Child, payload: Sealed | None) -> str | None:
    """Return the worker where a stored payload lies."""
    return None if payload is None or payload.name is None else child.worker


def batch_of(node: NodeStanding, batch: Batch) -> Batch:
    """Return what holds for one task.

    An attempt that must not be made twice travels alone, and so does one that a rate counts.
    """
    task = node.plan.task
    if task.limits.at_most_once or task.throttle.rate is not None:
        return 1
    return batch if task.batch is None else task.batch


def may_run_ahead(plan: Node) -> bool:
    """Tell whether an iteration may begin before the driver has heard of the one before.

    A handler that sees `Looped` may end the loop there, or change the payload; so may a goal.
    """
    task = plan.task
    heard = task.hooks.state_handlers or task.hooks.on_loop is not None
    return plan.body is None and not heard and not task.goal.is_set
