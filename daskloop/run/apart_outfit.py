"""The folder, import path and environment that a worker's runner is to have as the worker has."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import NamedTuple

from daskloop.run.apart_wire import Change

__all__ = ["Outfit", "put_on"]


class Outfit(NamedTuple):
    """What a process has around it."""

    folder: str | None
    """The current folder; None if it was removed."""
    path: tuple[str, ...]
    """Where modules are found."""
    environment: dict[str, str]

    @classmethod
    def of_this_process(cls) -> Outfit:
        """Look around."""
        try:
            folder: str | None = os.getcwd()
        except OSError:
            folder = None
        return cls(folder, tuple(map(str, sys.path)), dict(os.environ))

    def change_from(self, before: Outfit) -> Change | None:
        """Say what has to be changed to come here from another outfit; None if nothing.

        Examples
        --------
        >>> Outfit("/a", (), {"X": "2"}).change_from(Outfit("/a", (), {"X": "1", "Y": "3"}))
        Change(folder=None, path=None, environment={'X': '2', 'Y': None})
        """
        if self == before:
            return None
        had, has = before.environment, self.environment
        changed: dict[str, str | None] = {k: v for k, v in has.items() if had.get(k) != v}
        changed.update(dict.fromkeys(had.keys() - has.keys()))
        return Change(
            None if self.folder == before.folder else self.folder,
            None if self.path == before.path else self.path,
            changed,
        )


def put_on(change: Change) -> None:
    """Change folder, import path and environment of this process."""
    if change.folder is not None:
        with contextlib.suppress(OSError):  # removed meanwhile; the worker stands in nothing too
            os.chdir(change.folder)
    if change.path is not None:
        sys.path[:] = change.path
        importlib.invalidate_caches()
    for name, value in change.environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
