"""Look for cyclic garbage less often where many objects are made that all stay."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator

__all__ = ["collecting_less"]

_TIMES = 3  # as `dask scheduler` and `dask worker` do for themselves

_lock = threading.Lock()
_blocks = 0  # how many are open in this process
_before = (0, 0, 0)


@contextlib.contextmanager
def collecting_less() -> Iterator[None]:
    """Let three times as many objects come, of each generation, before the collector looks.

    Counts for the whole process while any such ``with`` block is open, on whichever thread; then
    the thresholds are again what they were, unless somebody has set others since. The collector
    looks through all objects whenever enough have come that stay; when tens of thousands of
    children come into being, that was a third of the time that they took.
    """
    _begin()
    try:
        yield
    finally:
        _end()


def _begin() -> None:
    global _blocks, _before
    with _lock:
        _blocks += 1
        if _blocks == 1:
            _before = gc.get_threshold()
            gc.set_threshold(*_raised(_before))


def _end() -> None:
    global _blocks
    with _lock:
        _blocks -= 1
        if not _blocks and gc.get_threshold() == _raised(_before):
            gc.set_threshold(*_before)


def _raised(thresholds: tuple[int, int, int]) -> tuple[int, int, int]:
    first, second, third = thresholds
    return _TIMES * first, _TIMES * second, _TIMES * third  # 0 stays 0: never
