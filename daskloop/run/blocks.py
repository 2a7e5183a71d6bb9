"""The iterations of loop flows: a block of tasks each, and then an attempt that ends it.

::

    ready for iteration k ─► block opens ─► its tasks, like those of a flow ─► block closes
                                                                                   │
         the next iteration, or the end ◄── attempt of `close_round` ◄── queued ◄──┘

The block of an iteration that has ended is forgotten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from daskloop.errors import IterationFailed
from daskloop.plan.plan import refs_in
from daskloop.record.sealed import Sealed
from daskloop.run.opening import Opening
from daskloop.run.progress import Phase, Settled, Stopped
from daskloop.run.standing import Child, NodeStanding, Standing
from daskloop.run.tolerating import tolerates
from daskloop.states import Failed, Mapped, Skipped, State

if TYPE_CHECKING:
    from daskloop.run.steps import Steps

__all__ = ["Blocks"]

_QUOTED = 500  # characters of the message of what failed


class Blocks:
    """Opens and closes the blocks of a run.

    Parameters
    ----------
    steps : Steps
        Goes on with children.

    Notes
    -----
    Of the loop flows that are not in another's body, no more have a block than the window of the
    run holds: a wide map of them takes memory for a part of it at a time, and ends child by child.
    Nor do more begin than the `max_branches` of their task.
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._waiting: dict[str, deque[Child]] = {}
        self._open = 0

    def enqueue(self, children: Sequence[Child]) -> None:
        """Let the iterations of children begin, or their ends be attempted once more."""
        for child in children:
            self._enqueue(child)

    def _enqueue(self, child: Child) -> None:
        block = child.block
        if child.progress.over:
            self._steps.flights.enqueue((child,))
        elif block is None and self._is_full(child):
            self._waiting.setdefault(child.node.plan.path, deque()).append(child)
        elif block is None or block.path != child.address:
            self.open(child)
        elif not block.opening.left:
            self._closed(child, block)

    def open(self, child: Child) -> None:
        """Begin the tasks of an iteration."""
        if child.block is None:
            self._open += child.node.standing.outer is None
            self._steps.flights.admission.begin_branch(child)
        if child.progress.begun is None:  # not when its first iteration ends: max_time counts it
            child.progress = child.progress._replace(begun=self._steps.now)
        self._steps.drop(self._values(child))
        body = child.node.plan.body
        assert body is not None
        child.block = Standing(body.plan, {}, child)
        child.reached = child.progress.iteration
        Opening(child.block, self._steps).start()
        if not child.block.nodes:
            self._closed(child, child.block)

    def _is_full(self, child: Child) -> bool:
        admission = self._steps.flights.admission
        if not admission.has_branch(child):
            return True
        return child.node.standing.outer is None and self._open >= admission.window

    def closed(self, standing: Standing) -> None:
        """Go on with a loop flow whose iteration has no task left."""
        child = standing.outer
        if child is not None and child.block is standing:
            self._closed(child, standing)

    def _closed(self, child: Child, block: Standing) -> None:
        if child.progress.phase is not Phase.READY:
            return  # its end is in flight already, since an earlier driver, or it has been stopped
        why = self._steps.halting.why(child)
        cancelled = any(
            one.state is not None and one.state.is_cancelled() for one in _children(block)
        )
        if why is not None and cancelled:
            self._steps.advance(child, Stopped(why, False))
            return
        state = _in_the_way(child, block)
        if state is None:
            self._steps.flights.enqueue((child,))
        else:
            self._steps.advance(child, Settled(state))

    def ended(self, child: Child) -> None:
        """Forget the block of a child that has its final state."""
        block = child.block
        if block is not None and block.opening.left:
            reason = f"cancelled since {child.name} has ended"
            for one in _children(block):
                self._steps.advance(one, Stopped(reason, True))
        if child.state is None or child.state.is_successful():
            self._steps.drop(self._values(child))
        else:  # a resumed run goes on within the iteration
            child.payloads = (*child.payloads, *self._values(child))
        child.block = None
        self._open -= block is not None and child.node.standing.outer is None

    def go_on(self) -> None:
        """Let others begin, now that a child has ended and perhaps a branch with it."""
        if not self._waiting:
            return
        for waiting in list(self._waiting.values()):  # those that begin may let others wait
            while waiting and (waiting[0].ended or not self._is_full(waiting[0])):
                another = waiting.popleft()
                if not another.ended:
                    self._enqueue(another)

    def _values(self, child: Child) -> list[Sealed]:
        """List what lies in the store of an iteration that nothing needs any more."""
        if child.block is None:
            return []
        found = [one for node in child.block.nodes for one in node.emitted]
        for one in _children(child.block):
            found += [*one.payloads] if one.value is None else [one.value, *one.payloads]
            for parts in one.parts.values():
                found += () if isinstance(parts, str) else parts[:1]  # one file holds them all
        return [one for one in found if one.name is not None]


def _children(block: Standing) -> list[Child]:
    """List all children of an iteration that there are by now."""
    return [one for node in block.nodes for one in (node.child, *node.children)]


def _in_the_way(child: Child, block: Standing) -> State | None:
    """Find what an iteration's tasks leave for the loop instead of its end; None mostly."""
    body = child.node.plan.body
    assert body is not None
    nodes = [block.nodes[number] for number in body.plan.reference]
    for node in nodes:
        bad = _failure(node)
        if bad is not None:
            said = (bad.state.message or "")[:_QUOTED] if bad.state is not None else ""
            error = IterationFailed(f"{bad.name} failed: {said}")
            return Failed(f"Iteration {block.path[-1].iteration} failed: {error}", error)
    for number in (one for source in body.closing.values() for one in refs_in(source)):
        if block.nodes[number].state.is_skipped():
            return Skipped(f"{block.nodes[number].child.name} was skipped.")
    return None


def _failure(node: NodeStanding) -> Child | None:
    """Find the child of a node that failed by itself, or else one that failed at all.

    Of a map over what a loop emits it may be one of the loop's.
    """
    bad = [node.child] if node.state.is_failed() or node.state.is_cancelled() else []
    if isinstance(node.state, Mapped) and not tolerates(node):
        bad = [one for one in node.children if one.state is not None and one.state.is_failed()]
    if not bad:
        return next((one for one in map(_failure, node.loops) if one is not None), None)
    above = [node.standing.nodes[number] for number in node.plan.upstream]
    followed = bad[0].state is not None and bad[0].state.is_trigger_failed()
    causes = (_failure(one) for one in above) if followed else iter(())
    return next((one for one in causes if one is not None), bad[0])
