"""Make the record of a state that stands, as handlers left it."""

from __future__ import annotations

from typing import Any

from daskloop.errors import PayloadError, RemoteError
from daskloop.record.entries import LOST, Recorded
from daskloop.record.sealed import ErrorText, Held, HeldError, Sealed, seal
from daskloop.run.envelope import Entry
from daskloop.run.outcome import error_text
from daskloop.run.progress import Accepted
from daskloop.run.standing import Child
from daskloop.states import Failed, Mapped, Running, Scheduled, State, Success

__all__ = ["is_recorded", "lost", "recorded"]


def is_recorded(child: Child, state: State) -> bool:
    """Tell whether a state that stands is written down: what would not follow again by itself."""
    return child.node.plan.parameter is None and not isinstance(state, Running)


def recorded(child: Child, accepted: Accepted, value: Sealed | None, at: float) -> Recorded:
    """Put a state that stands into the form that a journal keeps.

    Parameters
    ----------
    child : Child
        Whose state it is; its progress holds the entry of the attempt, if one ended.
    accepted : Accepted
        The state, as handlers left it.
    value : Sealed or None
        The state's result, closed.
    at : float
        Seconds since the epoch.
    """
    state = accepted.state
    progress = child.progress
    entry = progress.entry or Entry("success")
    error = None
    if isinstance(state, Failed):
        error = None if _is_replaced(state, entry) else entry.error
        if error is None:  # a handler, a limit or the loss of workers made a failure of it
            error, value = _words(state), _closed(state.unopened_result, keeps_none=True)
    elif value is None and progress.entry is None and not isinstance(state, Mapped):
        value = _closed(state.unopened_result)
    return Recorded(
        child.address,
        progress.run_count,
        progress.submission,
        _name(state),
        state.message or "",
        value,
        error,
        entry.retriable,
        accepted.final,
        progress.entry is not None,
        _start(state),
        child.parts if isinstance(state, Success) else {},
        _width(child) if isinstance(state, Mapped) else None,
        entry.worker,
        entry.started,
        entry.ended,
        at,
    )


def lost(child: Child, reason: str, at: float) -> Recorded:
    """Put the loss of a worker under an attempt into the form that a journal keeps."""
    progress = child.progress
    return Recorded(
        child.address, progress.run_count, progress.submission, LOST, reason, at=at, attempted=False
    )


def _name(state: State) -> str:
    """Return the name of the state's class, or of the nearest that daskloop has."""
    known = (kind for kind in type(state).__mro__ if kind.__module__ == State.__module__)
    return next(known).__name__


def _width(child: Child) -> int:
    return min((len(elements) for _, elements, _ in child.node.spread), default=0)


def _closed(value: Any, keeps_none: bool = False) -> Sealed | None:
    """Close a value that no worker has closed; what cannot be pickled is kept in words alone."""
    if value is None and not keeps_none:
        return None
    if isinstance(value, (Held, HeldError)):
        return value.sealed
    try:
        return seal(value, "the result", 0, None, "")
    except PayloadError:
        return None


def _is_replaced(state: State, entry: Entry) -> bool:
    """Tell whether a handler has put another exception in the place of the attempt's own."""
    result = state.unopened_result
    if entry.error is None or not isinstance(result, BaseException):
        return False
    if isinstance(result, RemoteError):  # stands for the attempt's own
        return (result.class_name, result.text) != (entry.error.class_name, entry.error.text)
    own = error_text(result)
    return (own.class_name, own.text) != (entry.error.class_name, entry.error.text)


def _words(state: State) -> ErrorText:
    error = state.unopened_result
    if isinstance(error, HeldError):
        return ErrorText(error.class_name, error.text, error.traceback)
    kind = type(error)
    return ErrorText(f"{kind.__module__}.{kind.__qualname__}", state.message or "", "")


def _start(state: State) -> float | None:
    if not isinstance(state, Scheduled) or state.start_time is None:
        return None
    return state.start_time.timestamp()
