"""Say how the flow ended, by its reference tasks."""

from __future__ import annotations

from collections.abc import Sequence

from daskloop.run.standing import NodeStanding, Standing
from daskloop.run.tolerating import tolerates
from daskloop.states import Cancelled, Failed, Mapped, State, Success
from daskloop.states_by_task import StatesByTask

__all__ = ["verdict"]


def verdict(standing: Standing, stopping: str | None) -> State:
    """Make the flow's state.

    Parameters
    ----------
    standing : Standing
        A run in which every node has closed.
    stopping : str or None
        Why the run was stopped, if it was.

    Returns
    -------
    State
        Its result maps every task of the flow to its state.
    """
    results = StatesByTask((node.plan.task, node.state) for node in standing.nodes)
    judged: list[State] = []
    for number in standing.plan.reference:
        node = standing.nodes[number]
        judged.append(node.state)
        for loop in node.loops:  # what comes from a loop is as good as the loop
            judged += [loop.state, *_children_of(loop)]
        judged += _children_of(node)
    if stopping is not None and any(state.is_cancelled() for state in judged):
        return Cancelled(f"The run was stopped: {stopping}", results)
    if any(state.is_failed() or state.is_cancelled() for state in judged):
        return Failed("Some reference tasks failed.", results)
    return Success("All reference tasks succeeded.", results)


def _children_of(node: NodeStanding) -> Sequence[State]:
    """List the states of a map's children, unless their failures are tolerated."""
    if isinstance(node.state, Mapped) and not tolerates(node):
        return node.state.map_states
    return ()
