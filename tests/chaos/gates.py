"""When attempts passed their gate: the claim of their start, before anything of them is opened.

A worker imports this as a preload of Dask's. An attempt that has passed its gate when the
connection is lost cannot be called back: its body may begin when its replacement has ended.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from daskloop.record.claims import Claim, Claims, Taken
from tests.chaos.notes import FOLDER

__all__ = ["Gate", "dask_setup", "passed", "read_gates"]

_FILE = "gates"


class Gate(NamedTuple):
    """An attempt that passed its gate."""

    key: str
    """Its Dask key, as text."""
    at: float
    """Seconds since the epoch."""


def dask_setup(worker: object) -> None:
    """Note from now on which attempts pass their gate in this worker process."""
    start = Claims.start

    def noting(self: Claims, key_text: str, who: str) -> Claim | Taken:
        found = start(self, key_text, who)
        if isinstance(found, Claim):
            line = json.dumps(Gate(key_text, time.time())).encode() + b"\n"
            path = os.path.join(os.environ[FOLDER], _FILE)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        return found

    Claims.start = noting  # type: ignore[method-assign]


def read_gates(folder: Path, run: str) -> list[Gate]:
    """Read which attempts of a run passed their gate, in order."""
    path = folder / _FILE
    if not path.exists():
        return []
    found = [Gate(*json.loads(line)) for line in path.read_text().splitlines()]
    return [one for one in found if one.key.partition("/")[0].endswith(f"-{run[-8:]}")]


def passed(gates: Sequence[Gate], iteration: str, run_count: int, until: float) -> int:
    """Count how often an attempt had passed its gate by a point in time.

    Parameters
    ----------
    gates : sequence of Gate
        Those of the run.
    iteration : str
        Its idempotency key, without the run; of a task in a body none is known.
    run_count : int
        Number of the attempt.
    until : float
        Seconds since the epoch.
    """
    place = re.fullmatch(r"([^/]+?)(?:\[(\d+)\])?@(\d+)", iteration)
    if place is None:
        return 0
    slug, child, turn = place.groups()
    numbers = [str(-1 if child is None else child), turn, str(run_count)]
    return sum(_is_of(one.key, slug, numbers) for one in gates if one.at <= until)


def _is_of(key: str, slug: str, numbers: list[str]) -> bool:
    first, *rest = key.split("/")
    return first.rpartition("-")[0] == slug and rest[:3] == numbers
