"""What the scheduler holds of runs, whatever their number and size: bounded, newest first."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from daskloop.dashboard.views import Asked, RunView

__all__ = ["Held", "Shelf"]

UNDER_WAY = 20
"""Runs under way that are held; of more, those that were silent longest go."""

ENDED_WHOLE = 5
"""Runs that ended and are held whole."""

ENDED = 20
"""Runs that ended and are held, those above as one line each."""

RATES = 600
"""Points of the line of iterations per second."""

ATTENTION = 3.0
"""Seconds for which somebody is taken to look, after the last sign of it."""

SILENCE = 15.0
"""Seconds after which a driver that says nothing is taken to be gone."""


@dataclass(slots=True)
class Held:
    """One run on the shelf."""

    view: RunView
    heard: float
    """When it was told last, on the scheduler's own clock."""
    rates: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=RATES))
    """Time and number of iterations, whenever the run was told."""
    looks: dict[str, float] = field(default_factory=dict)
    """When somebody looked last, by the task that was looked at."""

    def is_silent(self, now: float) -> bool:
        """Tell whether the driver has not ended the run, and is not heard of any more."""
        return not self.view.ended and now - self.heard > SILENCE


class Shelf:
    """Holds what drivers tell, for those who look.

    Notes
    -----
    Belongs to one thread, that of the scheduler's event loop. Times are of any clock that only
    goes forward.

    Examples
    --------
    >>> shelf = Shelf()
    >>> view = RunView("quiet-heron-7f3a9c12", "fib", "", 0, 1, "Running", False, "", 3, 0, 0)
    >>> shelf.take(view, now=1.0).looking
    False
    >>> shelf.look(view.run, "fib-1", now=1.5)
    >>> shelf.take(view, now=2.0).slugs
    ('fib-1',)
    """

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}

    def take(self, view: RunView, now: float) -> Asked:
        """Hold what a driver tells, and answer what it is to tell more of."""
        held = self._held.pop(view.run, None)
        if held is None:
            held = Held(view, now)
        elif view.tasks is None:
            view = replace(view, tasks=held.view.tasks, more_tasks=held.view.more_tasks)
        held.view, held.heard = view, now
        held.rates.append((view.at, view.iterations))
        self._held[view.run] = held  # the last one told is the last in the dict
        self._thin_out()
        seen = [slug for slug, at in held.looks.items() if now - at <= ATTENTION]
        held.looks = {slug: held.looks[slug] for slug in seen}
        return Asked(page=True, looking=bool(seen), slugs=tuple(seen))

    def look(self, run: str, slug: str, now: float) -> None:
        """Note that somebody looks at a task of a run; an empty slug is the run as a whole."""
        held = self._held.get(run)
        if held is not None:
            held.looks[slug] = now

    def runs(self) -> list[Held]:
        """List what is held: runs under way first, and the newest first of each."""
        found = reversed(self._held.values())
        return sorted(found, key=lambda held: (held.view.ended, -held.view.begun))

    def get(self, run: str) -> Held | None:
        """Return what is held of a run, if it is."""
        return self._held.get(run)

    def _thin_out(self) -> None:
        """Let go of what is too much: the dict is in the order of when runs were told last."""
        under_way = [run for run, held in self._held.items() if not held.view.ended]
        ended = [run for run, held in self._held.items() if held.view.ended]
        for run in under_way[:-UNDER_WAY] + ended[:-ENDED]:
            del self._held[run]
        for run in ended[-ENDED:-ENDED_WHOLE]:
            held = self._held[run]
            if held.view.tasks:
                held.view = replace(held.view, tasks=(), more_tasks=0)
                held.rates.clear()
