"""The best iteration of a loop so far, and whether that is good enough."""

from __future__ import annotations

from typing import NamedTuple

from daskloop.define.goal import Goal
from daskloop.record.metrics import Parts, reported
from daskloop.record.sealed import Sealed

__all__ = ["Best", "compared"]


class Best(NamedTuple):
    """The iteration with the best metric."""

    metric: float
    payload: Sealed | None
    """What it handed on."""
    iteration: int


def compared(
    goal: Goal, best: Best | None, parts: Parts, payload: Sealed | None, iteration: int
) -> tuple[Best | None, str]:
    """Compare an iteration with the best one before it.

    Parameters
    ----------
    goal : Goal
        Of the task.
    best : Best or None
        The best one before it.
    parts : mapping
        What the iteration reported, see `daskloop.record.metrics`.
    payload : Sealed or None
        What it handed on.
    iteration : int
        Its number.

    Returns
    -------
    best : Best or None
        The best one now.
    over : str
        Why the loop is over with this iteration; empty if it is not.
    """
    told = reported(parts)
    if told is None:  # a handler made it
        return best, ""
    if best is None or goal.is_better(told.metric, best.metric):
        best = Best(told.metric, payload, iteration)
    return best, _over(goal, best, iteration) or told.loses


def _over(goal: Goal, best: Best, iteration: int) -> str:
    told = f"with the payload of iteration {best.iteration}, whose metric is {best.metric:g}"
    if goal.is_reached(best.metric):
        return f"The loop reached until={goal.until:g} {told}."
    if goal.patience is not None and iteration - best.iteration >= goal.patience:
        return f"The loop got no better in {goal.patience} iterations and ended {told}."
    return ""
