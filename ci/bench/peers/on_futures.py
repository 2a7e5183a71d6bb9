"""The pools of the standard library, for reference."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from driving import drive
from measured import main
from peer import NO_RECORD, NO_RETRIES, Peer
from workloads import Pair, add_one, begin, grow, grown, large, sleepy_step, step


class Pool(Peer):
    """Futures of an executor, an iteration each."""

    pool: Executor

    def cannot(self) -> dict[str, str]:
        return {"W5": NO_RETRIES, "W7": NO_RECORD}

    def make(self, slots: int) -> Executor:
        """Make the executor."""
        raise NotImplementedError

    @contextmanager
    def started(self, slots: int, folder: str) -> Iterator[None]:
        with self.make(slots) as self.pool:
            yield

    def chain(self, seed: int, end: int) -> Pair:
        pair = begin(seed)
        while pair[1] != end:
            pair = self.pool.submit(step, pair).result()
        return pair

    def loops(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        return drive(partial(self.pool.submit, step), seeds, ends)

    def work(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        return drive(partial(self.pool.submit, sleepy_step), seeds, ends)

    def wide(self, numbers: range) -> list[int]:
        return list(self.pool.map(add_one, numbers))

    def payload(self, megabytes: int, iterations: int) -> float:
        carried = large(megabytes)
        while not grown(carried, iterations):
            carried = self.pool.submit(grow, carried).result()
        return float(carried[1][-1])


class Threads(Pool):
    """Threads of the driver."""

    def make(self, slots: int) -> Executor:
        return ThreadPoolExecutor(slots)


class Processes(Pool):
    """Processes of their own."""

    def make(self, slots: int) -> Executor:
        return ProcessPoolExecutor(slots, mp_context=multiprocessing.get_context("forkserver"))


if __name__ == "__main__":
    main("concurrent.futures", {"threads": Threads, "processes": Processes})
