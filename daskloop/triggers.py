"""When a task runs, given how the tasks before it ended.

A trigger is any callable that takes ``{Edge: State}`` and returns True, returns False, or
raises a signal. The ones here only count, so the engine can judge a map of many children
from the totals without building the dictionary; a `Mapped` state counts as its children.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from daskloop import states
from daskloop.signals import SKIP, TRIGGERFAIL

__all__ = [
    "CountingTrigger",
    "Tally",
    "all_failed",
    "all_finished",
    "all_successful",
    "always_run",
    "any_failed",
    "any_successful",
    "not_all_skipped",
    "some_failed",
    "some_successful",
    "tally",
]


@dataclass(frozen=True, slots=True)
class Tally:
    """How the upstream tasks ended, `Mapped` ones counted by their children."""

    total: int = 0
    successful: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.total + other.total,
            self.successful + other.successful,
            self.failed + other.failed,
            self.skipped + other.skipped,
        )


def tally(upstream: Iterable[states.State]) -> Tally:
    """Count how upstream states ended.

    Examples
    --------
    >>> tally([states.Success(), states.Mapped(map_states=[states.Failed(), states.Skipped()])])
    Tally(total=3, successful=2, failed=1, skipped=1)
    """
    total = successful = failed = skipped = 0
    pending = list(upstream)
    for state in pending:
        if isinstance(state, states.Mapped):
            pending.extend(state.map_states)
            continue
        total += 1
        successful += state.is_successful()
        # A cancelled task did not do its work: what needs that work cannot run.
        failed += state.is_failed() or state.is_cancelled()
        skipped += state.is_skipped()
    return Tally(total, successful, failed, skipped)


class CountingTrigger:
    """A trigger that is decided by a `Tally`.

    Parameters
    ----------
    name : str
        How the trigger is called in messages.
    judge : callable
        Takes a `Tally`, returns what is wrong, or None if the task may run.
    """

    __slots__ = ("__name__", "_judge")

    def __init__(self, name: str, judge: Callable[[Tally], str | None]) -> None:
        self.__name__ = name
        self._judge = judge

    def __repr__(self) -> str:
        return f"<trigger {self.__name__}>"

    def __call__(self, upstream_states: Mapping[Any, states.State]) -> bool:
        """Judge upstream states as any other trigger would.

        Raises
        ------
        TRIGGERFAIL, SKIP
            If the task may not run.
        """
        return self.judge(tally(upstream_states.values()))

    def judge(self, count: Tally) -> bool:
        """Return True, or raise the signal that says why the task may not run."""
        wrong = self._judge(count)
        if wrong is None:
            return True
        if wrong == _ALL_SKIPPED:
            raise SKIP(wrong)
        raise TRIGGERFAIL(f"Trigger was '{self.__name__}' but {wrong}.")


_ALL_SKIPPED = "all of the upstream tasks were skipped"


def _all_successful(t: Tally) -> str | None:
    return None if t.successful == t.total else "some of the upstream tasks failed"


def _all_failed(t: Tally) -> str | None:
    return None if t.failed == t.total else "some of the upstream tasks succeeded"


def _any_successful(t: Tally) -> str | None:
    return None if t.successful else "none of the upstream tasks succeeded"


def _any_failed(t: Tally) -> str | None:
    return None if t.failed else "none of the upstream tasks failed"


def _not_all_skipped(t: Tally) -> str | None:
    if t.skipped == t.total:
        return _ALL_SKIPPED
    return _all_successful(t)


all_successful = CountingTrigger("all_successful", _all_successful)
all_failed = CountingTrigger("all_failed", _all_failed)
any_successful = CountingTrigger("any_successful", _any_successful)
any_failed = CountingTrigger("any_failed", _any_failed)
all_finished = CountingTrigger("all_finished", lambda t: None)
always_run = all_finished
not_all_skipped = CountingTrigger("not_all_skipped", _not_all_skipped)


def some_failed(
    at_least: int | float | None = None, at_most: int | float | None = None
) -> CountingTrigger:
    """Run if the number of failed upstream tasks lies between two bounds.

    Parameters
    ----------
    at_least, at_most : int or float, optional
        Bounds, both included; a float below 1 (or exactly 1.0) is a share of all upstream tasks.

    Examples
    --------
    >>> some_failed(at_least=1).judge(Tally(total=3, successful=2, failed=1))
    True
    """
    return _some("some_failed", "failed", at_least, at_most)


def some_successful(
    at_least: int | float | None = None, at_most: int | float | None = None
) -> CountingTrigger:
    """Run if the number of successful upstream tasks lies between two bounds.

    Parameters
    ----------
    at_least, at_most : int or float, optional
        Bounds, both included; a float below 1 (or exactly 1.0) is a share of all upstream tasks.
    """
    return _some("some_successful", "successful", at_least, at_most)


def _some(
    name: str, field: str, at_least: int | float | None, at_most: int | float | None
) -> CountingTrigger:
    for label, bound in (("at_least", at_least), ("at_most", at_most)):
        number = isinstance(bound, (int, float)) and not isinstance(bound, bool)
        if bound is not None and not (number and bound >= 0):
            raise ValueError(f"{name}({label}={bound!r}): give a number of 0 or more")

    def judge(t: Tally) -> str | None:
        count = getattr(t, field)
        low = 0 if at_least is None else _bound(at_least, t.total)
        high = t.total if at_most is None else _bound(at_most, t.total)
        # Over nothing at all there is no "some".
        if t.total and low <= count <= high:
            return None
        return f"{count} of {t.total} upstream tasks {field} (bounds: {at_least}, {at_most})"

    return CountingTrigger(name, judge)


def _bound(bound: int | float, total: int) -> float:
    return bound * total if isinstance(bound, float) and bound <= 1 else bound
