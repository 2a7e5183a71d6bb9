"""What worker processes have imported when they are forked, and what a fork must not share.

Only the fork server of a local cluster imports this module, see `cluster_process`.
"""

from __future__ import annotations

import os
import sys

import dask.multiprocessing  # noqa: F401
import distributed  # noqa: F401

from daskloop.executors.cluster_process import hush

__all__ = ["draw_again"]


def draw_again() -> None:
    """Give a forked worker random numbers of its own.

    Python does so for its own module `random`. Dask imports numpy where it is installed, and
    numpy's global generator would be in the same state in all workers.
    """
    generators = sys.modules.get("numpy.random")
    if generators is not None:
        generators.seed()


hush()
os.register_at_fork(after_in_child=draw_again)
