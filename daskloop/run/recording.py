"""Make the record of a state that stands, as handlers left it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daskloop.deferred import Deferred
from daskloop.errors import PayloadError, RemoteError
from daskloop.record.entries import APPROVED, LOST, Recorded
from daskloop.record.names_of_children import as_parts
from daskloop.record.sealed import ErrorText, HeldError, Sealed, closed, seal
from daskloop.run.envelope import Ahead, Entry
from daskloop.run.error_words import error_text, message_text
from daskloop.run.progress import Accepted, Progress
from daskloop.run.standing import Child
from daskloop.states import Failed, Looped, Mapped, Running, Scheduled, State, Success

__all__ = ["approved", "is_recorded", "lost", "ran_ahead", "recorded"]


def is_recorded(child: Child, progress: Progress, state: State, stopping: str | None) -> bool:
    """Tell whether a state that stands is written down: what would not follow again by itself.

    What follows without an attempt while the run is being stopped may follow from that alone.
    """
    if child.node.plan.parameter is not None or isinstance(state, Running):
        return False
    return progress.entry is not None or stopping is None


def recorded(
    child: Child, progress: Progress, accepted: Accepted, at: float, ends: bool = False
) -> Recorded:
    """Put a state that stands into the form that a journal keeps.

    Parameters
    ----------
    child : Child
        Whose state it is.
    progress : Progress
        How far it had come; holds the entry of the attempt, if one ended.
    accepted : Accepted
        The state, as handlers left it.
    at : float
        Seconds since the epoch.
    ends : bool
        True if it is the child's last. A failure stays one then, although more retries may be
        allowed when the run is resumed: what followed from it has been recorded too.
    """
    state, value = accepted.state, accepted.value
    entry = progress.entry or Entry("success")
    error = None
    if isinstance(state, Failed):
        error = None if _is_replaced(state, entry) else entry.error
        if error is None:  # a handler, a limit or the loss of workers made a failure of it
            error, value = _words(state), _closed(state.unopened_result, keeps_none=True)
    elif value is None and progress.entry is None and not isinstance(state, Mapped):
        value = _closed(state.unopened_result)
    return Recorded(
        child.address_at(progress.iteration),
        progress.run_count,
        progress.submission,
        _name(state),
        message_text(state.message),
        value,
        error,
        entry.retriable,
        accepted.final or ends,
        progress.entry is not None,
        _start(state, entry),
        entry.parts if isinstance(state, Looped) else _parts(child, state),
        _width(child) if isinstance(state, Mapped) else None,
        entry.worker,
        entry.started,
        entry.ended,
        at,
    )


def ran_ahead(child: Child, ahead: Ahead, worker: str, at: float) -> Recorded:
    """Put iterations that went on in one future into one record; the child has not moved yet."""
    progress = child.progress
    single = ahead.iterations == 1
    return Recorded(
        child.address_at(progress.iteration + ahead.iterations - 1),
        progress.run_count if single else 1,
        progress.submission if single else progress.since,
        Looped.__name__,
        ahead.messages[-1],
        ahead.payload,
        worker=worker,
        started=ahead.started,
        ended=ahead.ended,
        at=at,
        stretch=ahead.packed,
    )


def lost(child: Child, reason: str, at: float) -> Recorded:
    """Put the loss of a worker under an attempt into the form that a journal keeps."""
    progress = child.progress
    return Recorded(
        child.address, progress.run_count, progress.submission, LOST, reason, at=at, attempted=False
    )


def approved(child: Child, payload: Sealed | None, at: float) -> Recorded:
    """Put into the form that a journal keeps that somebody lets a paused child go on."""
    progress = child.progress
    numbers = progress.run_count, progress.submission
    return Recorded(child.address, *numbers, APPROVED, "", payload, attempted=False, at=at)


def _name(state: State) -> str:
    """Return the name of the state's class, or of the nearest that daskloop has."""
    known = (kind for kind in type(state).__mro__ if kind.__module__ == State.__module__)
    return next(known).__name__


def _parts(child: Child, state: State) -> Mapping[int, tuple[Sealed, ...] | str]:
    if isinstance(state, Mapped):
        return as_parts(child.node.names)
    return child.parts if isinstance(state, Success) else {}


def _width(child: Child) -> int:
    return min((len(elements) for _, elements, _ in child.node.spread), default=0)


def _closed(value: Any, keeps_none: bool = False) -> Sealed | None:
    """Close a value that no worker has closed; what cannot be pickled is kept in words alone."""
    if value is None and not keeps_none:
        return None
    if isinstance(value, Deferred):
        return closed(value)
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


def _start(state: State, entry: Entry) -> float | None:
    if isinstance(state, Looped):
        return entry.start_time
    if not isinstance(state, Scheduled) or state.start_time is None:
        return None
    return state.start_time.timestamp()
