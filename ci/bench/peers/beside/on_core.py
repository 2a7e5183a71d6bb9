"""Prefect Core: LOOP in a mapped task, on its DaskExecutor.

Without its server nothing of a run outlives the driver. A `target` does not help: it is written by
the first iteration, and taken for the result of the task by the second.
"""

from __future__ import annotations

import prefect
from beside.driver import Job, drive
from beside.work import Pair, begin, iterate
from prefect import Flow, Parameter, task, unmapped
from prefect.engine.signals import LOOP
from prefect.executors import DaskExecutor


@task
def loop(which: int, iterations: int, diary: str) -> Pair:
    """Be one of the loops."""
    number = prefect.context.get("task_loop_count", 1)
    pair = iterate(prefect.context.get("task_loop_result", begin(which)), which, number, diary)
    if number < iterations:
        raise LOOP(result=pair)
    return pair


with Flow("beside") as flow:
    loops = loop.map(
        Parameter("which"), unmapped(Parameter("iterations")), unmapped(Parameter("diary"))
    )


def run(job: Job) -> list[Pair]:
    """Run the flow, from its beginning."""
    parameters = {
        "which": list(range(job.loops)),
        "iterations": job.iterations,
        "diary": job.diary,
    }
    state = flow.run(parameters=parameters, executor=DaskExecutor(address=job.address))
    if not state.is_successful():
        raise RuntimeError(f"the flow ended as {state!r}")
    return state.result[loops].result


if __name__ == "__main__":
    drive({"LOOP": run})
