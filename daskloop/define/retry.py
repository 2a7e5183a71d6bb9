"""When a failed attempt is tried again, and after how long."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from daskloop.define.limits import Duration, count, duration

__all__ = ["RetryDelay", "RetryOn", "RetryPolicy", "retry_policy"]

RetryDelay = Duration | list[Duration] | tuple[Duration, ...] | Callable[[Any], Any]
RetryOn = type[BaseException] | Collection[type[BaseException]]

MOST_RETRIES = 1_000_000
MOST_JITTER = 1_000.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, on what and after how long one iteration is tried again."""

    max_retries: int = 0
    """Attempts are one more than this, for each iteration of a loop."""
    delay: float | tuple[float, ...] | Callable[[Any], Any] = 0.0
    """Seconds; the last of several is repeated; a callable takes the number of the attempt."""
    jitter: float = 0.0
    """Up to this share is added to the delay, by chance."""
    retry_on: tuple[type[BaseException], ...] | None = None
    """Only these exceptions are retried; all of them if None."""
    retry_if: Callable[[BaseException], bool] | None = None
    """Only exceptions for which it says True are retried; all of them if None."""

    def delay_after(self, run_count: int, draw: float) -> float:
        """Tell how many seconds to wait after a failed attempt.

        Parameters
        ----------
        run_count : int
            The attempt that failed, counted from 1.
        draw : float
            A random number from 0 up to, not including, 1.

        Raises
        ------
        ValueError, TypeError
            If a callable delay raises or returns no length of time.

        Examples
        --------
        >>> RetryPolicy(max_retries=3, delay=(1.0, 2.0), jitter=0.5).delay_after(3, 0.5)
        2.5
        """
        if callable(self.delay):
            seconds = _ask(self.delay, run_count)
        elif isinstance(self.delay, tuple):
            seconds = self.delay[min(run_count, len(self.delay)) - 1]
        else:
            seconds = self.delay
        return seconds * (1 + self.jitter * draw)

    def changed(self, changes: dict[str, Any]) -> RetryPolicy:
        """Make a policy with some options replaced, for a copy of a task.

        Parameters
        ----------
        changes : dict
            Options by the names that `retry_policy` gives them. ``max_retries=0`` drops
            the others.

        Examples
        --------
        >>> RetryPolicy(max_retries=3, delay=2.0).changed({"max_retries": 5}).delay
        2.0
        """
        kept: dict[str, Any] = {}
        if changes.get("max_retries", self.max_retries):
            kept = {
                "max_retries": self.max_retries or None,
                "retry_delay": self.delay or None,
                "retry_jitter": self.jitter or None,
                "retry_on": self.retry_on,
                "retry_if": self.retry_if,
            }
        return retry_policy(**{**kept, **changes})


def retry_policy(
    max_retries: int | None = None,
    retry_delay: RetryDelay | None = None,
    retry_jitter: float | None = None,
    retry_on: RetryOn | None = None,
    retry_if: Callable[[BaseException], bool] | None = None,
) -> RetryPolicy:
    """Check what the user gave and make a `RetryPolicy` of it.

    Parameters
    ----------
    max_retries : int, optional
        How often one iteration is tried again.
    retry_delay : timedelta, float, str, list of those, or callable, optional
        How long to wait; no time at all if not given.
    retry_jitter : float, optional
        Up to this share is added to the delay, by chance.
    retry_on : exception type or several, optional
        Which exceptions are retried.
    retry_if : callable, optional
        Takes the exception and says whether it is retried.

    Raises
    ------
    TypeError, ValueError
        With a text that names the option.

    Examples
    --------
    >>> retry_policy(max_retries=2, retry_delay=["1s", "5s"]).delay
    (1.0, 5.0)
    """
    retries = 0 if max_retries is None else count(max_retries, "max_retries", 0, MOST_RETRIES)
    for name, value in (
        ("retry_delay", retry_delay),
        ("retry_jitter", retry_jitter),
        ("retry_on", retry_on),
        ("retry_if", retry_if),
    ):
        if value is not None and not retries:
            raise ValueError(
                f"{name}={value!r} was given but max_retries is {max_retries}; "
                f"give max_retries=1 or more, or leave {name} out"
            )
    if retry_if is not None and not callable(retry_if):
        raise TypeError(f"retry_if={retry_if!r}: give a callable that takes the exception")
    return RetryPolicy(
        max_retries=retries,
        delay=_delay(retry_delay),
        jitter=0.0 if retry_jitter is None else _jitter(retry_jitter),
        retry_on=None if retry_on is None else _exception_types(retry_on),
        retry_if=retry_if,
    )


def _delay(value: object) -> float | tuple[float, ...] | Callable[[Any], Any]:
    if value is None:
        return 0.0
    if isinstance(value, (list, tuple)):
        if not value:
            raise ValueError(f"retry_delay={value!r} is empty; give at least one delay")
        return tuple(duration(one, f"retry_delay[{i}]") for i, one in enumerate(value))
    if callable(value) and not isinstance(value, type):
        return value
    return duration(value, "retry_delay")


def _jitter(value: object) -> float:
    if isinstance(value, str):
        raise TypeError(f"retry_jitter={value!r}: give a share of the delay, like 0.3")
    return duration(value, "retry_jitter", longest=MOST_JITTER)


def _exception_types(value: object) -> tuple[type[BaseException], ...]:
    if isinstance(value, (list, tuple, set, frozenset)):
        types = tuple(value)
        if not types:
            raise ValueError("retry_on is empty, so nothing would be retried; leave it out")
    else:
        types = (value,)
    for one in types:
        if not isinstance(one, type):
            raise TypeError(
                f"retry_on={value!r}: {one!r} is not an exception type; "
                f"write the class, like retry_on={_class_name(one)}"
            )
        if not issubclass(one, Exception):
            raise TypeError(
                f"retry_on={value!r}: {one.__name__} is not derived from Exception, "
                "so it cannot be retried on; give types of ordinary exceptions"
            )
    return types


def _class_name(value: object) -> str:
    return type(value).__name__ if isinstance(value, BaseException) else "ConnectionError"


def _ask(delay: Callable[[Any], Any], run_count: int) -> float:
    """Ask a callable for the delay after an attempt; tenacity's wait objects are understood."""
    what = f"retry_delay={getattr(delay, '__name__', delay)!s} after attempt {run_count}"
    given: Any = run_count
    # A wait object of tenacity takes the state of the retrying, of which we have this much.
    if type(delay).__module__.partition(".")[0] == "tenacity" or hasattr(delay, "__add__"):
        given = SimpleNamespace(
            attempt_number=run_count, idle_for=0.0, seconds_since_start=0.0, outcome=None
        )
    try:
        seconds = delay(given)
    except Exception as error:  # code of the user: whatever it raises, name the option
        raise ValueError(f"{what} raised {error!r}; it must return a number of seconds") from error
    return duration(seconds, what)
