"""The same work written by hand on a Dask client, in the ways that Dask's documentation shows."""

from __future__ import annotations

import time
from typing import Any

from distributed import Client, as_completed

__all__ = [
    "add_one",
    "blocking_chain",
    "completed_loops",
    "map_and_gather",
    "next_pair",
    "sleeping_loops",
    "waves",
]


def next_pair(pair: tuple[int, int]) -> tuple[int, int]:
    """Do one iteration: count it, and draw the next number of a small generator."""
    count, number = pair
    return count + 1, (number * 48271 + 1) % 2147483647


def add_one(x: int) -> int:
    """Do one task of a map."""
    return x + 1


def blocking_chain(client: Client, iterations: int) -> int:
    """Run one loop: submit an iteration, wait for its result, look at it, submit the next."""
    pair = (0, 1)
    while pair[0] < iterations:
        pair = client.submit(next_pair, pair, pure=False).result()
    return pair[1]


def completed_loops(client: Client, loops: int, iterations: int) -> list[int]:
    """Run many loops: whenever an iteration has completed, submit the next of its loop."""
    loop_of: dict[Any, int] = {}
    for index in range(loops):
        loop_of[client.submit(next_pair, (0, index), pure=False)] = index
    results = [0] * loops
    completed = as_completed(list(loop_of), with_results=True)
    for future, pair in completed:
        index = loop_of.pop(future)
        future.release()
        if pair[0] < iterations:
            again = client.submit(next_pair, pair, pure=False)
            loop_of[again] = index
            completed.add(again)
        else:
            results[index] = pair[1]
    return results


def sleep_once(count: int, seconds: float) -> int:
    """Do one iteration that waits."""
    time.sleep(seconds)
    return count + 1


def sleeping_loops(client: Client, loops: int, iterations: int, seconds: float) -> int:
    """Run many loops that wait: whenever an iteration has completed, submit the next."""
    first = [client.submit(sleep_once, 0, seconds, pure=False) for _ in range(loops)]
    completed = as_completed(first, with_results=True)
    ended = 0
    for future, count in completed:
        future.release()
        if count < iterations:
            completed.add(client.submit(sleep_once, count, seconds, pure=False))
        else:
            ended += 1
    return ended


def waves(client: Client, loops: int, iterations: int, width: int) -> list[tuple[int, int]]:
    """Do the same iterations with as little as there can be: wave after wave of `client.map`.

    `width` is how many are in flight at once.
    """
    pairs = [(0, index) for index in range(loops)]
    for _ in range(iterations):
        ended: list[tuple[int, int]] = []
        for start in range(0, loops, width):
            futures = client.map(next_pair, pairs[start : start + width], pure=False)
            ended += client.gather(futures)
            for future in futures:
                future.release()
        pairs = ended
    return pairs


def map_and_gather(client: Client, width: int) -> list[int]:
    """Run a map: submit all tasks in one go and gather all results in one go."""
    results: list[int] = client.gather(client.map(add_one, range(width), pure=False))
    return results
