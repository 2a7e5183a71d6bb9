"""The errors that daskloop itself raises or records, one class for each kind of trouble."""

from __future__ import annotations

__all__ = [
    "DaskloopError",
    "FailedTask",
    "HandlerError",
    "IterationFailed",
    "JournalError",
    "LoopLimit",
    "MapError",
    "PayloadError",
    "Rejected",
    "RemoteError",
    "RemoteTraceback",
    "ResultError",
    "ResumeError",
    "RunLocked",
    "RunStopped",
    "StoreError",
    "TaskTimeout",
    "UnusableResult",
    "WorkerLost",
]


class DaskloopError(Exception):
    """Base of every error that daskloop raises or records on its own account."""


class PayloadError(DaskloopError, TypeError):
    """A function, argument, payload or result that cannot travel between processes."""


class MapError(DaskloopError, TypeError):
    """Something that cannot be mapped over, or whose lengths do not fit."""


class HandlerError(DaskloopError):
    """A state handler, hook or trigger that raised, or misused a signal."""


class LoopLimit(DaskloopError):
    """A loop that reached `max_loops` or `max_time`."""


class TaskTimeout(DaskloopError, TimeoutError):
    """An attempt that ran longer than the task's `timeout`."""


class IterationFailed(DaskloopError):
    """A task in the body of a loop flow that failed; names it, with its iteration."""


class WorkerLost(DaskloopError):
    """A worker that went away while it executed an attempt."""


class StoreError(DaskloopError, OSError):
    """A payload store that cannot be written to or read from."""

    def __str__(self) -> str:
        # Other than files, buckets have no numbers for what is wrong.
        if self.errno is None and self.strerror:
            return f"{self.strerror}: {self.filename!r}"
        return super().__str__()


class ResultError(DaskloopError):
    """A target, a kept result or a cache that cannot be read, written or told from others."""


class UnusableResult(ResultError, PayloadError):
    """A kept value that cannot be taken; like what cannot travel, it is never tried again."""


class JournalError(DaskloopError):
    """A journal that cannot be read or written."""


class RunLocked(JournalError):
    """A run that another process drives, or has taken over."""


class ResumeError(DaskloopError):
    """A run that cannot be continued as it was asked for."""


class Rejected(DaskloopError):
    """Somebody said no to a task that waited for an approval."""


class RunStopped(DaskloopError):
    """A run that was cancelled, or that lost its cluster, before this task ended."""


class RemoteError(DaskloopError):
    """Stands in for an exception that cannot be rebuilt where it is read.

    Parameters
    ----------
    class_name : str
        Qualified name of the original class.
    text : str
        What the original said, guarded and cut to a readable length.
    """

    def __init__(self, class_name: str, text: str) -> None:
        super().__init__(class_name, text)
        self.class_name = class_name
        self.text = text

    def __str__(self) -> str:
        return f"{self.class_name}: {self.text}"


class RemoteTraceback(DaskloopError):
    """The text of a traceback from a worker, shown as the cause of the error it belongs to."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n\n{self.text}"


class FailedTask(DaskloopError):
    """Names the task, child and iteration whose exception is raised from it."""
