"""What went wrong in a run so far, counted and bounded: a listener to the graver events."""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict

from daskloop.events import AttemptFailed, AttemptLost, Event, RetryScheduled
from daskloop.keys import Address

__all__ = ["Mishaps"]

_MARKS = 2_000  # failed attempts of a task of which it is known where they were


class Mishaps:
    """Counts retries and losses of each task, and remembers where attempts failed.

    What happens in the body of a loop flow counts for the loop flow: its tasks have no line.

    Notes
    -----
    Hears on one thread and is asked on another. Content with the events that are made anyway:
    no iteration and no success costs anything.
    """

    level = logging.ERROR

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._retries: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()
        self._failed: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)

    def hear(self, event: Event) -> None:
        """Take note of one event."""
        with self._lock:
            match event:
                case RetryScheduled():
                    self._retries[event.address[0].slug] += 1
                case AttemptLost(charged=True):
                    self._losses[event.address[0].slug] += 1
                case AttemptFailed():
                    self._mark(event.address)

    def _mark(self, address: Address) -> None:
        slug, child, iteration = address[0]
        marks = self._failed[slug]
        if len(marks) < _MARKS:
            marks.append((child or 0, iteration))

    def counts(self, slug: str) -> tuple[int, int]:
        """Return how many retries and charged losses a task has had."""
        with self._lock:
            return self._retries[slug], self._losses[slug]

    def failed(self, slug: str) -> tuple[tuple[int, int], ...]:
        """Return index and iteration of attempts that failed."""
        with self._lock:
            return tuple(self._failed.get(slug, ()))
