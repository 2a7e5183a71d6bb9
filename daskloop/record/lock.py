"""The lock by which one process at most drives a run: held while it lives, gone when it dies."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from daskloop.errors import RunLocked

__all__ = ["Holder", "RunLock", "holder", "is_held"]

_PATIENCE = 0.4  # seconds in which those who only look have long let go
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, in its own words."""

    pid: int
    host: str
    since: float
    """Seconds since the epoch."""

    @classmethod
    def this_process(cls) -> Holder:
        """Describe this process."""
        return cls(os.getpid(), socket.gethostname(), time.time())

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
        return f"process {self.pid} on {self.host}, since {since} UTC"

    def surely_lives(self) -> bool:
        """Tell whether a process of that number is there on this machine."""
        if self.host != socket.gethostname():
            return False
        with contextlib.suppress(OSError, OverflowError):
            os.kill(self.pid, 0)
            return True
        return False


class RunLock:
    """The right to drive a run, as `RunLock.take` gave it.

    Notes
    -----
    The system's own lock on an open file (``flock``): it ends with the process, however that
    ends. Programs that this process starts do not inherit it. A plain ``os.fork()`` does: the run
    then stays locked until that child ends too, unless the parent let go by `release`. A machine
    that cannot see the lock, on some network file systems, is found out by the epoch in the file.
    """

    def __init__(self, descriptor: int, holder: Holder) -> None:
        self.holder = holder
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: str, run: str) -> RunLock:
        """Take the lock, or refuse in less than a second.

        Parameters
        ----------
        path : str
            The lock file; made with mode 0600 if it is missing.
        run : str
            Name of the run, for the refusal.

        Raises
        ------
        RunLocked
            If somebody has it; the text names process, host and since when.
        OSError
            If the file cannot be opened.
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                if _try(descriptor, fcntl.LOCK_EX):
                    if _is_still(descriptor, path):
                        return cls._taken(descriptor)
                else:
                    found = _read(descriptor)
                    # Who only looks shares the lock; who holds it does not.
                    looked_at = _try(descriptor, fcntl.LOCK_SH)
                    named = found is not None and found.surely_lives()
                    if (named and not looked_at) or time.monotonic() > deadline:
                        raise _refusal(run, found)
            except BaseException:  # the file is closed, whatever came between; raised again
                os.close(descriptor)
                raise
            os.close(descriptor)
            # Somebody looks whether it is held, or the file was removed: a moment, then again.
            time.sleep(0.01)

    @classmethod
    def _taken(cls, descriptor: int) -> RunLock:
        holder = Holder.this_process()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)
        return cls(descriptor, holder)

    def release(self) -> None:
        """Let go; more than once is fine."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        # Unlocking ends the lock for forked children too; a child must not do that to its parent.
        if os.getpid() == self.holder.pid:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def is_held(path: str) -> bool:
    """Tell whether a process that lives holds the lock; a missing file is not held."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # missing, or none of ours: whoever reads the run is told what is wrong
        return False
    try:
        # Shared, so that two who look do not take each other for the holder.
        return not _try(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def holder(path: str) -> Holder | None:
    """Return who took the lock last, as far as the file says."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # it only makes a text better
        return None
    try:
        return _read(descriptor)
    finally:
        os.close(descriptor)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(descriptor: int, path: str) -> bool:
    """Tell whether the open file is the one that has that name; a removed one locks nobody out."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> Holder | None:
    try:
        found = json.loads(os.pread(descriptor, _LONGEST, 0))
        return Holder(int(found["pid"]), str(found["host"]), float(found["since"]))
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None  # its holder was just about to write it, or the file is not ours


def _refusal(run: str, found: Holder | None) -> RunLocked:
    who = "a process that did not leave its name"
    if found is not None:
        alive = found.surely_lives() or found.host != socket.gethostname()
        who = str(found) if alive else f"what was forked from {found}"
    return RunLocked(
        f"Run {run!r} is under way: {who}, drives it. Wait until it ends, or ask it to stop."
    )
