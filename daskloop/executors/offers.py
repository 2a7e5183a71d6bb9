"""What attempts ask of workers, and whether the workers there offer it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daskloop.executors.session import Demand

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["check_inline", "check_offers", "is_whole", "lacking"]

logger = logging.getLogger("daskloop.executors")

TIMEOUT = 30.0
"""Seconds that the scheduler has to answer."""

_SHOWN = 5  # workers that are named in a text

Asked = Mapping[str, Demand]
"""What attempts ask for, by the slug of their task, after those of the loop flows around it."""

Workers = Mapping[str, Mapping[str, Any]]
"""What Dask's scheduler tells of its workers, by address."""


def lacking(demand: Demand, workers: Workers) -> str | None:
    """Say what no worker offers of what an attempt asks for.

    Parameters
    ----------
    demand : Demand
        What it asks for.
    workers : mapping
        What there is; for each address a mapping with `name`, `host` and `resources`.

    Returns
    -------
    str or None
        None if some worker may run it.

    Examples
    --------
    >>> there = {"tcp://10.0.0.5:4040": {"name": "alice", "resources": {"GPU": 1}}}
    >>> lacking(Demand(resources=(("GPU", 2.0),)), there)
    "no worker offers GPU=2; there is: 'alice' (GPU=1)"
    >>> lacking(Demand(workers=("alice",)), there)
    """
    named = workers
    if demand.workers and not demand.allow_other_workers:
        named = {at: one for at, one in workers.items() if _is_named(at, one, demand.workers)}
        if not named:
            names = ", ".join(map(repr, demand.workers))
            return f"no worker is called {names}; there is: {_list(workers)}"
    wanted = dict(demand.resources)
    if not wanted or any(_offers(one, wanted) for one in named.values()):
        return None
    who = "no worker" if named is workers else "no worker of those named"
    return f"{who} offers {_amounts(wanted)}; there is: {_list(named)}"


def check_inline(asked: Asked) -> None:
    """Refuse what cannot be had where there are no workers.

    Raises
    ------
    ValueError
        If a task asks for resources, or for certain workers only.
    """
    for task, demand in asked.items():
        if lacking(demand, {}) is not None:
            what = _amounts(dict(demand.resources)) or f"workers={list(demand.workers)}"
            raise ValueError(
                f"Task '{task}' asks for {what}, and the executor 'inline' has no workers: it runs "
                f"everything in the calling thread. {_advice(demand)} To call the plain function, "
                "write task.run(...)."
            )


def check_offers(client: Client, asked: Asked, *, whole: bool, description: str) -> None:
    """Look whether a cluster has what tasks ask for.

    Parameters
    ----------
    client : distributed.Client
        A connected client.
    asked : mapping
        What tasks ask for, by slug.
    whole : bool
        True if no other worker can come later; False has a warning instead of an error.
    description : str
        How the cluster is called.

    Raises
    ------
    ValueError
        If a task asks for what the cluster will never have.

    Notes
    -----
    To be called on the driver's thread, not on the client's event loop.
    """
    asked = {task: demand for task, demand in asked.items() if demand.is_particular}
    if not asked:
        return
    workers = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=TIMEOUT)[
        "workers"
    ]
    for task, demand in asked.items():
        lack = lacking(demand, workers)
        if lack is None:
            continue
        # Dask looks up a number among the workers that are there, and nowhere later.
        if whole or any(isinstance(one, int) for one in demand.workers):
            raise ValueError(
                f"Task '{task}' cannot run on {description}: {lack}. {_advice(demand)}"
            )
        logger.warning("task '%s' waits until %s has such a worker: %s", task, description, lack)


def is_whole(cluster: Any) -> bool:
    """Tell whether a cluster that was started for the run has all its workers from the start."""
    from distributed import LocalCluster

    from daskloop.executors.local_cluster import LocalProcesses, LocalThreads

    return isinstance(cluster, (LocalProcesses, LocalThreads, LocalCluster))


def _advice(demand: Demand) -> str:
    if demand.resources:
        given = {name: int(n) if n.is_integer() else n for name, n in demand.resources}
        start = f"DaskExecutor(cluster_kwargs={{'resources': {given}}})"
        return (
            f"Start workers that offer it, like executor={start} or `dask worker --resources "
            f'"{_amounts(given)}"`, or take resources= and tags dask-resource: off the task.'
        )
    return "Give the address of a cluster that has such a worker, or take workers= off the task."


def _is_named(address: str, worker: Mapping[str, Any], names: tuple[str | int, ...]) -> bool:
    """Tell whether names mean a worker, in the ways in which Dask's scheduler understands them."""
    own = (address, address.rpartition("://")[2], worker.get("name"), worker.get("host"))
    return any(name == one and type(name) is type(one) for name in names for one in own)


def _offers(worker: Mapping[str, Any], wanted: Mapping[str, float]) -> bool:
    offered = worker.get("resources") or {}
    return all(offered.get(name, 0) >= amount for name, amount in wanted.items())


def _list(workers: Workers) -> str:
    shown = [
        f"{one.get('name', address)!r} ({_amounts(one.get('resources') or {}) or 'no resources'})"
        for address, one in list(workers.items())[:_SHOWN]
    ]
    if len(workers) > _SHOWN:
        shown.append(f"and {len(workers) - _SHOWN} more")
    return ", ".join(shown) or "no worker"


def _amounts(resources: Mapping[str, float]) -> str:
    return " ".join(f"{name}={amount:g}" for name, amount in resources.items())
