"""The processes of one measurement: a Dask cluster or a server where there is one, and a driver.

Whatever ends is started again, as a supervisor of services would. All of it carries a mark and is
ended by its process ids.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from urllib.error import URLError

import psutil
from beside.systems import System
from ending import end_all, start, started_by

__all__ = ["Site"]

_HOST = "127.0.0.1"
_BENCH = Path(__file__).resolve().parents[1]
_NODES = 2
_UP = 90.0  # seconds that a process has to come up

Process = subprocess.Popen[str]


class Site:
    """What runs, on 127.0.0.1 only.

    Parameters
    ----------
    system : System
        Which system.
    python : str
        The interpreter of its environment.
    folder : Path
        Empty; everything that is written goes there.
    job : tuple of int
        Loops, and iterations of each.
    """

    def __init__(self, system: System, python: str, folder: Path, job: tuple[int, int]) -> None:
        self.folder = folder
        self.driver: Process | None = None
        self._system, self._python, self._job = system, python, job
        self._port, self._server_port = 0, _free_port()
        self._scheduler: Process | None = None
        self._nannies: list[Process] = []
        self._started: list[tuple[Process, str]] = []
        self._files = ExitStack()

    def __enter__(self) -> Site:
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    @property
    def workers(self) -> list[int]:
        """Process ids of the workers that live."""
        spawned = sorted(one.pid for one in self._offspring() if _is_spawned(one))
        return spawned[self._system.helpers :]

    def drive(self) -> None:
        """Start a driver, as the first one or as the next."""
        loops, iterations = map(str, self._job)
        words = (self._system.way, str(self.folder), self._address, loops, iterations)
        self.driver = self._start("driver", self._system.module, *words)

    def mend(self) -> None:
        """Start again what has ended of the cluster."""
        if not self._system.on_dask:
            return
        assert self._scheduler is not None
        if self._scheduler.poll() is not None:
            self._start_scheduler()
        ended = [one for one in self._nannies if one.poll() is not None]
        for one in ended:
            self._nannies[self._nannies.index(one)] = self._start_nanny()

    def kill_scheduler(self) -> None:
        """Kill it."""
        assert self._scheduler is not None
        os.kill(self._scheduler.pid, signal.SIGKILL)

    def kill_driver(self) -> None:
        """Kill it, and nothing else, and wait until it is gone."""
        assert self.driver is not None
        self.driver.kill()
        self.driver.wait()

    @property
    def _address(self) -> str:
        return f"tcp://{_HOST}:{self._port}"

    def _open(self) -> None:
        if self._system.server:
            words = (word.replace("PORT", str(self._server_port)) for word in self._system.server)
            self._start("server", *words)
            _await(self._is_served, "the server")
        if self._system.on_dask:
            self._port = _free_port()  # now, lest what has just started is given it
            self._start_scheduler()
            self._nannies = [self._start_nanny() for _ in range(_NODES)]
            said = self.folder / "said-nanny"
            _await(lambda: said.read_text().count("up\n") == _NODES, "the cluster")

    def _start_scheduler(self) -> None:
        self._scheduler = self._start("scheduler", "beside.node", "scheduler", str(self._port))

    def _start_nanny(self) -> Process:
        return self._start("nanny", "beside.node", "nanny", self._address)

    def _start(self, name: str, *words: str) -> Process:
        said = self._files.enter_context((self.folder / f"said-{name}").open("a"))
        process, mark = start(
            [self._python, "-m", *words],
            env=self._environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        self._started.append((process, mark))
        return process

    def _environment(self) -> dict[str, str]:
        paths = [_BENCH] if self._system.environment else [_BENCH, _BENCH.parents[2]]
        own = {
            name: text.replace("FOLDER", str(self.folder)).replace("PORT", str(self._server_port))
            for name, text in self._system.env.items()
        }
        return {
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "TMPDIR": str(self.folder),
            "DASK_TEMPORARY_DIRECTORY": str(self.folder / "scratch"),
            **own,
        }

    def _offspring(self) -> list[psutil.Process]:
        """List the processes among which the workers are."""
        if self._system.on_dask:
            return [one for nanny in self._nannies for one in _children(nanny.pid)]
        by_driver = [both for both in self._started if both[0] is self.driver]
        pids = [pid for process, mark in by_driver for pid in started_by(process, mark)]
        # Parsl's pool of workers leaves the process that started it.
        return [one for pid in pids for one in _children(pid)]

    def _is_served(self) -> bool:
        try:
            with urllib.request.urlopen(
                f"http://{_HOST}:{self._server_port}/api/health", timeout=2
            ) as answer:
                return bool(answer.status == 200)
        except (URLError, ConnectionError, TimeoutError):
            return False

    def _close(self) -> None:
        for process, mark in reversed(self._started):
            if process.poll() is None:
                process.kill()
            end_all(process, mark)
        self._files.close()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((_HOST, 0))
        return int(found.getsockname()[1])


def _await(there: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _UP
    while not there():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come up within {_UP:.0f} s")
        time.sleep(0.05)


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []


def _is_spawned(process: psutil.Process) -> bool:
    """Tell whether multiprocessing has spawned it."""
    try:
        return any("spawn_main" in word for word in process.cmdline())
    except psutil.Error:  # it ended while we looked
        return False
