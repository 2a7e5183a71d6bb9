"""Say as a state what an entry says as data."""

from __future__ import annotations

from datetime import datetime, timezone

from daskloop import states
from daskloop.record.sealed import Held, HeldError, Sealed
from daskloop.record.store import PayloadStore
from daskloop.run.envelope import Entry
from daskloop.run.progress import Progress

__all__ = ["hold", "moment_of", "state_of"]

_CLASSES: dict[str, type[states.State]] = {
    "success": states.Success,
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
    if entry.kind == "retry":
        start = moment_of(entry.start_time)
        return states.Retrying(entry.message, start_time=start, run_count=progress.run_count + 1)
    result = _result(entry, store)
    if entry.kind == "looped":
        return states.Looped(entry.message, result, loop_count=progress.iteration)
    return _CLASSES[entry.kind](entry.message, result)


def _result(entry: Entry, store: PayloadStore | None) -> Held | HeldError | None:
    if entry.error is not None:
        error = entry.error
        needed = None if entry.value is None else hold(entry.value, store).store
        return HeldError(entry.value, needed, error.class_name, error.text, error.traceback)
    return None if entry.value is None else hold(entry.value, store)


def hold(value: Sealed, store: PayloadStore | None) -> Held:
    """Hold a value; only one that lies in the store keeps a temporary store from going."""
    return Held(value, None if value.name is None else store)


def moment_of(seconds: float | None) -> datetime | None:
    """Turn seconds since the epoch into a datetime in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
