"""Be a driver of one system: read the job, do it in the way that was asked for, keep the result.

python -m beside.on_dask WAY FOLDER ADDRESS LOOPS ITERATIONS

The same command starts a driver and starts it again. What it needs to know of its past it finds in
the folder, if its system keeps anything.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from beside.work import Pair

__all__ = ["Job", "drive"]


class Job(NamedTuple):
    """What a driver is given."""

    folder: Path
    address: str
    """Of the Dask scheduler, for those that use one."""
    loops: int
    iterations: int
    """Of each loop."""

    @property
    def diary(self) -> str:
        """Where iterations note that they begin and end."""
        return str(self.folder / "diary")


def drive(ways: Mapping[str, Callable[[Job], Sequence[Pair]]]) -> None:
    """Do the job of the command line, and put what came of it into the folder."""
    way, folder, address, loops, iterations = sys.argv[1:]
    job = Job(Path(folder), address, int(loops), int(iterations))
    pairs = [list(pair) for pair in ways[way](job)]
    whole = job.folder / "result.json"
    part = whole.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(pairs))
    part.replace(whole)
