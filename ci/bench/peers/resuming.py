"""Kill a driver in the middle of a recorded loop, start it again, and count what ran twice."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ending import MARK, end_all, start

__all__ = ["run_again"]

_LONGEST = 80.0  # seconds for each of the two drivers


def run_again(command: Sequence[str], iterations: int) -> int:
    """Return how many iterations ran twice.

    Parameters
    ----------
    command : sequence of str
        Runs the loop to its end, or goes on with it, given `--recorded FOLDER`.
    iterations : int
        How many the loop has. Its middle one kills the driver before it ends, so that one is
        counted wherever it is run again.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder, "armed").write_text(str(iterations // 2))
        ended = _drive([*command, "--recorded", folder])
        if ended != -signal.SIGKILL:
            raise RuntimeError(f"the first driver ended with {ended}, not by SIGKILL")
        ended = _drive([*command, "--recorded", folder])
        if ended != 0:
            raise RuntimeError(f"the second driver ended with {ended}")
        return len(Path(folder, "diary").read_text().splitlines()) - iterations


def _drive(command: list[str]) -> int:
    """Run one driver, and end whatever outlives it."""
    process, mark = start(command, os.environ.get(MARK, ""), stdout=subprocess.DEVNULL)
    try:
        return process.wait(timeout=_LONGEST)
    finally:
        end_all(process, mark)
