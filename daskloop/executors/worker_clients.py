"""The clients that Dask makes on its workers when a task asks for one, as `compute` in it does.

In a process of their own they end with it. Of workers in this process Dask closes them with the
last worker of all clusters, so that they go on looking for a scheduler that is gone, and one of
them stays the default client of the user's program.
"""

from __future__ import annotations

from typing import Any

__all__ = ["close_worker_clients"]

_CLIENT = "_client"  # of a distributed.Worker: not public
_MADE_BY_A_WORKER = "Client-worker-"


def close_worker_clients(cluster: Any) -> None:
    """Close the clients that workers of a cluster in this process have made.

    Parameters
    ----------
    cluster : distributed.deploy.Cluster
        About to be closed. One without workers in this process has none.
    """
    workers = getattr(cluster, "workers", None)
    for worker in workers.values() if isinstance(workers, dict) else ():
        client = getattr(worker, _CLIENT, None)
        if client is not None and str(client.id).startswith(_MADE_BY_A_WORKER):
            client.close()
