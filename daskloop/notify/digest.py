"""Make few messages of many events: pure, with the time as an input.

::

    event ─► hear ─► gathered by kind ── due: a moment after the first, a window after the last ─►
                                                                                          message
    the run has ended ─► one message with all that was not told yet
"""

from __future__ import annotations

from collections.abc import Iterable

from daskloop.events import (
    ChildEnded,
    ChildPaused,
    Event,
    RetryScheduled,
    RunEnded,
    RunStalled,
    RunStarted,
)
from daskloop.notify.message import Message, Told
from daskloop.notify.rules import Rules
from daskloop.plain_text import hidden, one_line

__all__ = ["Digest"]

_SOON = 2.0  # seconds in which more of a kind is waited for, before the first message of it
_DIFFERENT = 5  # different texts that a message tells
_WIDEST = 300  # columns of one of them
_HELD = 100  # different texts that are told apart

_TITLES = {
    "child-failed": "{count} failed",
    "paused": "{count} waiting for approval",
    "retries": "{count} so far",
    "stalled": "nothing moves",
}


class _Kind:
    """What happened of one kind since it was told last."""

    def __init__(self) -> None:
        self.count = 0
        self.found: dict[str, Told] = {}
        self.due: float | None = None
        self.told_at: float | None = None

    def add(self, child: str, text: str, at: float, window: float) -> None:
        """Take note of one more."""
        self.count += 1
        known = self.found.get(text)
        if known is not None:
            self.found[text] = Told(known.child, text, known.count + 1)
        elif len(self.found) < _HELD:
            self.found[text] = Told(child, text, 1)
        if self.due is None:
            soon = at + min(_SOON, window)
            self.due = soon if self.told_at is None else max(soon, self.told_at + window)

    def take(self, at: float) -> tuple[int, tuple[Told, ...], int]:
        """Return how many there were, the first few, and of how many nothing is told."""
        told = tuple(self.found.values())[:_DIFFERENT]
        taken = self.count, told, self.count - sum(one.count for one in told)
        self.count, self.found, self.due, self.told_at = 0, {}, None, at
        return taken


class Digest:
    """Gathers what happens in one run, and says when which message is to be sent.

    Parameters
    ----------
    rules : Rules
        Of what is told.
    secrets : iterable of str
        Texts that no message may hold.
    """

    def __init__(self, rules: Rules, secrets: Iterable[str] = ()) -> None:
        self._rules = rules
        # Long ones first: one may be part of another.
        self._secrets = sorted({one for one in secrets if one}, key=len, reverse=True)
        self._run = self._flow = ""
        self._kinds: dict[str, _Kind] = {}
        self._failed = self._retries = 0
        self._threshold = rules.retries
        self._is_over = True

    @property
    def next_due(self) -> float | None:
        """When the next message is due, in seconds since the epoch; None if none is."""
        return min((k.due for k in self._kinds.values() if k.due is not None), default=None)

    def hear(self, event: Event) -> list[Message]:
        """Take note of an event; return what is to be sent at once."""
        match event:
            case RunStarted():
                self._run, self._flow, self._is_over = event.run, self._safe(event.flow), False
            case ChildEnded() if event.state.is_failed() and not event.state.is_trigger_failed():
                self._failed += 1
                self._add("child-failed", event.name, event.state.message or "", event.at)
            case ChildPaused():
                self._add("paused", event.name, event.message, event.at)
            case RunStalled():
                self._add("stalled", "", event.text, event.at)
            case RetryScheduled():
                self._retried(event)
            case RunEnded():
                return self._ended(event)
        return []

    def due(self, now: float) -> list[Message]:
        """Return the messages that are due."""
        return [
            self._message(word, now)
            for word, kind in self._kinds.items()
            if kind.due is not None and kind.due <= now
        ]

    def broke_off(self, now: float) -> list[Message]:
        """Return what is to be sent of a run that gave no end of its own."""
        if self._is_over:
            return []
        self._is_over = True
        if not {"finished", "failed"} & self._rules.on:
            return self._last(now)
        title = f"run {self._run} of flow '{self._flow}' broke off"
        return [Message("failed", self._run, self._flow, title, now, *self._all_told(now))]

    def _retried(self, event: RetryScheduled) -> None:
        self._retries += 1
        if self._retries >= self._threshold:
            self._threshold *= 2
            text = f"{self._retries:,} retries in the run, the last one: {event.message}"
            self._add("retries", event.name, text, event.at)

    def _add(self, word: str, child: str, text: str, at: float) -> None:
        if word in self._rules.on:
            kind = self._kinds.setdefault(word, _Kind())
            kind.add(self._safe(child, 100), self._safe(text, _WIDEST), at, self._rules.window)

    def _message(self, word: str, now: float) -> Message:
        count, told, left_out = self._kinds[word].take(now)
        said = self._retries if word == "retries" else count
        nouns = {"retries": ("retry", "retries")}.get(word, ("task", "tasks"))
        what = _TITLES[word].format(count=f"{said:,} {nouns[said != 1]}")
        title = f"run {self._run} of flow '{self._flow}': {what}"
        return Message(word, self._run, self._flow, title, now, told, left_out)

    def _ended(self, event: RunEnded) -> list[Message]:
        self._is_over = True
        failed = event.state.is_failed()
        word = "failed" if failed else "finished"
        if word not in self._rules.on and "finished" not in self._rules.on:
            return self._last(event.at)
        state = type(event.state).__name__
        counts = {
            "state": state,
            "seconds": round(event.seconds, 3),
            "failed": self._failed,
            "iterations": event.iterations,
            "retries": event.retries,
            "losses": event.losses,
        }
        also = f", {self._failed:,} failed" if self._failed else ""
        title = (
            f"run {event.run} of flow '{self._flow}' ended: {state} in {event.seconds:.3g} s, "
            f"{event.iterations:,} iterations, {event.retries:,} retries{also}"
        )
        told = self._all_told(event.at)
        return [Message(word, event.run, self._flow, title, event.at, *told, counts)]

    def _last(self, now: float) -> list[Message]:
        """Return what was gathered and is not told yet, though its time has not come."""
        return [self._message(word, now) for word, kind in self._kinds.items() if kind.count]

    def _all_told(self, now: float) -> tuple[tuple[Told, ...], int]:
        """Take what failed and is not told yet; who waited or was slow matters no more."""
        kind = self._kinds.get("child-failed")
        if kind is None:
            return (), 0
        _, told, left_out = kind.take(now)
        return told, left_out

    def _safe(self, text: str, width: int = 200) -> str:
        # Secrets first: once a text is cut, half of one may be left.
        return one_line(hidden(str(text), self._secrets), width)
