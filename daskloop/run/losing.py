"""Which children of a map end early, since others are better."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter, defaultdict

from daskloop.define.goal import Goal
from daskloop.record.entries import Recorded
from daskloop.record.metrics import as_parts, reported
from daskloop.run.envelope import Entry

__all__ = ["Rungs"]


class Rungs:
    """The metrics of a map's children at the iterations where they are compared.

    Parameters
    ----------
    goal : Goal
        Of the task.
    """

    __slots__ = ("_came", "_goal", "_rungs")

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._came: Counter[int] = Counter()
        """How many have come to each rung."""
        self._rungs: defaultdict[int, list[float]] = defaultdict(list)
        """What they reported, the best first, a smaller number for a better one; each number is
        put in its place, since a wide map would otherwise be gone through for each child."""

    def compared(self, iteration: int, entry: Entry) -> Entry:
        """Note an iteration of a child that ended, and say in its entry if it is left behind."""
        if self._goal.losers is None or entry.kind != "looped":
            return entry
        told = reported(entry.parts)
        loses = "" if told is None else self._came_to(iteration, told.metric)
        if told is None or not loses:
            return entry
        return entry._replace(parts={**entry.parts, **as_parts(told._replace(loses=loses))})

    def restored(self, record: Recorded) -> None:
        """Note an iteration that an earlier driver has recorded."""
        told = reported(record.parts)
        if told is not None:
            self._came_to(record.address[-1].iteration, told.metric)

    def _came_to(self, iteration: int, metric: float) -> str:
        """Compare an iteration with those that came before; say why it loses, or nothing."""
        losers = self._goal.losers
        if losers is None or not losers.is_rung(iteration):
            return ""
        came, rung = self._came[iteration] + 1, self._rungs[iteration]
        self._came[iteration] = came
        better = len(rung)
        if not math.isnan(metric):
            loss = -metric if self._goal.mode == "max" else metric
            better = bisect_left(rung, loss - self._goal.min_delta)
            insort(rung, loss)
        if losers.goes_on(better, came):
            return ""
        return (
            f"The loop was left behind at iteration {iteration}: {better} of {came} have a "
            f"better metric than {metric:g}."
        )
