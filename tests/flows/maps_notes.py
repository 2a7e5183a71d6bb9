"""Notes that tasks leave from any process: who ran, and in what order."""

from __future__ import annotations

import json
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 30.0
"""Seconds after which something awaited is taken as never happening."""


class Notes:
    """A file of short lines; each is written whole, from whatever process.

    Parameters
    ----------
    folder : Path
        Where the file is to be.
    """

    def __init__(self, folder: Path | str) -> None:
        self.path = os.path.join(str(folder), "notes")

    def write(self, *words: Any) -> int:
        """Add a line; return how many lines like it there are now."""
        line = json.dumps(words).encode() + b"\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
        return self.read().count(tuple(words))

    def read(self) -> list[tuple[Any, ...]]:
        """Return all lines, oldest first."""
        if not os.path.exists(self.path):
            return []
        with open(self.path) as lines:
            return [tuple(json.loads(line)) for line in lines]

    def count(self, *words: Any) -> int:
        """Return how many lines say exactly this."""
        return self.read().count(words)

    def position(self, *words: Any) -> int:
        """Return where the first such line stands."""
        return self.read().index(words)

    def wait_for(self, *words: Any) -> None:
        """Return when such a line is there."""
        wait_until(lambda: self.count(*words) > 0, f"a note {words}; there are {self.read()}")


def wait_until(holds: Callable[[], Any], what: str) -> None:
    """Return when `holds()` is true; fail when that takes beyond all patience."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE} s in vain for {what}")
        time.sleep(0.005)


@contextmanager
def warned_of(text: str, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Ask for a warning with this text, of Python's kind or in the log."""
    caplog.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    said = [str(one.message) for one in caught]
    said += [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert any(text in one for one in said), f"no warning of {text!r} in {said}"
