"""Prefect 3: a task for each loop, and in it a task for each iteration, whose results persist.

The cache policy is by inputs, so whatever is run again finds in the storage what had ended. Loops
are submitted to Dask by the task runner of prefect-dask. One server for all outlives the drivers.

By default what a task has in it is committed when that task ends: an iteration with its loop. Asked
to be eager, an iteration commits when it ends itself.
"""

from __future__ import annotations

from functools import partial

from beside.driver import Job, drive
from beside.work import Pair, begin
from beside.work import iterate as iterate_function
from prefect import flow, task
from prefect.cache_policies import INPUTS
from prefect.transactions import CommitMode, transaction
from prefect_dask import DaskTaskRunner

iterate = task(iterate_function, cache_policy=INPUTS, persist_result=True, retries=3)


@task(cache_policy=INPUTS, persist_result=True, retries=3)
def one_loop(loop: int, iterations: int, diary: str, commit_mode: CommitMode) -> Pair:
    """Be one of the loops."""
    pair = begin(loop)
    for number in range(1, iterations + 1):
        with transaction(commit_mode=commit_mode):
            pair = tuple(iterate(pair, loop, number, diary))
    return pair


@flow
def loops(count: int, iterations: int, diary: str, commit_mode: CommitMode) -> list[Pair]:
    """Submit the loops; their iterations run where they run."""
    futures = [one_loop.submit(loop, iterations, diary, commit_mode) for loop in range(count)]
    return [future.result() for future in futures]


def run(job: Job, commit_mode: CommitMode) -> list[Pair]:
    """Run the flow; whatever was committed is in the storage."""
    on_dask = loops.with_options(task_runner=DaskTaskRunner(address=job.address))
    return on_dask(job.loops, job.iterations, job.diary, commit_mode)


if __name__ == "__main__":
    drive(
        {
            "nested": partial(run, commit_mode=CommitMode.LAZY),
            "eager": partial(run, commit_mode=CommitMode.EAGER),
        }
    )
