"""A program that is one node of a Dask cluster: ``scheduler PORT`` or ``nanny NAME ADDRESS``.

Only 127.0.0.1 is listened on. It ends when it has closed, or when it is killed. Dask keeps no spans
here, as in clusters that a run starts: 4 KB for each moment without work would hide a leak.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import dask.config

HOST = "127.0.0.1"
HTTP = {"dashboard": False, "dashboard_address": f"{HOST}:0"}
MEMORY = "450MB"

CONFIG = {
    "distributed.scheduler.worker-ttl": "8s",  # a worker that is stopped for longer is replaced
    "distributed.worker.multiprocessing-method": "spawn",
    "distributed.comm.timeouts.connect": "10s",
    # What is kept for an hour, or until there is much of it, would hide a leak: trees of calls,
    # what was told of clients that have gone, lines of logs, samples of the system.
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.events-cleanup-delay": "30s",
    "distributed.admin.log-length": 100,
    "distributed.admin.system-monitor.log-length": 100,
}


async def _serve(kind: str, *words: str) -> None:
    from distributed import Nanny, Scheduler

    from daskloop.executors.unwatched import scheduler_plugins, worker_plugins

    node: Any
    if kind == "scheduler":
        node = Scheduler(host=HOST, port=int(words[0]), plugins=scheduler_plugins(), **HTTP)
    else:
        name, address = words
        node = Nanny(
            address,
            name=name,
            nthreads=1,
            host=HOST,
            memory_limit=MEMORY,
            death_timeout=20,
            preload=["tests.chaos.gates"],
            plugins=tuple(worker_plugins()),
            **HTTP,
        )
    async with node:
        print("up", flush=True)
        await node.finished()


def main() -> None:
    dask.config.set(CONFIG)
    asyncio.run(_serve(*sys.argv[1:]))


if __name__ == "__main__":
    main()
