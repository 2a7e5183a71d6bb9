"""The children of a runner, one at a time, as the worker sees them: born, stopped, dead.

The worker starts the keeper and tells it when it wants a child and when it wants one killed; the
keeper tells of births, with a socket, and of deaths, see `daskloop.run.apart_keeper`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

from daskloop.run.apart_keeper import KEEPER
from daskloop.run.apart_outfit import Outfit
from daskloop.run.apart_wire import DIED, KILL, NEW, NEXT, NOTICE

__all__ = ["Child", "Children"]

_SLOTS = 8
"""Tasks whose shared orders a child keeps."""

_DYING = 5.0
"""Seconds for which the death of a killed child is waited for; the kernel may hold one up."""

_ENDING = 5.0
"""Seconds that the keeper has to end, before it is killed."""


@dataclass(eq=False)
class Child:
    """A process that makes attempts.

    Parameters
    ----------
    pid : int
        Its process id.
    line : Connection
        To it.
    """

    pid: int
    line: Connection
    outfit: Outfit
    """What it was told of the worker last."""
    slots: dict[bytes, int] = field(default_factory=dict)
    """The shared orders that it was sent, oldest first."""

    def slot_of(self, shared: bytes) -> tuple[int, bool]:
        """Return where it keeps a shared order, and whether it is to be sent."""
        slot = self.slots.get(shared)
        if slot is not None:
            return slot, False
        full = len(self.slots) == _SLOTS
        slot = self.slots.pop(next(iter(self.slots))) if full else len(self.slots)
        self.slots[shared] = slot
        return slot, True


class Children:
    """A keeper, and the child that lives now.

    Parameters
    ----------
    fresh : bool
        Start a new Python for each child instead of forking one.

    Raises
    ------
    OSError
        If the keeper cannot be started.
    """

    def __init__(self, fresh: bool) -> None:
        self._outfit = Outfit.of_this_process()
        self._line, theirs = socket.socketpair()
        word = "fresh" if fresh else "fork"
        arguments = [word, str(theirs.fileno()), str(os.getpid()), *self._outfit.path]
        try:
            with theirs:
                self._keeper = subprocess.Popen(
                    [sys.executable, "-c", KEEPER, *arguments],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env=_environment(self._outfit),
                    start_new_session=True,
                )
        except BaseException:  # no pipe stays open, whatever came between; raised again
            self._line.close()
            raise
        self._child: Child | None = None
        self._asked = 0
        self._dead: dict[int, int] = {}
        self._tell(NEXT)

    def living(self) -> Child:
        """Return the child, or wait for the next one."""
        self._dead.clear()
        while True:
            while wait([self._line], 0):
                self._hear()
            if self._child is not None:
                return self._child
            if not self._asked:
                self._tell(NEXT)
            self._hear()

    def stop(self, child: Child) -> int:
        """Kill a child if it lives, and return how it ended once it has."""
        if self._child is child:
            self._child = None
        child.line.close()
        deadline = time.monotonic() + _DYING
        try:
            if child.pid not in self._dead:
                self._tell(KILL, child.pid)
            while child.pid not in self._dead:
                if not wait([self._line], max(0.0, deadline - time.monotonic())):
                    break
                self._hear()
        except OSError:  # there is no keeper to do it
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
        return self._dead.pop(child.pid, -signal.SIGKILL)

    def _tell(self, word: bytes, pid: int = 0) -> None:
        with contextlib.suppress(ConnectionError):  # noticed where it is read
            self._line.sendall(NOTICE.pack(word, pid, 0))
        self._asked += 1

    def _hear(self) -> None:
        """Take in what the keeper says; ConnectionError if it is gone."""
        data = b""
        descriptors: list[int] = []
        with contextlib.suppress(ConnectionError):  # reset, if it died without reading
            data, descriptors, _, _ = socket.recv_fds(self._line, NOTICE.size, 1)
        if len(data) < NOTICE.size:
            raise ConnectionError(
                "the process that starts those for attempts with a timeout has ended; what it said "
                "is on the worker's stderr"
            )
        word, pid, code = NOTICE.unpack(data)
        if word == NEW:
            (descriptor,) = descriptors
            os.set_inheritable(descriptor, False)
            self._asked -= 1
            self._child = Child(pid, Connection(descriptor), self._outfit)
        elif word == DIED:
            self._dead[pid] = code
            if self._child is not None and self._child.pid == pid:
                self._child.line.close()
                self._child = None

    def next_message(self, child: Child, seconds: float | None) -> bytes:
        """Return what the child says next, nothing if it says nothing; OSError if it is dead."""
        ready = wait([child.line, self._line], seconds)
        if child.line in ready:  # looked at first: what it said before it died counts
            try:
                return child.line.recv_bytes()
            except EOFError:
                raise ConnectionResetError from None
        if ready:
            self._hear()
            if child.pid in self._dead:
                raise ConnectionResetError
        return b""

    def replace(self) -> None:
        """Kill the child, so that the next one takes its place."""
        if self._child is not None:
            self.stop(self._child)

    def close(self) -> None:
        """End all processes."""
        self._line.close()
        if self._child is not None:
            self._child.line.close()
        try:
            self._keeper.wait(_ENDING)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()


def _environment(outfit: Outfit) -> dict[str, str]:
    """Add to the environment what hands on Dask's configuration, as Dask does itself."""
    config = sys.modules.get("dask.config")
    if config is None:
        return outfit.environment
    try:
        text: str = config.serialize(config.global_config)
    except (TypeError, ValueError):  # it holds what is no plain data; the files are read as well
        return outfit.environment
    return {**outfit.environment, "DASK_INTERNAL_INHERIT_CONFIG": text}
