"""Parsl: apps on threads of the driver, or on its executor of high throughput (HTEX)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import parsl
from driving import drive
from measured import main
from parsl.config import Config
from parsl.dataflow.memoization import BasicMemoizer
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl.executors.base import ParslExecutor
from parsl.providers import LocalProvider
from peer import NO_DELAY, Peer
from workloads import Counted, Pair, add_one, begin, grow, grown, large, noted_step, sleepy_step
from workloads import step as step_function

# Where HTEX looks for its own programs, and its workers for the steps.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent)

_step = parsl.python_app(step_function)
_sleepy = parsl.python_app(sleepy_step)
_one = parsl.python_app(add_one)
_grow = parsl.python_app(grow)
_noted = parsl.python_app(noted_step, cache=True)


class Threads(Peer):
    """Apps, an iteration each, on threads."""

    packages = ("parsl",)

    def cannot(self) -> dict[str, str]:
        return {"W5": NO_DELAY}

    def executor(self, slots: int, folder: str) -> ParslExecutor:
        """Make the executor."""
        return ThreadPoolExecutor(max_threads=slots)

    @contextmanager
    def started(self, slots: int, folder: str) -> Iterator[None]:
        config = Config(
            executors=[self.executor(slots, folder)],
            run_dir=f"{folder}/runinfo",
            # Only apps with cache=True are written down.
            memoizer=BasicMemoizer(checkpoint_mode="task_exit"),
            usage_tracking=0,
            strategy="none",
            initialize_logging=False,
        )
        with parsl.load(config):
            yield

    def chain(self, seed: int, end: int) -> Pair:
        pair = begin(seed)
        while pair[1] != end:
            pair = _step(pair).result()
        return pair

    def loops(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        return drive(_step, seeds, ends)

    def work(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        return drive(_sleepy, seeds, ends)

    def wide(self, numbers: range) -> list[int]:
        return [future.result() for future in [_one(number) for number in numbers]]

    def payload(self, megabytes: int, iterations: int) -> float:
        carried = large(megabytes)
        while not grown(carried, iterations):
            carried = _grow(carried).result()
        return float(carried[1][-1])

    def resume(self, folder: str, iterations: int) -> int:
        counted: Counted = (0, 1, 2)
        while counted[0] < iterations:
            counted = _noted(counted, folder).result()
        return counted[0]


class HighThroughput(Threads):
    """The same on worker processes, through an interchange."""

    def executor(self, slots: int, folder: str) -> ParslExecutor:
        return HighThroughputExecutor(
            address="127.0.0.1",
            loopback_address="127.0.0.1",
            max_workers_per_node=slots,
            provider=LocalProvider(init_blocks=1, max_blocks=1),
            worker_logdir_root=folder,
            encrypted=False,
        )


if __name__ == "__main__":
    main("Parsl", {"threads": Threads, "HTEX": HighThroughput})
