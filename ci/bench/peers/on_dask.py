"""Dask driven by hand, in the ways that its documentation shows, for reference."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from distributed import Client, LocalCluster, as_completed
from measured import main
from peer import NO_DELAY, NO_RECORD, Peer
from workloads import Pair, add_one, begin, grow, grown, large, sleepy_step, step

__all__ = ["client_of"]


@contextmanager
def client_of(threads: bool, slots: int) -> Iterator[Client]:
    """Start a cluster on loopback: threads of the driver, or a process for each core."""
    processes = 1 if threads else min(slots, os.cpu_count() or 1)
    where = {} if threads else {"host": "127.0.0.1"}
    with (
        LocalCluster(
            n_workers=processes,
            threads_per_worker=slots // processes,
            processes=not threads,
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            **where,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def looked_at(carried: Any, iterations: int) -> bool:
    """Ask where the array lies whether its loop has ended."""
    return grown(carried, iterations)


def last_of(carried: Any) -> float:
    """Return the last number of the array."""
    return float(carried[1][-1])


class Dask(Peer):
    """Futures of a client, an iteration each."""

    packages = ("dask", "distributed")
    threads = True
    client: Client

    def cannot(self) -> dict[str, str]:
        return {"W5": NO_DELAY, "W7": NO_RECORD}

    @contextmanager
    def started(self, slots: int, folder: str) -> Iterator[None]:
        with client_of(self.threads, slots) as self.client:
            yield

    def chain(self, seed: int, end: int) -> Pair:
        pair = begin(seed)
        while pair[1] != end:
            pair = self.client.submit(step, pair, pure=False).result()
        return pair

    def loops(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        return self.completed(step, seeds, ends)

    def work(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        return self.completed(sleepy_step, seeds, ends)

    def completed(
        self, one: Callable[[Pair], Pair], seeds: Sequence[int], ends: Sequence[int]
    ) -> list[Pair]:
        """Submit the next iteration of whichever loop comes back."""
        pairs = [begin(seed) for seed in seeds]
        loop_of = {self.client.submit(one, pair, pure=False): i for i, pair in enumerate(pairs)}
        coming = as_completed(list(loop_of), with_results=True)
        for future, pair in coming:
            index = loop_of.pop(future)
            pairs[index] = pair
            if pair[1] != ends[index]:
                again = self.client.submit(one, pair, pure=False)
                loop_of[again] = index
                coming.add(again)
        return pairs

    def wide(self, numbers: range) -> list[int]:
        results: list[int] = self.client.gather(self.client.map(add_one, numbers, pure=False))
        return results

    def payload(self, megabytes: int, iterations: int) -> float:
        # The array stays where it is; a flag of a few bytes comes back.
        carried = self.client.submit(large, megabytes, pure=False)
        while not self.client.submit(looked_at, carried, iterations, pure=False).result():
            carried = self.client.submit(grow, carried, pure=False)
        return float(self.client.submit(last_of, carried, pure=False).result())


class OnProcesses(Dask):
    """The same over worker processes."""

    threads = False


if __name__ == "__main__":
    main("Dask by hand", {"threads": Dask, "processes": OnProcesses})
