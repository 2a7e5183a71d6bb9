"""What is sent: one message, for people as a text and for programs as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

__all__ = ["Message", "Told"]


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened to one or several children, with the same text."""

    child: str
    """The first of them."""
    text: str
    count: int
    """How many they are."""

    def line(self) -> str:
        """Say it in one line."""
        others = f" and {self.count - 1:,} more" if self.count > 1 else ""
        return f"{self.child}{others}: {self.text}"


@dataclass(frozen=True, slots=True)
class Message:
    """One message; all its texts are short, and without secrets."""

    event: str
    """Why it is sent, one of the words of `Rules.on`."""
    run: str
    flow: str
    title: str
    at: float
    """Seconds since the epoch."""
    told: tuple[Told, ...] = ()
    """The first few different texts."""
    left_out: int = 0
    """Of how many children nothing is told."""
    counts: Mapping[str, Any] | None = None
    """Of a run that ended: its state, iterations, retries ..."""

    def lines(self) -> list[str]:
        """Say it in a title and a line for each thing that is told."""
        found = [self.title, *(f"• {one.line()}" for one in self.told)]
        if self.left_out:
            found.append(f"… and {self.left_out:,} more")
        return found

    def plain(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "event": self.event,
            "run": self.run,
            "flow": self.flow,
            "at": datetime.fromtimestamp(self.at, timezone.utc).isoformat(timespec="milliseconds"),
            "title": self.title,
            "text": "\n".join(self.lines()),
            "told": [
                {"child": one.child, "text": one.text, "count": one.count} for one in self.told
            ],
            "left_out": self.left_out,
            **({} if self.counts is None else {"ended": dict(self.counts)}),
        }
