"""Whose turn it is: by the user's priority, then what continues before what begins."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter

from daskloop.run.branches import ended_branches
from daskloop.run.gates import Gate
from daskloop.run.packing import PLACE
from daskloop.run.standing import Child, Standing

__all__ = ["Admission"]

_SLOTS_AHEAD = 4  # attempts in flight for each slot
_AHEAD = 32  # and this many more, so that short attempts travel in company


class Admission:
    """A queue of ready children and a bounded window of those in flight.

    The window keeps the scheduler's memory independent of the width of a map. Among equals,
    children go in the order in which they became ready, so that started loops take turns.

    On workers with several threads whatever executes is charged when one is lost. So of the
    children of a task that the next loss would end one goes at a time: what takes workers down goes
    alone.

    Parameters
    ----------
    slots : int
        How many attempts can execute at once.
    crowded : bool
        True if several of them may be on one worker.
    """

    def __init__(self, slots: int, crowded: bool = True) -> None:
        self.slots = slots
        self._crowded = crowded
        self.out = 0
        """What those take of the window that are announced or in flight, in parts of a `PLACE`."""
        self._lanes: dict[tuple[int, bool], deque[Child]] = {}
        """Those of one priority that continue, or begin; the lane that goes first is the first."""
        self._gates: dict[str, Gate] = {}
        self._last: dict[str, Child] = {}
        """The one in flight that the next loss of a worker would end, of each task."""
        self._behind: list[Child] = []
        """Those that wait until that one has come back, since it would end them too."""

    @property
    def window(self) -> int:
        """How many may be in flight at once."""
        return self.slots * _SLOTS_AHEAD + _AHEAD

    def enter(self, child: Child) -> None:
        """Let a child take a place in the window, once."""
        if child.node.is_gated:
            self._gate(child).enter(child)
        if self._is_at_stake(child):
            self._last.setdefault(child.node.plan.path, child)
        if not child.admitted:
            child.admitted = True
            self.out += child.weight

    def leave(self, child: Child) -> None:
        """Let a child give its place up, if it has one."""
        if child.inside:
            self._gate(child).leave(child)
        if child.admitted:
            child.admitted = False
            self.out -= child.weight
        if self._last and self._last.get(child.node.plan.path) is child:
            del self._last[child.node.plan.path]
            behind, self._behind = self._behind, []
            for one in behind:
                self._queue((one,))

    def push(self, children: Sequence[Child]) -> None:
        """Queue children of one task that are ready, behind its gate if it has one."""
        if children[0].node.is_gated:
            gate = self._gate(children[0])
            for child in children:
                gate.push(child)
        else:
            self._queue(children)

    def open_gates(self, now: float) -> None:
        """Queue those whose task lets them go now, if there is room in flight."""
        for gate in self._gates.values():
            if self.out < self.window * PLACE:
                for child in gate.opens(now, self.slots):
                    self._queue((child,))

    def opens_at(self, now: float) -> float | None:
        """Return when the rate of a task lets another go, if that is all it waits for."""
        if not self._gates or self.out >= self.window * PLACE:
            return None
        dues = [gate.opens_at(now, self.slots) for gate in self._gates.values()]
        return min((at for at in dues if at is not None), default=None)

    def move(self, by: float) -> None:
        """Let those whose rate holds them back go so many seconds later."""
        for gate in self._gates.values():
            gate.move(by)

    def restored(self, child: Child) -> None:
        """Count the branch of a child that an earlier driver has begun."""
        if child.node.is_gated and child.index is not None and child.progress.begun is not None:
            self._gate(child).begin_branch(child)

    def has_branch(self, child: Child) -> bool:
        """Tell whether the iterations of a loop flow may begin, as far as branches are limited."""
        return not child.node.is_gated or self._gate(child).has_branch(child)

    def begin_branch(self, child: Child) -> None:
        """Count the branch of a loop flow whose first iteration begins."""
        if child.node.is_gated:
            self._gate(child).begin_branch(child)

    def count_branches(self, standing: Standing, child: Child) -> None:
        """Give back the branches that are over, now that a child has ended."""
        for head in ended_branches(standing, child):
            self._gate(head).branch_over(head)

    def _gate(self, child: Child) -> Gate:
        path = child.node.plan.path
        if path not in self._gates:
            self._gates[path] = Gate(child.node.plan.task.throttle)
        return self._gates[path]

    def _queue(self, children: Sequence[Child]) -> None:
        priority = children[0].node.priority
        for continuing, some in groupby(children, key=attrgetter("continuing")):
            rank = priority, continuing
            if rank not in self._lanes:
                self._lanes[rank] = deque()
                self._lanes = dict(sorted(self._lanes.items(), reverse=True))
            self._lanes[rank].extend(some)

    def _is_at_stake(self, child: Child) -> bool:
        """Tell whether a child would be given up if a worker were lost under it once more."""
        losses = child.progress.losses
        if not (losses and self._crowded):
            return False
        return losses >= child.node.plan.task.limits.max_worker_losses

    def _has_to_wait(self, child: Child) -> bool:
        return child.node.plan.path in self._last and self._is_at_stake(child)

    @property
    def behind(self) -> list[Child]:
        """Those that wait since another of their task may take the worker down again."""
        return self._behind

    @property
    def waiting(self) -> int:
        """How many are queued."""
        return sum(map(len, self._lanes.values())) + len(self._behind)

    def pop(
        self, size_of: Callable[[Child], int], may_share: Callable[[Child, Child], bool]
    ) -> list[Child]:
        """Take the next child, with those behind it that share its future, if there is room.

        Parameters
        ----------
        size_of : callable
            Takes the first child, returns how many share its future at most.
        may_share : callable
            Takes the first child and another one.
        """
        if self.out >= self.window * PLACE:
            return []
        company: list[Child] = []
        size = 1
        for lane in self._lanes.values():
            while lane and len(company) < size:
                child = lane[0]
                if self._last and self._has_to_wait(child):
                    self._behind.append(lane.popleft())
                    continue
                if not child.ended:
                    if not company:
                        size = size_of(child)
                    elif not may_share(company[0], child):
                        break
                    company.append(child)
                lane.popleft()
            if company:
                break
        return company

    def drain(self) -> list[Child]:
        """Take everybody off the queue."""
        queue = [child for lane in (*self._lanes.values(), self._behind) for child in lane]
        for gate in self._gates.values():
            queue += gate.drain()
        self._lanes.clear()
        self._behind.clear()
        return [child for child in queue if not child.ended]
