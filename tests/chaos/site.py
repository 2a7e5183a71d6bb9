"""The processes of a campaign: a scheduler, nannies with workers, a network, one driver.

::

    driver ──► network (proxy) ──► scheduler ◄── nanny ─ worker
                                             ◄── nanny ─ worker

All of them are in sessions of their own and carry a mark in their environment, so that none can
be left behind unseen. Whatever has ended is started again, as a supervisor of services would.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from tests.chaos.notes import FOLDER

__all__ = ["HOST", "Site", "free_port", "workers_of"]

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parent.parent.parent
_MARK = "CHAOS_SITE"
_UP = 60.0  # seconds that a node has to come up
_END = 20.0  # seconds that a process has to be gone once it was killed


def free_port() -> int:
    """Find a port of this machine that nobody has."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port


@dataclass
class Site:
    """A cluster, a network to it, and whoever drives.

    Parameters
    ----------
    folder : Path
        For notes and for what the processes say.
    nodes : int
        Number of nannies, each with one worker of one thread.
    """

    folder: Path
    nodes: int = 2
    scheduler: subprocess.Popen[str] | None = None
    network: subprocess.Popen[str] | None = None
    nannies: list[subprocess.Popen[str]] = field(default_factory=list)
    driver: subprocess.Popen[str] | None = None
    restarts: int = 0
    """How often a scheduler or a nanny was started again."""

    def __post_init__(self) -> None:
        self.port, self.entrance = free_port(), free_port()
        self.notes = self.folder / "notes"
        self.notes.mkdir()
        self.said = self.folder / "said"
        self.said.mkdir()
        self._mark = f"{os.getpid()}-{time.monotonic_ns()}"
        self._lives = 0

    @property
    def address(self) -> str:
        """Where drivers find the scheduler: through the network."""
        return f"tcp://{HOST}:{self.entrance}"

    @property
    def inside(self) -> str:
        """Where the scheduler is."""
        return f"tcp://{HOST}:{self.port}"

    def open(self) -> None:
        """Start everything but the driver."""
        self.network = self._start("network", "tests.chaos.proxy", self.entrance, self.port)
        self._start_scheduler()
        self.nannies = [self._start_nanny(number) for number in range(self.nodes)]
        for started in (self.network, self.scheduler, *self.nannies):
            _await_up(started)

    def mend(self) -> None:
        """Start again what has ended."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            self.restarts += 1
            self._start_scheduler()
        for number, nanny in enumerate(self.nannies):
            if nanny.poll() is not None:
                self.restarts += 1
                _close(nanny)
                self.nannies[number] = self._start_nanny(number)

    def _start_scheduler(self) -> None:
        if self.scheduler is not None:
            _close(self.scheduler)
        self.scheduler = self._start("scheduler", "tests.chaos.nodes", "scheduler", self.port)

    def _start_nanny(self, number: int) -> subprocess.Popen[str]:
        words = ("nanny", f"node-{number}", self.inside)
        return self._start(f"nanny-{number}", "tests.chaos.nodes", *words)

    def drive(self, *words: object) -> subprocess.Popen[str]:
        """Start a driver: a module, and its arguments."""
        assert self.driver is None
        self._lives += 1
        self.driver = self._start(f"driver-{self._lives:03d}", *words)
        return self.driver

    def driver_ended(self) -> int | None:
        """Return the driver's exit code once it has ended, and let go of it."""
        if self.driver is None:
            return None
        code = self.driver.poll()
        if code is not None:
            _close(self.driver)
            self.driver = None
        return code

    def say(self, how: str) -> None:
        """Tell the network how to be."""
        assert self.network is not None
        assert self.network.stdin is not None
        self.network.stdin.write(how + "\n")
        self.network.stdin.flush()
        _await_line(self.network, "done")

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes that live."""
        return [one for nanny in self.nannies for one in workers_of(nanny.pid)]

    def environment(self) -> Mapping[str, str]:
        """Return the environment of all processes."""
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "TMPDIR": str(self.folder),
            "DASK_TEMPORARY_DIRECTORY": str(self.folder / "scratch"),
            "DASK_DASKLOOP__CONNECT_TIMEOUT": "20s",
            FOLDER: str(self.notes),
            _MARK: self._mark,
        }

    def _start(self, name: str, module: object, *words: object) -> subprocess.Popen[str]:
        with (self.said / name).open("a") as said:
            return subprocess.Popen(
                [sys.executable, "-m", str(module), *map(str, words)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if name in _TALKERS or "nanny" in name else said,
                stderr=said,
                text=True,
                start_new_session=True,
                cwd=self.folder,
                env=self.environment(),
            )

    def close(self) -> list[str]:
        """End everything, and say what did not end with its parent.

        Returns
        -------
        list of str
            Processes that outlived the one which started them.
        """
        started = [self.driver, self.network, self.scheduler, *self.nannies]
        for one in started:
            if one is not None and one.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    one.send_signal(signal.SIGKILL)
        for one in started:
            if one is not None:
                _close(one)
        deadline = time.monotonic() + _END
        while (left := self._left()) and time.monotonic() < deadline:
            time.sleep(0.05)
        said = [f"process {one.pid}: {' '.join(_command(one))[:200]}" for one in left]
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        return said

    def _left(self) -> list[psutil.Process]:
        """List the processes that carry the mark and live."""
        return [one for one in psutil.process_iter() if _carries(one, self._mark)]


_TALKERS = ("network", "scheduler")


def workers_of(pid: int) -> list[psutil.Process]:
    """Return the worker processes of a nanny."""
    try:
        children = psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []
    return [one for one in children if any("spawn_main" in word for word in _command(one))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:  # it ended while we looked
        return []


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        living = process.status() != psutil.STATUS_ZOMBIE
        return living and process.environ().get(_MARK) == mark
    except psutil.Error:  # it ended while we looked, or is somebody else's
        return False


def _await_up(process: subprocess.Popen[str]) -> None:
    _await_line(process, "up")


def _await_line(process: subprocess.Popen[str], wanted: str) -> None:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _UP)
    line = process.stdout.readline().strip() if ready else "nothing"
    assert line == wanted, f"{process.args!r} said {line!r}, not {wanted!r}"


def _close(process: subprocess.Popen[str]) -> None:
    """Let go of a process that has ended or is about to."""
    process.wait(_END)
    pipes: tuple[IO[str] | None, ...] = (process.stdin, process.stdout)
    for pipe in pipes:
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
