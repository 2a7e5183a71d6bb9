"""The process that forks, kills and reaps the children in which attempts with a timeout are made.

::

    worker ──► keeper ──fork──► child, leader of a group of its own
      └────────────socket─────────┘

The control socket is the life line: once its other end is closed, by the worker or by its death,
keeper and children end. It has one thread and never runs user code, so that forking is sound.
Where forking is not, a child starts a Python of its own.

Notes
-----
The keeper has a session of its own: neither Ctrl-C at a terminal nor a signal to the worker's
group ends it before it has ended its children.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import traceback
from multiprocessing.connection import Connection

from daskloop.run.apart_child import serve
from daskloop.run.apart_wire import DIED, KILL, NEW, NEXT, NOTICE

__all__ = ["CHILD", "KEEPER", "keep", "serve_at"]

KEEPER = """\
import sys
_, fresh, control, worker, *sys.path[:] = sys.argv
sys.argv[1:] = []
from daskloop.run.apart_keeper import keep
keep(int(control), int(worker), fresh == "fresh")
"""
"""The program of the keeper; its arguments are a word, a descriptor, a process id, the path."""

CHILD = """\
import sys
_, descriptor, *sys.path[:] = sys.argv
sys.argv[1:] = []
from daskloop.run.apart_keeper import serve_at
serve_at(int(descriptor))
"""
"""The program of a child that is not forked."""

_LOOK = 0.5  # seconds between looks for the worker: a fork of it may hold its end of the socket
_BROKEN = 70  # exit code of a child that could not even listen


def keep(control: int, worker: int, fresh: bool) -> None:
    """Serve a worker until it ends.

    Parameters
    ----------
    control : int
        Descriptor of the control socket.
    worker : int
        Process id of the worker.
    fresh : bool
        Start a new Python for each child, where forking is not sound.
    """
    with socket.socket(fileno=control) as line:
        keeper = _Keeper(line, worker, fresh)
        try:
            keeper.serve()
        finally:
            keeper.end()


def serve_at(descriptor: int) -> None:
    """Serve as a child that was not forked."""
    serve(Connection(descriptor))


class _Keeper:
    def __init__(self, line: socket.socket, worker: int, fresh: bool) -> None:
        self._line = line
        self._worker = worker
        self._fresh = fresh
        self._children: set[int] = set()
        self._alarm, self._bell = socket.socketpair()
        self._alarm.setblocking(False)
        self._bell.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)

    def serve(self) -> None:
        """Do what the worker says, and tell it of children that ended."""
        while os.getppid() == self._worker:
            ready, _, _ = select.select([self._line, self._alarm], [], [], _LOOK)
            if self._alarm in ready:
                with contextlib.suppress(BlockingIOError):
                    self._alarm.recv(4096)
                self._reap()
            if self._line in ready and not self._obey():
                return

    def end(self) -> None:
        """Kill all children, and what they started."""
        signal.set_wakeup_fd(-1)
        for pid in self._children:
            _kill(pid)

    def _obey(self) -> bool:
        """Do one thing that the worker wants; False if it is gone."""
        try:
            data = self._line.recv(NOTICE.size, socket.MSG_WAITALL)
        except ConnectionError:
            return False
        if len(data) < NOTICE.size:
            return False
        word, pid, _ = NOTICE.unpack(data)
        if word == KILL and pid in self._children:
            _kill(pid)
        if word in (KILL, NEXT):  # at once: the next attempt finds it there
            self._fork()
        return True

    def _reap(self) -> None:
        for pid in list(self._children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._children.discard(pid)
                code = os.waitstatus_to_exitcode(status)
                with contextlib.suppress(ConnectionError):  # noticed where it is read
                    self._line.sendall(NOTICE.pack(DIED, pid, code))

    def _fork(self) -> None:
        theirs, ours = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            theirs.close()
            self._become_child(ours.detach())
        ours.close()
        _lead(pid)
        self._children.add(pid)
        with theirs, contextlib.suppress(ConnectionError):
            socket.send_fds(self._line, [NOTICE.pack(NEW, pid, 0)], [theirs.fileno()])

    def _become_child(self, descriptor: int) -> None:
        """Serve until the worker is gone, and never return into the keeper."""
        code = _BROKEN
        try:
            _lead(0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for one in (self._line, self._alarm, self._bell):
                one.close()
            if self._fresh:
                os.set_inheritable(descriptor, True)
                command = [sys.executable, "-c", CHILD, str(descriptor), *sys.path]
                os.execv(sys.executable, command)
            serve(Connection(descriptor))
            code = 0
        # Whatever it is, it must not get into the keeper's own code.
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)


def _lead(pid: int) -> None:
    """Make a child lead a group of its own; both sides do, whoever comes first."""
    with contextlib.suppress(OSError):  # it has done so and runs its program, or is gone
        os.setpgid(pid, pid)


def _kill(pid: int) -> None:
    """Kill a child that was not reaped yet, and what it started."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
