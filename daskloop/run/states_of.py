"""Say as a state what an entry says as data."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from daskloop import states
from daskloop.deferred import Deferred
from daskloop.define.limits import duration
from daskloop.record.metrics import reported
from daskloop.record.sealed import ErrorText, Held, HeldError, Sealed
from daskloop.record.store import PayloadStore
from daskloop.run.envelope import Entry
from daskloop.run.progress import Progress
from daskloop.signals import Waiting

__all__ = ["ended_well", "hold", "hold_error", "moment_of", "start_of", "state_of"]

_CLASSES: dict[str, type[states.State]] = {
    "success": states.Success,
    "cached": states.Cached,
    "skipped": states.Skipped,
    "failed": states.Failed,
    "timed_out": states.TimedOut,
    "trigger_failed": states.TriggerFailed,
}


def state_of(entry: Entry, progress: Progress, store: PayloadStore | None) -> states.State:
    """Make the state that an ended attempt proposes.

    Parameters
    ----------
    entry : Entry
        How the attempt ended.
    progress : Progress
        How far the child had come.
    store : PayloadStore or None
        Where a large value lies; it is read only if somebody asks for `state.result`.
    """
    ended = _CLASSES.get(entry.kind)
    if ended is not None:
        return ended(entry.message, _result(entry, store))
    if entry.kind == "retry":
        start = moment_of(entry.start_time)
        return states.Retrying(entry.message, start_time=start, run_count=progress.run_count + 1)
    result = _result(entry, store)
    if entry.kind == "paused":
        paused = states.Paused(entry.message, result, start_time=moment_of(entry.start_time))
        paused.loop_count = progress.iteration
        return paused
    if entry.kind != "looped":
        raise ValueError(f"an entry of the kind {entry.kind!r} proposes no state")
    told = reported(entry.parts)
    metric = None if told is None else told.metric
    return states.Looped(entry.message, result, loop_count=progress.iteration, metric=metric)


def ended_well(state: states.State) -> bool:
    """Tell whether the iteration that a final state ended is done, as those before it are."""
    return isinstance(state, states.Success) and not isinstance(state, states.Skipped)


def _result(entry: Entry, store: PayloadStore | None) -> Deferred | None:
    if entry.error is not None:
        return hold_error(entry.error, entry.value, store)
    return None if entry.value is None else hold(entry.value, store)


def hold(value: Sealed, store: PayloadStore | None) -> Sealed | Held:
    """Hold a value; only one that lies in the store keeps a temporary store from going."""
    return value if value.name is None else Held(value, store)


def hold_error(error: ErrorText, value: Sealed | None, store: PayloadStore | None) -> HeldError:
    """Hold an exception: its words, and the object where it travelled."""
    needed = None if value is None or value.name is None else store
    return HeldError(value, needed, error.class_name, error.text, error.traceback)


def start_of(signal: Waiting) -> datetime | None:
    """Return when a task that asked to wait goes on; None for at once.

    Raises
    ------
    TypeError, ValueError
        If `after` is no length of time.
    """
    if signal.after is None:
        return signal.start_time
    seconds = duration(signal.after, f"{type(signal).__name__}(after=...)")
    return datetime.now(timezone.utc) + timedelta(seconds=seconds)


def moment_of(seconds: float | None) -> datetime | None:
    """Turn seconds since the epoch into a datetime in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
