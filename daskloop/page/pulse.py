"""A run over time: how many attempts ended when, and how, and how many were under way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from daskloop.page.kinds import Kind, kind_of
from daskloop.record.entries import Recorded

__all__ = ["BINS", "SORTS", "Pulse", "pulse_of"]

BINS = 120
"""Parts that the time of a run is cut into."""

SORTS: tuple[str, ...] = ("went on", "done", "failed", "other")
"""How attempts are told apart."""

_SORT = {Kind.WENT_ON: 0, Kind.DONE: 1, Kind.FAILED: 2}


@dataclass(frozen=True, slots=True)
class Pulse:
    """Counts over time."""

    begun: float
    """When the first part begins, seconds since the epoch."""
    seconds: float
    """How long all parts are together."""
    ended: tuple[tuple[int, ...], ...]
    """For each part, how many attempts ended in it, by sort."""
    under_way: tuple[float, ...]
    """For each part, how many attempts were under way, on average."""

    @property
    def most(self) -> int:
        """How many attempts ended in the part in which most did."""
        return max(map(sum, self.ended))

    @property
    def attempts(self) -> int:
        """How many attempts ended."""
        return sum(map(sum, self.ended))


def pulse_of(records: Iterable[Recorded], begun: float, ended: float) -> Pulse:
    """Count the attempts of a run over its time.

    Parameters
    ----------
    records : iterable of Recorded
        Of all children.
    begun, ended : float
        The time that is shown, seconds since the epoch. What a worker with another clock says
        was before or after it counts at its edge.
    """
    seconds = max(ended - begun, 1e-6)
    each = seconds / BINS
    counts = [[0] * len(SORTS) for _ in range(BINS)]
    busy = [0.0] * BINS
    whole = [0] * (BINS + 1)  # parts that are under way from one end to the other, as changes
    for record in records:
        if not record.attempted or not record.ended:
            continue
        last = _within((record.ended - begun) / each)
        counts[int(last)][_SORT.get(kind_of(record.state), 3)] += 1
        first = min(_within((record.started - begun) / each), last)
        if int(first) == int(last):
            busy[int(first)] += last - first
        else:
            busy[int(first)] += int(first) + 1 - first
            busy[int(last)] += last - int(last)
            whole[int(first) + 1] += 1
            whole[int(last)] -= 1
    under_way, through = [], 0
    for number in range(BINS):
        through += whole[number]
        under_way.append(busy[number] + through)
    return Pulse(begun, seconds, tuple(map(tuple, counts)), tuple(under_way))


def _within(place: float) -> float:
    return min(max(place, 0.0), BINS - 1e-9)
