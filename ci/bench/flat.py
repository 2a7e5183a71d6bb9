"""Run a short loop and one ten times as long, and tell what memory the long one takes beyond it.

python ci/bench/flat.py SHORT LONG

prints one line of JSON: megabytes, and tasks that are left in the scheduler while states live.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time

import looping
import psutil
from batch import threads_cluster
from distributed import Client

_LOOK = 0.05  # seconds between looks at the memory


def peak_of(client: Client, iterations: int) -> float:
    """Run a loop and return the most memory that this process took meanwhile, in MB."""
    process, ended, peak = psutil.Process(), threading.Event(), 0.0

    def watch() -> None:
        nonlocal peak
        while not ended.wait(_LOOK):
            peak = max(peak, process.memory_info().rss / 1e6)

    gc.collect()
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        flow = looping.chain_flow
        state = flow.run(seed=1, iterations=iterations, executor=client, batch="auto")
        state.raise_if_failed()
    finally:
        ended.set()
        watcher.join()
    return peak


def main() -> None:
    """Run both, twice the short one: the first brings what is imported and cached."""
    short, long = int(sys.argv[1]), int(sys.argv[2])
    with threads_cluster(4) as cluster, Client(cluster) as client:
        peak_of(client, short)
        before = peak_of(client, short)
        after = peak_of(client, long)
        time.sleep(0.2)
        tasks = client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
    print(json.dumps({"grown": after - before, "tasks": tasks}))


if __name__ == "__main__":
    main()
