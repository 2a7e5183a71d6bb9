"""What a cluster is doing with attempts that are late, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daskloop.executors.offers import lacking
from daskloop.executors.session import Demand, Key
from daskloop.executors.stranded import slug_of

__all__ = ["why_late"]


def why_late(
    keys: Sequence[Key],
    known: Mapping[Key, str | None],
    workers: Mapping[str, Any],
    asked: Mapping[str, Demand],
) -> str:
    """Say it.

    Parameters
    ----------
    keys : sequence of Key
        The attempts.
    known : mapping
        What the scheduler calls the state of each.
    workers : mapping
        What the scheduler says of its workers, by address.
    asked : mapping
        What tasks ask of workers, by their slugs.
    """
    if not workers:
        return "the cluster has no workers"
    if all(worker.get("status") == "paused" for worker in workers.values()):
        return f"all {len(workers)} workers are paused (memory)"
    running = [key for key in keys if known.get(key) == "processing"]
    text = f"{len(workers)} workers, {len(running)} of {len(keys)} attempts are with workers"
    waiting = {slug_of(key) for key in keys if known.get(key) == "no-worker"}
    for slug in sorted(waiting & asked.keys()):
        if lack := lacking(asked[slug], workers):
            text += f"; task '{slug}' waits: {lack}"
    return f"{text}, the first is {running[0]}" if running else text
