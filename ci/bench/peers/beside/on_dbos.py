"""DBOS: a workflow for each loop, a step for each iteration, recorded in SQLite. No Dask."""

from __future__ import annotations

from beside.driver import Job, drive
from beside.work import Pair, begin
from beside.work import iterate as iterate_function
from dbos import DBOS, SetWorkflowID

_POLL = 0.05  # seconds between two looks at a queue
_SLOTS = 2

iterate = DBOS.step(name="iterate")(iterate_function)


@DBOS.workflow()
def one_loop(loop: int, iterations: int, diary: str) -> Pair:
    """Be one of the loops."""
    pair = begin(loop)
    for number in range(1, iterations + 1):
        pair = iterate(pair, loop, number, diary)
    return pair


def recorded(job: Job) -> list[Pair]:
    """Enqueue the workflows. Launching recovers those that were running; names find all again."""
    DBOS(
        config={
            "name": "beside",
            "system_database_url": f"sqlite:///{job.folder}/dbos.sqlite",
            "log_level": "ERROR",
            "application_version": "1",
        }
    )
    DBOS.launch()
    DBOS.register_queue("slots", worker_concurrency=_SLOTS, polling_interval_sec=_POLL)
    try:
        handles = []
        for loop in range(job.loops):
            with SetWorkflowID(f"loop-{loop}"):
                handles.append(
                    DBOS.enqueue_workflow("slots", one_loop, loop, job.iterations, job.diary)
                )
        return [handle.get_result() for handle in handles]
    finally:
        DBOS.destroy()


if __name__ == "__main__":
    drive({"SQLite": recorded})
