"""Futures of Dask, by hand, in two ways. Neither leaves anything behind for a second driver."""

from __future__ import annotations

from beside.driver import Job, drive
from beside.work import Pair, begin, iterate
from distributed import Client, as_completed


def chain(job: Job) -> list[Pair]:
    """Give each iteration the future of the one before it, and wait for the last of each loop."""
    with Client(job.address) as client:
        last = []
        for loop in range(job.loops):
            future = begin(loop)
            for number in range(1, job.iterations + 1):
                future = client.submit(iterate, future, loop, number, job.diary, pure=False)
            last.append(future)
        return client.gather(last)


def by_value(job: Job) -> list[Pair]:
    """Take each result, and submit the next iteration of whichever loop came back."""
    with Client(job.address) as client:

        def submit(pair: Pair, loop: int, number: int) -> None:
            future = client.submit(iterate, pair, loop, number, job.diary, pure=False)
            running[future] = (loop, number)
            coming.add(future)

        pairs = [begin(loop) for loop in range(job.loops)]
        running = {}
        coming = as_completed(with_results=True)
        for loop, pair in enumerate(pairs):
            submit(pair, loop, 1)
        for future, pair in coming:
            loop, number = running.pop(future)
            pairs[loop] = pair
            if number < job.iterations:
                submit(pair, loop, number + 1)
        return pairs


if __name__ == "__main__":
    drive({"chain": chain, "by value": by_value})
