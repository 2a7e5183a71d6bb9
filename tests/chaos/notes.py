"""What attempts leave behind themselves, whatever daskloop thinks of them.

Each attempt appends a line as it begins and one as it ends, to a file of its run, and syncs it. A
line is one short write to a file opened with O_APPEND: it is whole or not there.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from daskloop import context

__all__ = ["FOLDER", "Note", "noted", "read_notes", "set_trap"]

FOLDER = "CHAOS_NOTES"
"""Environment variable: the folder of the notes."""

_TRAP = "memory.trap"
_STEP = 16 << 20  # bytes taken at once by an attempt in the trap
_MOST = 1 << 30
_LONGEST = 20.0  # seconds that an attempt in the trap waits for its end


class Note(NamedTuple):
    """One line."""

    what: str
    """begun or ended."""
    iteration: str
    """Its idempotency key: run, task, child, iteration."""
    run_count: int
    at: float
    """Seconds since the epoch."""
    process: int


@contextlib.contextmanager
def noted(*, greedy: bool = True, synced: bool = True) -> Iterator[None]:
    """Note the beginning and the end of the attempt that this is.

    Parameters
    ----------
    greedy : bool
        True if the attempt may be the one that takes more memory than its worker has.
    synced : bool
        False where processes die and the machine does not: what was written is there anyway.
    """
    _append("begun", synced)
    if greedy and _is_trapped():
        _starve()
    try:
        yield
    finally:
        _append("ended", synced)


def read_notes(folder: Path, run: str, offset: int = 0) -> list[Note]:
    """Read the notes of a run, in the order of their writing."""
    path = folder / f"{run}.notes"
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(offset)
        return [Note(*json.loads(line)) for line in file]


def set_trap(folder: Path) -> None:
    """Have the attempt that begins next take more memory than its worker has."""
    (folder / _TRAP).touch()


def _append(what: str, synced: bool) -> None:
    note = Note(what, context.idempotency_key, context.task_run_count, time.time(), os.getpid())
    path = os.path.join(os.environ[FOLDER], f"{context.run_id}.notes")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps(note).encode() + b"\n")
        if synced:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_trapped() -> bool:
    try:
        os.unlink(os.path.join(os.environ[FOLDER], _TRAP))
    except FileNotFoundError:
        return False
    return True


def _starve() -> None:
    """Take memory, slowly, until somebody kills this process; give up after a while."""
    taken: list[bytes] = []
    ends = time.monotonic() + _LONGEST
    while time.monotonic() < ends:
        if len(taken) * _STEP < _MOST:
            taken.append(b"x" * _STEP)
        time.sleep(0.02)
