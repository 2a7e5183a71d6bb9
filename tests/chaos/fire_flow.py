"""Loops of tiny iterations, each of which notes its beginning and its end."""

from __future__ import annotations

from daskloop import Flow, Parameter, context, task, unmapped
from daskloop.engine.signals import LOOP
from tests.chaos.notes import noted

__all__ = ["climb", "climbed", "flow", "iterations", "results"]


# The budget of losses is the usual one: whoever fails has been charged for what others did.
@task
def climb(start: int, turns: int) -> int:
    """Add one in each iteration."""
    with noted(greedy=False, synced=False):
        total: int = context.get("task_loop_result", start) + 1
        if total < start + turns:
            raise LOOP(result=total)
        return total


with Flow("under-fire") as flow:
    climbed = climb.map(Parameter("starts"), unmapped(Parameter("turns")))


def iterations(loops: int, turns: int) -> set[str]:
    """Name all iterations, as idempotency keys without the run."""
    return {f"climb-1[{loop}]@{turn}" for loop in range(loops) for turn in range(1, turns + 1)}


def results(loops: int, turns: int) -> list[int]:
    """Say what the loops end with."""
    return [start + turns for start in range(loops)]
