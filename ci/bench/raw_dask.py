"""The same work written by hand on a Dask client, in the ways that Dask's documentation shows."""

from __future__ import annotations

from typing import Any

from distributed import Client, as_completed

__all__ = ["add_one", "blocking_chain", "completed_loops", "map_and_gather", "next_pair"]


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


def map_and_gather(client: Client, width: int) -> list[int]:
    """Run a map: submit all tasks in one go and gather all results in one go."""
    results: list[int] = client.gather(client.map(add_one, range(width), pure=False))
    return results
