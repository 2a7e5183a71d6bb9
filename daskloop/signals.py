"""What task code raises to say how it ends.

Signals derive from `BaseException`, so that ``except Exception`` in user code does not
swallow them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from daskloop import states

__all__ = ["FAIL", "LOOP", "PAUSE", "RETRY", "SKIP", "SUCCESS", "TRIGGERFAIL", "Signal", "Waiting"]


NOTHING: tuple[Any, ...] = ()
"""What most signals emit."""


class Signal(BaseException):
    """Base of the signals.

    Parameters
    ----------
    message : str, optional
        Becomes the message of the state.
    result : Any, optional
        Becomes the result of the state.
    """

    state_class: type[states.State] = states.State

    def __init__(self, message: str | None = None, result: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (), self.__dict__

    def __str__(self) -> str:
        return self.message or ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"


class Emitting(Signal):
    """A signal that may emit items, for the tasks that are mapped over ``emitted(...)``.

    Parameters
    ----------
    message, result : optional
        Of the state.
    emit : Any, optional
        An item.
    emit_all : iterable, optional
        Several items.
    """

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        emit: Any = ...,
        emit_all: Iterable[Any] = NOTHING,
    ) -> None:
        super().__init__(message, result)
        self.emit = emit
        self.emit_all = emit_all

    def items(self) -> list[Any]:
        """List what is emitted.

        Raises
        ------
        TypeError
            If `emit_all` cannot be gone through.
        """
        if self.emit is ... and self.emit_all is NOTHING:
            return []
        try:
            more = list(self.emit_all)
        except TypeError:
            raise TypeError(
                f"emit_all={self.emit_all!r:.100}: give a list of items, or one item as emit="
            ) from None
        return more if self.emit is ... else [self.emit, *more]


class LOOP(Emitting):
    """End this iteration and start the next with `result` as its payload.

    Parameters
    ----------
    message : str, optional
        Of the `Looped` state.
    result : Any, optional
        The payload.
    after : timedelta, float or str, optional
        In how long the next iteration begins: seconds, or a text like ``"30s"``. Until then the
        loop holds no worker. If not given, at once.
    metric : float, optional
        How good the iteration was, as a number: see the options `until`, `patience` and `losers`.
    emit : Any, optional
        An item for the tasks that are mapped over ``emitted(...)`` of this one.
    emit_all : iterable, optional
        Several such items.

    Examples
    --------
    >>> raise LOOP(message="page 3", result={"page": 4})  # doctest: +SKIP
    """

    state_class = states.Looped

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        after: timedelta | float | str | None = None,
        metric: float | None = None,
        emit: Any = ...,
        emit_all: Iterable[Any] = NOTHING,
    ) -> None:
        super().__init__(message, result, emit, emit_all)
        self.after = after
        self.metric = metric

    def __str__(self) -> str:
        said = f"{self.message} " if self.message else ""
        return (
            f"{said}(LOOP only has meaning inside a task that a flow runs; "
            "task.run() is the plain function and ends after one iteration)"
        )


class SKIP(Signal):
    """End the task as `Skipped`; what depends on it is skipped too."""

    state_class = states.Skipped


class SUCCESS(Emitting):
    """End the task, or the loop, as `Success` with `result`.

    Parameters
    ----------
    message, result : optional
        Of the state.
    emit, emit_all : optional
        As for `LOOP`.
    """

    state_class = states.Success


class FAIL(Signal):
    """End the attempt as `Failed`; it is retried if retries are left."""

    state_class = states.Failed


class TRIGGERFAIL(Signal):
    """Raised by triggers: the condition for the task to run was not met."""

    state_class = states.TriggerFailed


class Waiting(Signal):
    """A signal that may say when the task goes on: at a point in time, or after a while."""

    _neither = ""
    """What is meant by neither, for the error."""

    def __init__(
        self,
        message: str | None = None,
        result: Any = None,
        start_time: datetime | None = None,
        after: timedelta | float | str | None = None,
    ) -> None:
        super().__init__(message, result)
        if start_time is not None and after is not None:
            raise TypeError(
                f"{type(self).__name__}(start_time={start_time!r}, after={after!r}): give one of "
                f"them, or none to {self._neither}"
            )
        if start_time is not None and not isinstance(start_time, datetime):
            raise TypeError(
                f"{type(self).__name__}(start_time={start_time!r:.100}): a datetime is needed; for "
                'a length of time from now give after=, such as after="30s"'
            )
        self.start_time = start_time
        self.after = after


class PAUSE(Waiting):
    """Wait for somebody's approval, on no worker; then the same iteration is tried again.

    Parameters
    ----------
    message : str, optional
        What is to be approved.
    result : Any, optional
        Something to look at before that is decided.
    start_time : datetime, optional
        When to go on without an approval. A naive datetime is taken as local time.
    after : timedelta, float or str, optional
        The same, as a length of time from now, like ``"1h"``.

    Raises
    ------
    TypeError
        If both `start_time` and `after` are given, or `start_time` is no datetime.

    Notes
    -----
    The attempt that follows finds ``daskloop.context["resume"]`` to be true, and so can tell that
    it need not ask again.

    Examples
    --------
    >>> raise PAUSE("deploy to production?", after="1h")  # doctest: +SKIP
    """

    state_class = states.Paused

    _neither = "wait until somebody approves"


class RETRY(Waiting):
    """Try the same iteration again, whatever the retry budget.

    Parameters
    ----------
    start_time : datetime, optional
        When to try again; at once if not given. A naive datetime is taken as local time.
    after : timedelta, float or str, optional
        The same, as a length of time from now, like ``"30s"``: what a server asks for with
        ``Retry-After``.

    Raises
    ------
    TypeError
        If both `start_time` and `after` are given, or `start_time` is no datetime.
    """

    state_class = states.Retrying

    _neither = "try again at once"
