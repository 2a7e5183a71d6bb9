"""Whose pickles are opened: this user's, or, when asked to, those of others as well."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from daskloop.cli.journals import Shelf
from daskloop.record.trust import check_owner

__all__ = ["check_trusted", "trusting"]


@contextmanager
def trusting(trust: bool) -> Iterator[None]:
    """Set ``daskloop.journal-trust`` for the time of a ``with`` block, if asked to."""
    if not trust:
        yield
        return
    import dask.config

    with dask.config.set({"daskloop.journal-trust": True}):
        yield


def check_trusted(shelf: Shelf, run: str, verb: str) -> None:
    """Refuse to do what runs code that others could have written, as resuming does.

    Raises
    ------
    JournalError
        If the run is not this user's alone.
    """
    path = getattr(shelf.journal, "path", None)
    if isinstance(path, str):
        check_owner(os.path.join(path, run), f"{verb} run {run!r}")
