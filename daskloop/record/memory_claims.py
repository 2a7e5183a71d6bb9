"""Claims in the machine's memory, for runs whose workers are all on this machine.

A file on a disk takes 0.04 to 0.9 ms to make, in memory 0.02 ms. Files there outlive every process,
as claims have to; they do not outlive the machine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time

from daskloop.errors import StoreError
from daskloop.record.claims import Claims

__all__ = ["forget_memory_claims", "memory_claims"]

_PLACE = "/dev/shm"
_PREFIX = "daskloop-"
_LONGEST = 30 * 86_400  # seconds after which nobody comes back for the claims of a killed run


def memory_claims(run: str) -> Claims | None:
    """Make the claims of a run in memory; None where this machine has no place for that.

    Parameters
    ----------
    run : str
        Name of the run: a driver that resumes it finds the same claims.
    """
    try:
        if not os.path.ismount(_PLACE) or not os.access(_PLACE, os.W_OK):
            return None
        _sweep()
        return Claims(_path(run))
    except (OSError, StoreError):  # the disk does as well
        return None


def forget_memory_claims(run: str) -> None:
    """Remove the claims of a run, if there are any."""
    shutil.rmtree(_path(run), ignore_errors=True)


def _path(run: str) -> str:
    return f"{_PLACE}/{_PREFIX}{run}"


def _sweep() -> None:
    """Remove what drivers left that were killed long ago, and whose runs nobody resumed."""
    oldest = time.time() - _LONGEST
    with os.scandir(_PLACE) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # another process sweeps as well
                if not entry.name.startswith(_PREFIX):
                    continue
                found = entry.stat(follow_symlinks=False)
                own = found.st_uid == os.geteuid() and stat.S_ISDIR(found.st_mode)
                if own and found.st_mtime < oldest:
                    shutil.rmtree(entry.path, ignore_errors=True)
