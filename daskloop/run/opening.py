"""Open what has nothing left to wait for, and close what has ended: the dataflow rules.

Tells whoever drives the children (`advance`) what became true of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from daskloop.errors import HandlerError, MapError, ResumeError
from daskloop.record.entries import EMITTED
from daskloop.record.store import PayloadStore
from daskloop.run.above import Above
from daskloop.run.envelope import Parts
from daskloop.run.fanout import open_map
from daskloop.run.folding import fold
from daskloop.run.memory import Memory
from daskloop.run.progress import READY, Happening, Settled
from daskloop.run.standing import Child, NodeStanding, Standing
from daskloop.run.states_of import start_of
from daskloop.run.turn import Announcement, Question
from daskloop.signals import LOOP, PAUSE, RETRY, SUCCESS, Signal
from daskloop.states import Failed, Mapped, Retrying, Skipped, State, Success, TriggerFailed
from daskloop.triggers import CountingTrigger

__all__ = ["Opening", "state_of_signal"]


_BODY_ONLY = {LOOP: "loop", PAUSE: "pause", RETRY: "be tried again"}


class Closing(Protocol):
    """Whoever waits for all nodes of a standing to close."""

    def closed(self, standing: Standing) -> None:
        """Go on with what waited."""
        ...


class Advancing(Protocol):
    """Whoever drives the children."""

    @property
    def blocks(self) -> Closing:
        """The iterations of loop flows."""
        ...

    @property
    def memory(self) -> Memory:
        """What is known of the run from before."""
        ...

    @property
    def store(self) -> PayloadStore | None:
        """Where large values lie."""
        ...

    @property
    def keeps(self) -> bool:
        """True if what happens is recorded."""
        ...

    def advance(self, child: Child, happening: Happening) -> None:
        """Go on with a child to which something happened."""
        ...

    def advance_alike(self, children: Sequence[Child], happening: Happening) -> None:
        """Go on with children of one task that stand alike and to which the same happened."""
        ...

    def ask(self, question: Announcement | Question) -> None:
        """Have a function of the user's called."""
        ...

    def restore(self, child: Child) -> bool:
        """Go on with a child where an earlier driver left it; False if it is new."""
        ...


class Opening:
    """Opens and closes the nodes of a run.

    Parameters
    ----------
    standing : Standing
        The nodes.
    steps : Advancing
        Goes on with children.
    """

    def __init__(
        self,
        standing: Standing,
        steps: Advancing,
    ) -> None:
        standing.opening = self
        self._standing = standing
        self._steps = steps
        self._advance = steps.advance
        self._above = Above(standing)
        self.left = len(standing.nodes)
        """Nodes that have not closed."""
        self.over: list[Child] = []
        """All that have their final state, in the order of their ending."""

    def start(self) -> None:
        """Open every node that waits for nothing."""
        for node in self._standing.nodes:
            if self._standing.streams[node.plan.number]:
                node.emitted += self._steps.memory.emitted(node)
        for node in self._standing.nodes:
            if not node.opened:
                self._open_if_ready(node)

    def _open_if_ready(self, node: NodeStanding) -> None:
        if node.waits_to_open or node.waits_to_close or node.opened:
            return
        loop = self._loop_of(node)
        if loop is not None and not loop.emitted and not loop.closed:
            return
        node.opened = True
        if node.plan.parameter is not None:
            value = self._standing.parameters[node.plan.parameter]
            self._advance(node.child, Settled(Success("Parameter given.", value)))
        elif node.plan.mapped:
            state = open_map(self._standing, node)
            misfit = self._steps.memory.misfit(node.child)
            if misfit is not None and self._steps.keeps:
                raise ResumeError(misfit)  # recorded, they would be believed later
            if misfit is not None:
                node.spread, state = [], Failed(misfit, MapError(misfit))
            if not self._steps.restore(node.child):
                self._advance(node.child, Settled(state))
        else:
            self._begin(node.child)

    def _begin(self, child: Child) -> None:
        """Let a child run if what came before it allows."""
        if self._steps.restore(child):
            return
        happening = self._judged(child)
        if happening is READY and child.node.plan.folds:
            happening = fold(self._standing, child.node, self._steps.store) or READY
        if happening is None:
            self._steps.ask(Question(child, self._above.states(child)))
        else:
            self._advance(child, happening)

    def _judged(self, child: Child) -> Happening | None:
        """Say what follows for a child from what came before it; None if its trigger must say."""
        node, count = child.node, self._above.tally(child)
        task = node.plan.task
        if task.skip_on_upstream_skip and count.skipped:
            text = "Upstream task was skipped; if this was not wanted, set skip_on_upstream_skip."
            return Settled(Skipped(text))
        if not isinstance(task.trigger, CountingTrigger):
            return None
        if node.plan.upstream:
            try:
                task.trigger.judge(count)
            except Signal as signal:
                return Settled(state_of_signal(signal, "trigger", child.name))
        return READY

    def answered(self, child: Child, state: State | None) -> None:
        """Go on with a child whose trigger has answered."""
        self._advance(child, READY if state is None else Settled(state))

    def ended(self, child: Child) -> None:
        """Go on with what waited for a child that has its final state."""
        node = child.node
        self.over.append(child)
        if child is not node.child:
            node.running -= 1
            self._go_on_below(child)
        elif node.fanned_out and node.spread:
            self._fan_out(node)
        if child is node.child:
            self._tell_opened(node)
        if not node.running and node.child.ended and not node.closed and not node.grows:
            self._close(node)

    def _fan_out(self, node: NodeStanding) -> None:
        """Make the children there are elements for, and let those begin whose elements are there.

        Called again whenever a map has grown.
        """
        width = min(len(found) for _, found, _ in node.spread)
        new = [Child(node, index) for index in range(len(node.children), width)]
        node.children += new
        node.running += len(new)
        node.grows = self._may_still_grow(node)
        linked = [origins for _, _, origins in node.spread if origins]
        for child in new if linked or node.may_grow else ():
            assert child.index is not None
            above = [origins[child.index] for origins in linked]
            child.missing = sum(one is not None and not one.ended for one in above)
            child.continuing = node.may_grow or any(one is not None for one in above)
        for number in self._standing.links[node.plan.number] if new else ():
            if self._standing.nodes[number].fanned_out:
                self._fan_out(self._standing.nodes[number])
        if self._begin_alike(node, new):
            return
        for child in new:
            if not child.missing and not child.ended:
                self._begin(child)

    def _begin_alike(self, node: NodeStanding, new: list[Child]) -> bool:
        """Let all children run at once if nothing tells them apart; False if something does."""
        tells_apart = any(origins for _, _, origins in node.spread)
        if tells_apart or not new or self._steps.memory.knows(node):
            return False
        if self._judged(new[0]) is not READY:
            return False
        self._steps.advance_alike(new, READY)
        return True

    def emitted(self, child: Child, parts: Parts) -> None:
        """Take the items that an iteration emitted, and let what is mapped over them grow."""
        below = self._standing.streams[child.node.plan.number]
        items = parts.get(EMITTED) if below else None
        if not isinstance(items, tuple):
            return
        child.node.emitted += items
        for node in (self._standing.nodes[number] for number in below):
            if node.fanned_out:
                self._fan_out(node)
            else:
                self._open_if_ready(node)

    def _loop_of(self, node: NodeStanding) -> NodeStanding | None:
        """Return the loop over whose emitted items a node is mapped, if it is."""
        return None if node.plan.stream is None else self._standing.nodes[node.plan.stream]

    def _may_still_grow(self, node: NodeStanding) -> bool:
        if not node.may_grow:
            return False
        loop = self._loop_of(node)
        if loop is not None and not loop.closed:
            return True
        first = (origins[0] for _, _, origins in node.spread if origins)
        return any(one is not None and one.node.grows for one in first)

    def _grown(self, node: NodeStanding) -> None:
        """Take note that a map, and what goes on from its children, gets no more of them."""
        if not node.opened:
            self._open_if_ready(node)
        node.grows = False
        if not node.fanned_out or node.closed:
            return
        for number in self._standing.links[node.plan.number]:
            below = self._standing.nodes[number]
            if below.fanned_out and not self._may_still_grow(below):
                self._grown(below)
        if not node.running:
            self._close(node)

    def _go_on_below(self, child: Child) -> None:
        """Tell the children that go on from this one."""
        assert child.index is not None
        for number in self._standing.links[child.node.plan.number]:
            below = self._standing.nodes[number]
            if child.index < len(below.children):
                next_one = below.children[child.index]
                for _, _, origins in below.spread:
                    if origins and origins[child.index] is child:
                        next_one.missing -= 1
                if not next_one.missing and not next_one.ended:
                    self._begin(next_one)

    def _tell_opened(self, node: NodeStanding) -> None:
        for number in node.plan.downstream:
            below = self._standing.nodes[number]
            if node.plan.number in below.waits_to_open:
                below.waits_to_open.discard(node.plan.number)
                self._open_if_ready(below)

    def _close(self, node: NodeStanding) -> None:
        node.closed = True
        self.left -= 1
        is_last = not self.left  # what it lets open below may close too, before this has gone on
        state = node.state
        if isinstance(state, Mapped):
            state.map_states = [one.state for one in node.children if one.state is not None]
            state.map_names = node.names or ()
        for number in self._standing.waiting[node.plan.number]:
            below = self._standing.nodes[number]
            below.waits_to_close.discard(node.plan.number)
            self._open_if_ready(below)
        for number in self._standing.streams[node.plan.number]:
            self._grown(self._standing.nodes[number])
        if is_last:
            self._steps.blocks.closed(self._standing)


def state_of_signal(signal: Signal, where: str, name: str) -> State:
    """Make the state that a signal asks for, when something other than a body raised it.

    LOOP and PAUSE mean something in a body only, and RETRY not in a trigger, which is asked once.
    """
    if isinstance(signal, (LOOP, PAUSE)) or (isinstance(signal, RETRY) and where == "trigger"):
        can = next(can for kind, can in _BODY_ONLY.items() if isinstance(signal, kind))
        word = type(signal).__name__
        text = f"{word} was raised in a {where} of '{name}'; only a task's own body can {can}"
        return TriggerFailed(text, HandlerError(text))
    message = signal.message or f"a {where} raised {type(signal).__name__}"
    if isinstance(signal, RETRY):
        return Retrying(message, start_time=start_of(signal))
    keeps_signal = signal.result is None and not isinstance(signal, SUCCESS)
    return signal.state_class(message, signal if keeps_signal else signal.result)
