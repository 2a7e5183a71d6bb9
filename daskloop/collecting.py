"""Pause the cyclic garbage collector where many objects are made that all stay."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["without_collecting"]


@contextlib.contextmanager
def without_collecting() -> Iterator[None]:
    """Collect nothing for the time of a ``with`` block; it belongs to the whole process.

    The collector looks through all objects again whenever a quarter more have come; when tens of
    thousands of children come into being, that is half of the time that it takes.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
