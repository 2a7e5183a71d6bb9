"""A state that stands, as what happened to its child."""

from __future__ import annotations

from daskloop.record.sealed import Sealed
from daskloop.run.progress import Accepted
from daskloop.run.standing import Child
from daskloop.states import Looped, Running, State

__all__ = ["accepted"]


def accepted(child: Child, state: State, final: bool, changed: Sealed | None = None) -> Accepted:
    """Make the happening of a state that stands; the child takes the attempt's value on.

    Parameters
    ----------
    child : Child
        Whose state it is.
    state : State
        The state, as handlers left it.
    final : bool
        True if a failure must not be retried.
    changed : Sealed, optional
        Its result, if a handler changed it.
    """
    entry = child.progress.entry
    if isinstance(state, Looped):
        state.loop_count = child.progress.iteration  # whatever a handler has made it
    value = changed
    if entry is not None and changed is None:
        value = child.value = entry.value
        child.parts = entry.parts
    # Running in the place of a wait for the next attempt: the one before has ended, and was sent.
    waits = isinstance(state, Running) and not isinstance(child.announced, Running)
    began = entry is not None or (child.progress.begun is not None and not waits)
    return Accepted(state, value, final, began)
