"""Parsl: apps on its executor of high throughput (HTEX), with memoized results. No Dask."""

from __future__ import annotations

import os
import sys
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path

import parsl
from beside.driver import Job, drive
from beside.work import Pair, begin
from beside.work import iterate as iterate_function
from parsl.config import Config
from parsl.dataflow.memoization import BasicMemoizer
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider
from parsl.utils import get_all_checkpoints

# Where HTEX looks for its own programs.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
_SLOTS = 2

iterate = parsl.python_app(iterate_function, cache=True)


def config(job: Job) -> Config:
    """Load what earlier drivers wrote down, and write down each app that ends."""
    runs = f"{job.folder}/runinfo"
    return Config(
        executors=[
            HighThroughputExecutor(
                address="127.0.0.1",
                loopback_address="127.0.0.1",
                max_workers_per_node=_SLOTS,
                provider=LocalProvider(init_blocks=1, max_blocks=1),
                worker_logdir_root=str(job.folder),
                encrypted=False,
            )
        ],
        run_dir=runs,
        memoizer=BasicMemoizer(
            checkpoint_mode="task_exit", checkpoint_files=get_all_checkpoints(runs)
        ),
        retries=10,
        usage_tracking=0,
        strategy="none",
        initialize_logging=False,
    )


def memoized(job: Job) -> list[Pair]:
    """Start the next iteration of whichever loop comes back."""
    with parsl.load(config(job)):
        pairs = [begin(loop) for loop in range(job.loops)]
        running = {iterate(pair, loop, 1, job.diary): (loop, 1) for loop, pair in enumerate(pairs)}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                loop, number = running.pop(future)
                pairs[loop] = future.result()
                if number < job.iterations:
                    again = iterate(pairs[loop], loop, number + 1, job.diary)
                    running[again] = (loop, number + 1)
        return pairs


if __name__ == "__main__":
    drive({"HTEX": memoized})
