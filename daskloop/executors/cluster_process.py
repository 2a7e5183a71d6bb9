"""The program of the child process that holds the scheduler and the nannies of a local cluster.

::

    driver ──stdin──► this process ──► fork server ──► worker process
    driver ◄── ready file ──┘ scheduler                worker process
                              one nanny per worker     ...

The driver's end of stdin is the life line: once it is closed, by the driver or by its death, all
of this ends. Because this process and not the user's program is the parent of the workers, no
worker imports the user's ``__main__``.

Notes
-----
One event loop runs the scheduler and the nannies; one thread waits for the end of stdin.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import pickle
import shutil
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from daskloop.config import flag

__all__ = [
    "ALLOWED_FAILURES",
    "ANY_PORT",
    "HOST",
    "HTTP_SERVER",
    "Order",
    "hush",
    "main",
    "scheduler_server",
]

HOST = "127.0.0.1"
ANY_PORT = f"{HOST}:0"

HTTP_SERVER: Mapping[str, Any] = {"dashboard": False, "dashboard_address": ANY_PORT}
"""For workers, and for schedulers without a dashboard. Without an address their HTTP servers would
listen everywhere."""

PRELOAD = ("daskloop.executors.fork_server", "daskloop.run.attempt")
"""Imported by the fork server; what cannot be, each worker imports itself, in 0.1 s more."""

LAST_RESORT = 8.0
"""Seconds after which this process ends at once, however far the closing is."""

ALLOWED_FAILURES = 1000
"""Deaths of workers that Dask lets a task see: who caused one is found out by daskloop."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the driver asks for."""

    workers: int
    """Number of worker processes."""
    config: Mapping[str, Any]
    """The driver's Dask configuration."""
    directory: str
    """For the ready file and the workers' scratch space; removed at the end."""
    ready_file: str
    """Written when every worker is up, or when that failed."""
    driver: int
    """Process id of the driver."""


def scheduler_server() -> Mapping[str, Any]:
    """Return what a scheduler is given of its HTTP server: a dashboard only where it is asked for.

    Its import takes longer than all the rest.
    """
    return {**HTTP_SERVER, "dashboard": flag("dashboard") is True}


def main() -> None:
    """Read the order from stdin and serve it until stdin ends."""
    order: Order = pickle.load(sys.stdin.buffer)
    method = _start_fork_server()
    import dask.config

    usual = order.config.get("distributed", {}).get("worker", {}).get("multiprocessing-method")
    dask.config.update(dask.config.config, order.config, priority="new")
    if method is not None:
        dask.config.set({"distributed.worker.multiprocessing-method": method})
        _leave_preload_alone()
    try:
        asyncio.run(_serve(order, usual or "spawn"))
    except Exception as error:  # whatever it is, the driver shows it to the user
        _report(order, {"error": _explained(error)})
        _wait_for_end_of_stdin()  # the driver has read it
    finally:
        shutil.rmtree(order.directory, ignore_errors=True)


async def _serve(order: Order, method: str) -> None:
    """Run scheduler and workers until the driver ends, or somebody shuts the scheduler down."""
    from distributed import Scheduler, Security

    from daskloop.executors.forgetting import ForgetfulScheduler
    from daskloop.executors.send_intervals import own_interval
    from daskloop.executors.send_plugins import ShortScheduler
    from daskloop.executors.slot import first_of, keep_worker, make_nanny
    from daskloop.executors.unwatched import scheduler_plugins

    hush()
    ended = asyncio.Event()
    _watch_driver(order, ended)
    scheduler = Scheduler(
        host=HOST,
        port=0,
        protocol="tls" if Security().require_encryption else "tcp",
        allowed_failures=ALLOWED_FAILURES,
        plugins=[ShortScheduler(own_interval()), ForgetfulScheduler(), *scheduler_plugins()],
        **scheduler_server(),
    )
    async with scheduler:
        up = [asyncio.get_running_loop().create_future() for _ in range(order.workers)]
        keepers = [
            asyncio.create_task(
                keep_worker(
                    partial(make_nanny, scheduler.address, method, name, order.workers),
                    name,
                    first,
                    ended,
                )
            )
            for name, first in enumerate(up)
        ]
        try:
            await asyncio.gather(*up)
            _report(order, {"address": scheduler.address})
            await first_of(ended.wait(), scheduler.finished())
        finally:
            ended.set()
            await asyncio.gather(*keepers)


def _watch_driver(order: Order, ended: asyncio.Event) -> None:
    """Set `ended` when the driver closes its end of stdin, or is gone."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        if ended.is_set():
            return
        ended.set()
        timer = threading.Timer(LAST_RESORT, _end_at_once, (order.directory,))
        timer.daemon = True
        timer.start()

    def tell(*_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(end)

    def wait() -> None:
        _wait_for_end_of_stdin()
        tell()

    def look_for_driver() -> None:
        # A fork of the driver may hold the other end of stdin open when the driver is gone.
        if sys.platform != "win32" and os.getppid() != order.driver:
            end()
        elif not ended.is_set():
            loop.call_later(1.0, look_for_driver)

    if sys.platform != "win32":
        # Not the loop's own way, which restores the deadly default when the loop is closed.
        signal.signal(signal.SIGTERM, tell)
    threading.Thread(target=wait, name="driver watch", daemon=True).start()
    look_for_driver()


def _end_at_once(directory: str) -> None:
    """End this process, however far the closing is; its workers end once they miss it."""
    shutil.rmtree(directory, ignore_errors=True)
    os._exit(1)


def _wait_for_end_of_stdin() -> None:
    while os.read(0, 1024):
        pass


def _start_fork_server() -> str | None:
    """Have workers forked from a server that has imported Dask: 0.1 instead of 0.4 seconds each.

    Returns
    -------
    str or None
        The method for Dask's ``distributed.worker.multiprocessing-method``; None where forking
        is not sound.
    """
    if sys.platform != "linux":
        return None
    import multiprocessing
    from multiprocessing import forkserver

    # Started before anything else is imported here, so that both processes import side by side.
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(PRELOAD))
    forkserver.ensure_running()
    return "forkserver"


def _leave_preload_alone() -> None:
    """Keep Dask from importing numpy, pandas and more here, as a preload for the server.

    The flag is private. Without it starting takes longer where these are installed, no more: the
    server is running by then, and a later preload has no effect on it.
    """
    import distributed.utils

    if hasattr(distributed.utils, "_forkserver_preload_set"):
        distributed.utils._forkserver_preload_set = True


def hush() -> None:
    """Have Dask write warnings and errors only."""
    for handler in logging.getLogger("distributed").handlers:
        handler.setLevel(logging.WARNING)


def _explained(error: BaseException) -> str:
    """Put an exception and its causes into one line."""
    lines: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(lines) < 5:
        lines.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__ or cause.__context__
    return "; from ".join(lines)


def _report(order: Order, message: Mapping[str, str]) -> None:
    """Write the ready file, whole or not at all."""
    draft = order.ready_file + ".part"
    with open(draft, "w", encoding="utf-8") as file:
        json.dump(message, file)
    os.replace(draft, order.ready_file)
