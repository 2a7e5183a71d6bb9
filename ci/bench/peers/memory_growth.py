"""See how far the memory of this process rises, with nothing but the standard library."""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["folder_mb", "watched"]


def _resident() -> float:
    """Return the memory of this process in MB; where only its peak is told, that."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """Note how far the memory rises above where it is now, at its peak."""
    gc.collect()
    before = peak = _resident()
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.01):
            peak = max(peak, _resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    growth: dict[str, float] = {}
    try:
        yield growth
    finally:
        ended.set()
        watcher.join()
        growth["driver_mb"] = max(peak, _resident()) - before


def folder_mb(folder: str) -> float:
    """Add up the files of a folder, in MB."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6
