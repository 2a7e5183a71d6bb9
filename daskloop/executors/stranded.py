"""Find attempts that wait for a worker under an address that it no longer has.

Dask looks up the name of a worker when an attempt is submitted, and keeps the address. A worker
that dies and is started again has the name that it had, and another address: attempts that were
with it, or waited for it, would wait for ever. So would those that only prefer a worker, if all
workers were gone for a moment: those that come are not looked at for them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from daskloop.executors.offers import lacking
from daskloop.executors.session import NO_DEMAND, Demand, Key

__all__ = ["Stranded"]


class Stranded:
    """Looks for such attempts, now and then.

    Parameters
    ----------
    asked : mapping
        What tasks ask of workers, by their slugs.

    Notes
    -----
    An attempt counts if it is found stranded twice in a row: the scheduler may be about to send
    it to the worker that has just come.
    """

    def __init__(self, asked: Mapping[str, Demand]) -> None:
        self._named = {
            slug: demand
            for slug, demand in asked.items()
            if demand.workers and not demand.allow_other_workers
        }
        self._seen: set[Key] = set()

    async def look(
        self, client: Any, keys: Iterable[Key], leaning: Collection[Key] = ()
    ) -> list[Key]:
        """Return the attempts that no worker will ever take, though there is one for them.

        Parameters
        ----------
        client : distributed.Client
            A connected client; this runs on its event loop.
        keys : iterable of Key
            All attempts in flight.
        leaning : collection of Key
            Those of them that any worker may run, and that prefer one.
        """
        bound = [key for key in keys if slug_of(key) in self._named] if self._named else []
        bound += [key for key in leaning if slug_of(key) not in self._named]
        if not bound:
            return []
        known = await client.scheduler.get_task_status(keys=bound)
        waiting = [key for key in bound if known.get(key) == "no-worker"]
        stranded = await self._stranded(client, waiting) if waiting else set()
        again = stranded & self._seen
        self._seen = stranded - again
        return sorted(again)

    async def _stranded(self, client: Any, waiting: Iterable[Key]) -> set[Key]:
        there = (await client.scheduler.identity(n_workers=-1))["workers"]
        running = {at: one for at, one in there.items() if one.get("status") == "running"}
        if not running:
            return set()
        return {key for key in waiting if lacking(self._demand(key), running) is None}

    def _demand(self, key: Key) -> Demand:
        return self._named.get(slug_of(key), NO_DEMAND)


def slug_of(key: Key) -> str:
    """Return the slug of an attempt's task: the first part of its key, without the run's digits.

    Examples
    --------
    >>> slug_of(("fib-1-7f3a9c12", -1, 2, 1, 0))
    'fib-1'
    """
    return str(key[0]).rpartition("-")[0]
