"""States that a run is to start from, in the form in which a journal would have kept them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from daskloop import states
from daskloop.define.task import Task
from daskloop.keys import Place
from daskloop.plan.plan import Plan
from daskloop.record.entries import Recorded
from daskloop.record.names_of_children import as_parts
from daskloop.record.sealed import closed
from daskloop.run.closing import Closing
from daskloop.run.error_words import message_text
from daskloop.run.folding import Folded
from daskloop.run.progress import Accepted
from daskloop.run.recording import recorded
from daskloop.run.standing import Child, NodeStanding, Standing
from daskloop.states import State

__all__ = ["check_states", "records_of"]


def check_states(plan: Plan, given: Mapping[Task, State] | None) -> None:
    """Refuse states that no task of the flow can start from.

    Raises
    ------
    TypeError, ValueError
        Naming the task and what was given.
    """
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise TypeError(f"flow.run(task_states={given!r:.100}): give a dict of tasks and states")
    known = {node.task: node for node in plan.nodes if node.parameter is None}
    for task, state in given.items():
        if task not in known:
            raise ValueError(
                f"flow.run(task_states=...) has a state for {task!r}, which is no task of flow "
                f"'{plan.flow_name}'. The keys are what calling tasks in the flow returned; "
                "parameters are given their values"
            )
        if not isinstance(state, State):
            raise TypeError(
                f"flow.run(task_states=...) has {state!r:.100} for {task!r}: no "
                "state. Give one, like Success(result=...)"
            )
        if isinstance(state, states.Mapped) and not known[task].mapped:
            raise ValueError(
                f"flow.run(task_states=...) has {state!r} for '{known[task].name}', which is not "
                "mapped in this flow. Give the state of one task, like Success(result=...)"
            )


def records_of(
    plan: Plan, given: Mapping[Task, State], closing: Closing, now: float
) -> tuple[Recorded, ...]:
    """Put states into the form of records.

    A task that succeeded is not run again; a loop that failed, or looped, goes on where it was,
    with its payload; what failed otherwise is run anew, and needs no record.

    Parameters
    ----------
    plan : Plan
        The flow.
    given : mapping
        A state for some of its tasks.
    closing : Closing
        Closes results and payloads.
    now : float
        Seconds since the epoch.
    """
    found: list[Recorded] = []
    nodes = Standing(plan, {}).nodes
    for node in plan.nodes:
        state = given.get(node.task)
        # What is computed where it is taken follows from the states above it.
        if state is None or node.parameter is not None or isinstance(state.unopened_result, Folded):
            continue
        if not isinstance(state, states.Mapped):
            found += _of_child(nodes[node.number], None, state, closing, now)
            continue
        place = (Place(node.slug, None, 1),)
        width = len(state.map_states)
        message = message_text(state.message)
        named = as_parts(state.map_names or None)
        found.append(
            Recorded(
                place, 1, 0, "Mapped", message, width=width, attempted=False, parts=named, at=now
            )
        )
        for index, one in enumerate(state.map_states):
            found += _of_child(nodes[node.number], index, one, closing, now)
    return tuple(found)


def _of_child(
    node: NodeStanding, index: int | None, state: State, closing: Closing, now: float
) -> Iterator[Recorded]:
    child = Child(node, index)
    if state.is_successful():
        value, child.parts = closing.close_result(child, state)
        yield recorded(child, child.progress, Accepted(state, value, final=True), now)
        return
    done = _last_iteration(state)
    if done is None:
        return
    count, payload = done
    what = f"the payload of iteration {count} of '{child.name}'"
    sealed = closed(payload) or closing.close(payload, what)
    message = message_text(state.loop_messages[-1] if state.loop_messages else state.message)
    place = (Place(node.plan.slug, index, count),)
    yield Recorded(place, 1, 0, "Looped", message, sealed, at=now)


def _last_iteration(state: State) -> tuple[int, Any] | None:
    """Return the last iteration that ended well, and its payload."""
    if isinstance(state, states.Looped) and state.loop_count:
        return state.loop_count, state.unopened_result
    if state.is_failed() or state.is_cancelled():
        count = state.loop_count or 1
        if count > 1:
            return count - 1, state.loop_payload
    return None
