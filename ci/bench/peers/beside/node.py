"""Be one node of a Dask cluster on 127.0.0.1: `scheduler PORT` or `nanny ADDRESS`.

Everything else is as Dask has it by default, in whichever version a system brings.
"""

from __future__ import annotations

import asyncio
import sys

HOST = "127.0.0.1"
_HTTP = {"dashboard": False, "dashboard_address": f"{HOST}:0"}


async def _serve(kind: str, where: str) -> None:
    from distributed import Nanny, Scheduler

    if kind == "scheduler":
        node = Scheduler(host=HOST, port=int(where), **_HTTP)
    else:
        node = Nanny(where, nthreads=1, host=HOST, memory_limit=0, death_timeout=20, **_HTTP)
    async with node:
        print("up", flush=True)
        await node.finished()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
