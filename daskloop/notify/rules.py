"""Of what a notifier tells, and how often at most: checked when it is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from daskloop.define.limits import Duration, count, duration

__all__ = ["EVENTS", "USUAL", "Rules", "rules"]

EVENTS = {
    "finished": "the run has ended, in whatever way",
    "failed": "the run has failed",
    "child-failed": "a task, or a child of a map, has failed for good",
    "paused": "a task waits for approval",
    "retries": "there were as many retries as `retries` says; then twice as many, and so on",
    "stalled": "nothing in the run has moved for a while",
}
"""What can be told of."""

USUAL = ("finished", "child-failed", "paused", "stalled")


@dataclass(frozen=True, slots=True)
class Rules:
    """Of what a notifier tells, and how often at most."""

    on: frozenset[str] = frozenset(USUAL)
    """Words of `EVENTS`."""
    window: float = 300.0
    """Seconds between two messages of the same kind: what happens meanwhile becomes one."""
    retries: int = 100
    """Retries in a run that are worth a message, if `on` names them."""


def rules(on: Iterable[str], window: Duration, retries: int) -> Rules:
    """Check what the user gave and make `Rules` of it.

    Raises
    ------
    TypeError, ValueError
        If a word is none of `EVENTS`, or a value makes no sense.

    Examples
    --------
    >>> rules(["failed"], "1m", 10).window
    60.0
    """
    if isinstance(on, str) or not isinstance(on, Iterable):
        raise TypeError(f"on={on!r}: give several of {', '.join(EVENTS)}, like on=('failed',)")
    words = frozenset(on)
    for word in sorted(words - EVENTS.keys(), key=repr):
        raise ValueError(f"on=({word!r},): there is no such event. There are {', '.join(EVENTS)}")
    if not words:
        raise ValueError(f"on={on!r} names nothing to tell of. There are {', '.join(EVENTS)}")
    return Rules(words, duration(window, "window"), count(retries, "retries", 1, 2**40))
