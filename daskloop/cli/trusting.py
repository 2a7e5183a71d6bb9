"""Whose pickles are opened: this user's, or, when asked to, those of others as well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["trusting"]


@contextmanager
def trusting(trust: bool) -> Iterator[None]:
    """Set ``daskloop.journal-trust`` for the time of a ``with`` block, if asked to."""
    if not trust:
        yield
        return
    import dask.config

    with dask.config.set({"daskloop.journal-trust": True}):
        yield
