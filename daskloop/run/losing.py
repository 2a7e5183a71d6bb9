"""Which children of a map end early, since others are better."""

from __future__ import annotations

from collections import defaultdict

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

    __slots__ = ("_came", "_goal")

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._came: defaultdict[int, list[float]] = defaultdict(list)

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
        rung = self._came[iteration]
        better = sum(self._goal.is_better(one, metric) for one in rung)
        rung.append(metric)
        if losers.goes_on(better, len(rung)):
            return ""
        return (
            f"The loop was left behind at iteration {iteration}: {better} of {len(rung)} have a "
            f"better metric than {metric:g}."
        )
