"""Drive many loops over futures of the standard kind: whichever comes back goes on at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any

from workloads import Pair, begin

__all__ = ["drive"]


def drive(submit: Callable[[Pair], Any], seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
    """Run loops until each has reached its end.

    Parameters
    ----------
    submit : callable
        Takes a pair, and returns a future of the next one that has `add_done_callback`.
    seeds, ends : sequences of int
        What each loop begins from, and the number it ends at.
    """
    done: SimpleQueue[tuple[int, Any]] = SimpleQueue()
    pairs = [begin(seed) for seed in seeds]

    def put(index: int, future: Any) -> None:
        done.put((index, future))

    def go_on(index: int) -> None:
        submit(pairs[index]).add_done_callback(partial(put, index))

    for index in range(len(pairs)):
        go_on(index)
    running = len(pairs)
    while running:
        index, future = done.get()
        pairs[index] = future.result()
        if pairs[index][1] == ends[index]:
            running -= 1
        else:
            go_on(index)
    return pairs
