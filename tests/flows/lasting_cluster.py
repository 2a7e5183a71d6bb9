"""A program that is a Dask cluster of two worker processes, until its standard input ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__)


def traces_of_runs(address: str) -> tuple[list[str], list[str]]:
    """List the keys that a scheduler knows, and the holds of runs on it."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        found = client.run_on_scheduler(_look)
        return (found[0], found[1])


def _look(dask_scheduler: Any) -> tuple[list[str], list[str]]:
    holds = [name for name in dask_scheduler.clients if name.startswith("daskloop-")]
    return [str(key) for key in dask_scheduler.tasks], holds


def main() -> None:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=2,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        silence_logs=50,
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
