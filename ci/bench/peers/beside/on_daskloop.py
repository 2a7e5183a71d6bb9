"""daskloop with a journal: started again, it goes on with the run that did not end."""

from __future__ import annotations

from beside.driver import Job, drive
from beside.work import Pair, begin, iterate

from daskloop import Flow, Parameter, context, task, unmapped
from daskloop.signals import LOOP


@task
def loop(which: int, iterations: int, diary: str) -> Pair:
    """Be one of the loops."""
    number = context.get("task_loop_count", 1)
    pair = iterate(context.get("task_loop_result", begin(which)), which, number, diary)
    if number < iterations:
        raise LOOP(result=pair)
    return pair


with Flow("beside") as flow:
    loops = loop.map(
        Parameter("which"), unmapped(Parameter("iterations")), unmapped(Parameter("diary"))
    )


def recorded(job: Job) -> list[Pair]:
    """Run the flow, or go on with it."""
    state = flow.run(
        which=list(range(job.loops)),
        iterations=job.iterations,
        diary=job.diary,
        executor=job.address,
        journal=job.folder / "journal",
        resume=True,
    )
    state.raise_if_failed()
    pairs: list[Pair] = state.result[loops].result
    return pairs


if __name__ == "__main__":
    drive({"journal": recorded})
