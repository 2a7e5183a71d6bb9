"""Wait for the first worker of a cluster that has none at the moment."""

from __future__ import annotations

import concurrent.futures
import logging
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["await_first_worker"]

logger = logging.getLogger("daskloop.executors")


def await_first_worker(client: Client, limit: float) -> bool:
    """Wait until a worker has executed something; False if there is none in time.

    Parameters
    ----------
    client : distributed.Client
        A connected client.
    limit : float
        Seconds.

    Notes
    -----
    What is executed is a task, so that a cluster which starts workers when there is work starts
    one. To be called on the driver's thread, not on the client's event loop.
    """
    future = client.submit(int, key=f"daskloop-first-worker-{secrets.token_hex(8)}")
    try:
        future.result(limit)
    # The time is up, the scheduler went away, the worker died at once: nobody is there to ask.
    except (Exception, concurrent.futures.CancelledError) as error:
        logger.debug("no worker has come within %g s: %r", limit, error)
        return False
    finally:
        future.release()
    return True
