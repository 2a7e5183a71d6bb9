"""Make the record of an ended attempt, as handlers left it."""

from __future__ import annotations

from daskloop.keys import Address
from daskloop.record.journal import Recorded
from daskloop.record.sealed import Sealed
from daskloop.run.envelope import Entry
from daskloop.run.progress import Progress
from daskloop.states import State

__all__ = ["recorded"]


def recorded(
    address: Address, progress: Progress, state: State, entry: Entry, value: Sealed | None
) -> Recorded:
    """Put an ended attempt into the form that a journal keeps.

    Parameters
    ----------
    address : Address
        Where the iteration is.
    progress : Progress
        How far the child had come.
    state : State
        The state that stands.
    entry : Entry
        How the attempt ended.
    value : Sealed or None
        The state's result, closed.
    """
    error = ""
    if state.is_failed():
        if entry.error is not None:
            error = f"{entry.error.class_name}: {entry.error.text}"
        else:  # a handler made a failure of it
            error = f"{type(state.unopened_result).__name__}: {state.message}"
            value = None
    return Recorded(
        address,
        progress.run_count,
        progress.submission,
        type(state).__name__,
        state.message or "",
        value,
        error,
        entry.worker,
        entry.started,
        entry.ended,
    )
