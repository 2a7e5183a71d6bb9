"""Open what has nothing left to wait for, and close what has ended: the dataflow rules.

Tells whoever drives the children (`advance`) what became true of each.
"""

from __future__ import annotations

from collections.abc import Callable

from daskloop.errors import HandlerError
from daskloop.run.fanout import open_map
from daskloop.run.progress import Happening, Ready, Settled
from daskloop.run.standing import Child, NodeStanding, Standing
from daskloop.run.turn import Announcement, Question
from daskloop.signals import LOOP, RETRY, SUCCESS, Signal
from daskloop.states import Mapped, Retrying, Skipped, State, Success, TriggerFailed
from daskloop.triggers import CountingTrigger, Tally

__all__ = ["Opening", "state_of_signal"]


class Opening:
    """Opens and closes the nodes of a run.

    Parameters
    ----------
    standing : Standing
        The nodes.
    advance : callable
        Takes a child and what happened to it.
    ask : callable
        Takes a question for a trigger of the user's.
    restore : callable
        Goes on with a child where an earlier driver of the run left it; false if it is new.
    """

    def __init__(
        self,
        standing: Standing,
        advance: Callable[[Child, Happening], None],
        ask: Callable[[Announcement | Question], None],
        restore: Callable[[Child], bool],
    ) -> None:
        self._standing = standing
        self._advance = advance
        self._ask = ask
        self._restore = restore
        self._unmapped: dict[int, Tally] = {}
        self.left = len(standing.nodes)
        """Nodes that have not closed."""

    def start(self) -> None:
        """Open every node that waits for nothing."""
        for node in self._standing.nodes:
            if not node.opened:
                self._open_if_ready(node)

    def _open_if_ready(self, node: NodeStanding) -> None:
        if node.waits_to_open or node.waits_to_close or node.opened:
            return
        node.opened = True
        if node.plan.parameter is not None:
            value = self._standing.parameters[node.plan.parameter]
            self._advance(node.child, Settled(Success("Parameter given.", value)))
        elif node.plan.mapped:
            state = open_map(self._standing, node)
            if not self._restore(node.child):
                self._advance(node.child, Settled(state))
        else:
            self._begin(node.child)

    def _begin(self, child: Child) -> None:
        """Let a child run if what came before it allows."""
        if self._restore(child):
            return
        node = child.node
        if node.plan.number not in self._unmapped:
            self._unmapped[node.plan.number] = self._standing.unmapped_tally(node)
        count = self._standing.tally_above(child, self._unmapped[node.plan.number])
        task = node.plan.task
        if task.skip_on_upstream_skip and count.skipped:
            text = "Upstream task was skipped; if this was not wanted, set skip_on_upstream_skip."
            self._advance(child, Settled(Skipped(text)))
        elif not isinstance(task.trigger, CountingTrigger):
            self._ask(Question(child, self._standing.states_above(child)))
        elif not node.plan.upstream:
            self._advance(child, Ready())
        else:
            try:
                task.trigger.judge(count)
            except Signal as signal:
                self.answered(child, state_of_signal(signal, "trigger", child.name))
            else:
                self._advance(child, Ready())

    def answered(self, child: Child, state: State | None) -> None:
        """Go on with a child whose trigger has answered."""
        self._advance(child, Ready() if state is None else Settled(state))

    def ended(self, child: Child) -> None:
        """Go on with what waited for a child that has its final state."""
        node = child.node
        if child is not node.child:
            node.running -= 1
            self._go_on_below(child)
        elif node.fanned_out and node.spread:
            self._fan_out(node)
        if child is node.child:
            self._tell_opened(node)
        if not node.running and node.child.ended and not node.closed:
            self._close(node)

    def _fan_out(self, node: NodeStanding) -> None:
        """Make the children, and let those begin whose elements are there."""
        width = min(len(found) for _, found, _ in node.spread)
        node.children = [Child(node, index) for index in range(width)]
        node.running = width
        for child in node.children:
            assert child.index is not None
            above = [origins[child.index] for _, _, origins in node.spread if origins]
            child.missing = sum(one is not None and not one.ended for one in above)
            child.continuing = any(one is not None for one in above)
        for child in node.children:
            if not child.missing and not child.ended:
                self._begin(child)

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
        state = node.state
        if isinstance(state, Mapped):
            state.map_states = [one.state for one in node.children if one.state is not None]
        for number in node.plan.downstream:
            below = self._standing.nodes[number]
            below.waits_to_close.discard(node.plan.number)
            self._open_if_ready(below)


def state_of_signal(signal: Signal, where: str, name: str) -> State:
    """Make the state that a signal asks for, when something other than a body raised it.

    LOOP means something in a body only.
    """
    if isinstance(signal, LOOP):
        text = f"LOOP was raised in a {where} of '{name}'; only a task's own body can loop"
        return TriggerFailed(text, HandlerError(text))
    message = signal.message or f"a {where} raised {type(signal).__name__}"
    if isinstance(signal, RETRY):
        return Retrying(message, start_time=signal.start_time)
    keeps_signal = signal.result is None and not isinstance(signal, SUCCESS)
    return signal.state_class(message, signal if keeps_signal else signal.result)
