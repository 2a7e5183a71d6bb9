"""How every task of a run stands at a moment, in the words of states."""

from __future__ import annotations

from typing import Any

from daskloop.run.progress import Phase
from daskloop.run.standing import Child, NodeStanding, Standing
from daskloop.states import Mapped, Pending, Running, Scheduled, State

__all__ = ["snapshot"]


def snapshot(standing: Standing) -> dict[Any, State]:
    """Map every task to its present state, a map that has opened to those of its children.

    Notes
    -----
    Reads what the driver's thread changes: for the time between its turns.
    """
    return {node.plan.task: _of_node(node) for node in standing.nodes}


def _of_node(node: NodeStanding) -> State:
    if node.closed or not node.fanned_out:
        return _of_child(node.child)
    return Mapped(node.state.message, map_states=[_of_child(child) for child in node.children])


def _of_child(child: Child) -> State:
    progress = child.progress
    state = child.state if progress.phase is Phase.ENDED else None
    if state is not None:
        return state
    match progress.phase:
        case Phase.WAITING:
            return Pending("Waits for other tasks.")
        case Phase.READY if child.block is not None:
            state = Running(f"Iteration {progress.iteration} is under way.")
            state.loop_count = progress.iteration
        case Phase.READY:
            state = Pending("Waits for its turn.")
        case Phase.DELAYED | Phase.PAUSED:
            if isinstance(child.announced, Scheduled):
                return child.announced
            state = Scheduled("Waits to be sent again.")
        case _:
            count = progress.run_count
            state = Running("Task run is under way." if count == 1 else f"Attempt {count}.")
    if progress.begun is not None:
        state.loop_count = progress.iteration
    return state
