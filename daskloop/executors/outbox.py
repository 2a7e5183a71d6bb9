"""Send attempts and releases in company, and no more often than is of use.

::

    driver's thread                 client's event loop
    put, drop ─► what waits ─► send: release futures ─► a turn later: client.map, once per group

Dask's client sends a message at once if it has sent none for 10 ms, else when the 10 ms are over;
in clusters of our own it is 1 ms (see `send_intervals`). Submitting more often makes more graphs,
each of which costs a millisecond here and on the scheduler, and none of them arrives any sooner.
Where many attempts are under way, that cost counts and not the wait of one of them: then it is
10 ms everywhere. A release that left by itself would hold up the
submission that comes next: releases wait for it, unless none comes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

from daskloop.executors.hold import Hold, disown
from daskloop.executors.send_intervals import USUAL, interval_of
from daskloop.executors.session import Demand, Job, Key

__all__ = ["Outbox"]

logger = logging.getLogger("daskloop.executors")

_FEW = 24  # attempts not released; at a millisecond of work for each, more take 10 ms anyway
_ALONE = 0.050  # seconds that releases wait for a submission to go with
_CHUNK = 4_000_000  # bytes of orders in one graph: Dask warns of graphs above 10 MB


class Outbox:
    """What a session has to send.

    Parameters
    ----------
    client : distributed.Client
        Sends it.
    follow : callable
        Takes each future that was made.
    unsent : callable
        Takes the keys of attempts that could not be sent.
    hold : Hold, optional
        Keeps what is sent for a later driver, should this one die.

    Notes
    -----
    `put` and `drop` may be called on any thread, all else on the client's event loop.
    """

    def __init__(
        self,
        client: Any,
        follow: Callable[[Any], None],
        unsent: Callable[[Sequence[Key]], None],
        hold: Hold | None = None,
    ) -> None:
        self.futures: dict[Key, Any] = {}
        """The futures of all attempts that were sent and not released."""
        self.leaning: set[Key] = set()
        """Those of them that prefer a worker, or may: an earlier driver has sent them."""
        self.connected_at = time.monotonic()
        """When the present connection was found, in seconds of `monotonic`."""
        self._comm = client.scheduler_comm
        self._client = client
        self._follow = follow
        self._unsent = unsent
        self._hold = hold
        self._jobs: deque[Job] = deque()
        self._dropped: deque[Key] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._sent = 0.0

    def put(self, jobs: Sequence[Job]) -> None:
        """Have attempts sent as soon as it makes sense."""
        self._jobs.extend(jobs)
        self._client.loop.add_callback(self._plan, 0.0)

    def drop(self, keys: Sequence[Key]) -> None:
        """Have futures released, with the next attempts that are sent."""
        first = not self._dropped
        self._dropped.extend(keys)
        if first:
            self._client.loop.add_callback(self._plan, _ALONE)

    def settle(self) -> None:
        """Let go of all that was held, if another connection has taken the place of that one.

        Dask has cancelled what was in flight, and may not have heard of what was released since:
        held on, it would be executed again when the worker dies that has its result.
        """
        comm = self._client.scheduler_comm
        if self._client.status != "running" or comm is self._comm:
            return
        self._comm, self.connected_at = comm, time.monotonic()
        if self._hold is not None:
            self._hold.end()

    def close(self) -> None:
        """Send nothing any more, and release everything."""
        if self._timer is not None:
            self._timer.cancel()
        self._jobs.clear()
        for future in self.futures.values():
            future.release()
        self.futures.clear()
        self.leaning.clear()
        if self._hold is not None:
            self._hold.end()

    def adopt(self, keys: Sequence[Key]) -> None:
        """Follow attempts that an earlier driver has sent; then let go of all else it held."""
        if self._hold is None:
            return
        for key, future in zip(keys, self._hold.adopt(keys), strict=True):
            self.futures[key] = future
            self.leaning.add(key)
            self._follow(future)
        self._hold.end_earlier()

    def _plan(self, delay: float) -> None:
        loop = asyncio.get_running_loop()
        due = max(loop.time() + delay, self._sent + self._pause())
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due, self._send)

    def _pause(self) -> float:
        """Return the seconds between two submissions, as short as can be of use."""
        interval = interval_of(self._client)
        return interval if len(self.futures) <= _FEW else max(interval, USUAL)

    def _send(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        self._sent = loop.time()
        self.settle()
        dropped = {self._dropped.popleft() for _ in range(len(self._dropped))}
        cancelled = []
        for key in dropped:
            future = self.futures.pop(key, None)
            if future is not None:
                if future.cancelled():
                    cancelled.append(key)
                future.release()
        self.leaning -= dropped
        if self._hold is not None and dropped:
            self._hold.let_go(list(dropped))
        if cancelled:
            disown(self._client, cancelled)
        jobs = [self._jobs.popleft() for _ in range(len(self._jobs))]
        jobs = [job for job in jobs if job.key not in dropped]
        if jobs:
            # Dask passes a release on one turn of the loop later than a submission.
            loop.call_soon(self._submit, jobs)

    def _submit(self, jobs: Sequence[Job]) -> None:
        """Send attempts, one graph for those of the same priority and demand."""
        groups: defaultdict[tuple[int, Demand], list[Job]] = defaultdict(list)
        for job in jobs:
            groups[job.priority, job.demand].append(job)
        for (priority, demand), group in sorted(groups.items(), key=lambda g: -g[0][0]):
            for chunk in _chunks(group):
                # A submission made while the connection is down would stay pending for ever.
                if self._client.status != "running":
                    self._unsent([job.key for job in chunk])
                    continue
                try:
                    self._map(chunk, priority, demand)
                # Nobody waits for this callback: whatever Dask raises must reach the driver.
                except Exception:
                    logger.debug("a submission failed", exc_info=True)
                    self._unsent([job.key for job in chunk])

    def _map(self, jobs: Sequence[Job], priority: int, demand: Demand) -> None:
        futures = self._client.map(
            jobs[0].function,
            [job.shared for job in jobs],
            [job.own for job in jobs],
            key=[job.key for job in jobs],
            pure=False,
            retries=0,
            priority=priority,
            **_asked(demand),
        )
        if self._hold is not None:
            self._hold.keep([job.key for job in jobs])
        for job, future in zip(jobs, futures, strict=True):
            self.futures[job.key] = future
            self._follow(future)
        if demand.workers and demand.allow_other_workers:
            self.leaning.update(job.key for job in jobs)


def _asked(demand: Demand) -> dict[str, Any]:
    """Say what Dask is asked for, in the words of ``Client.map``."""
    asked: dict[str, Any] = {}
    if demand.resources:
        asked["resources"] = dict(demand.resources)
    if demand.workers:
        asked["workers"] = list(demand.workers)
        asked["allow_other_workers"] = demand.allow_other_workers
    return asked


def _chunks(jobs: Sequence[Job]) -> list[list[Job]]:
    """Cut a group where its orders would make a graph too large for one message."""
    chunks: list[list[Job]] = [[]]
    size = 0
    for job in jobs:
        size += len(job.own)
        if size > _CHUNK and chunks[-1]:
            chunks.append([])
            size = len(job.own)
        chunks[-1].append(job)
    return chunks
