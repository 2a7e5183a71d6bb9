"""Run attempts as Dask futures on a connected client.

::

    driver thread                        client's event loop
    submit, release ─► outbox ─────────► client.map ─► scheduler
                                         each that ends ─► one gather for all that ended
    driver's inbox ◄── Returned, Gone ───┘

One future per attempt, under a key of its own, without dependencies: the scheduler keeps
nothing of a loop but what is in flight. Outcomes are small values and are gathered in one go.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daskloop.executors.cancelled import why_cancelled
from daskloop.executors.company import Company
from daskloop.executors.datasets import unpublish, unpublish_others
from daskloop.executors.hold import Hold
from daskloop.executors.lateness import why_late
from daskloop.executors.outbox import Outbox
from daskloop.executors.session import Demand, Gone, Job, Key, Post, Reach, Returned, Severed
from daskloop.executors.stranded import Stranded

if TYPE_CHECKING:
    from daskloop.executors.connection import Connection

__all__ = ["DaskSession"]

logger = logging.getLogger("daskloop.executors")

_REFRESH = 1.0  # seconds between looks at the cluster's size and the connection
_SPLIT = 0.5  # seconds after which a gather that hangs on one lost result lets the others go


class DaskSession:
    """Submits attempts to a Dask cluster and collects their envelopes.

    Parameters
    ----------
    connection : Connection
        An open connection; closed with the session.
    post : callable
        Takes what came back; called on the client's event loop.
    slots : int
        How many attempts can execute at once, as far as is known now.
    hold : Hold, optional
        Keeps attempts for a later driver, should this one die.
    asked : mapping, optional
        What tasks ask of workers, by their slugs, to say why they wait.

    Notes
    -----
    `submit`, `release` and `close` belong to the driver's thread, every coroutine to the
    client's event loop.
    """

    def __init__(
        self,
        connection: Connection,
        post: Post,
        *,
        slots: int,
        hold: Hold | None = None,
        asked: Mapping[str, Demand] | None = None,
    ) -> None:
        self._asked = asked or {}
        self._stranded = Stranded(self._asked)
        self.description = connection.description
        self._connection = connection
        self._client = connection.client
        self._post = post
        self._slots = slots
        self._unsent: list[Key] = []
        self._can_adopt = hold is not None
        self._outbox = Outbox(self._client, self._follow, self._keep_unsent, hold)
        self._answered = time.monotonic()
        self._company = Company(self._asked)
        self._has_published = False
        self._ended: list[Any] = []
        self._closed = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._client.sync(self._start)

    async def _start(self) -> None:
        self._more = asyncio.Event()
        self._listening = self._spawn(self._listen())
        self._spawn(self._watch())

    def _spawn(self, coroutine: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[Any]) -> None:
        """Forget a task; an error of ours in it ends the run, which would wait for ever else."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._closed:
            logger.error("daskloop's session with the Dask scheduler failed", exc_info=error)
            self._sever(f"daskloop's session with the Dask scheduler failed: {error!r}")

    def slots(self) -> int:
        """Return the threads of all workers, as of a moment ago."""
        return self._slots

    def submit(self, jobs: Sequence[Job]) -> None:
        """Send attempts with the next message to the scheduler."""
        self._outbox.put(jobs)

    def adopt(self, keys: Sequence[Key]) -> None:
        """Look for attempts of an earlier driver on the scheduler; the others are gone."""
        self._client.loop.add_callback(lambda: self._spawn(self._adopt(list(keys))))

    async def _adopt(self, keys: list[Key]) -> None:
        known: Mapping[Key, str | None] = {}
        if self._can_adopt and keys:
            try:
                known = await self._client.scheduler.get_task_status(keys=keys)
            except (OSError, asyncio.TimeoutError) as error:
                logger.debug("the scheduler did not answer: %r", error)
        there = [key for key in keys if known.get(key) not in (None, "forgotten", "released")]
        self._outbox.adopt(there)
        for key in keys:
            if key not in self._outbox.futures:
                self._post(Gone(key, "left", "the scheduler does not know it any more"))

    def release(self, keys: Sequence[Key]) -> None:
        """Let go of futures, so that the scheduler forgets them."""
        self._outbox.drop(keys)

    def unpublish(self, names: Sequence[str]) -> None:
        """Let go of datasets that attempts have published."""
        self._has_published = True
        self._client.loop.add_callback(lambda: self._spawn(unpublish(self._client, names)))

    def unpublish_others(self, prefix: str, kept: Collection[str]) -> None:
        """Let go of all datasets whose names begin like this, but for some."""
        if self._has_published or kept:
            # Those of a cluster of its own go with it, and it would complain of that.
            unpublish_others(self._client, prefix, () if self._connection.owned_cluster else kept)

    def work(self) -> bool:
        """Do nothing: workers work."""
        return False

    def _follow(self, future: Any) -> None:
        self._company.joined(future.key)
        self._spawn(self._await_end(future))

    def _keep_unsent(self, keys: Sequence[Key]) -> None:
        self._unsent.extend(keys)

    async def _await_end(self, future: Any) -> None:
        try:
            await future.exception()  # comes back however the future ended, and asks nobody
        finally:
            self._company.left(future.key)
        if self._outbox.futures.get(future.key) is future:  # else it was released meanwhile
            self._ended.append(future)
            self._more.set()

    async def _listen(self) -> None:
        """Collect what ends: one gather at a time, and the next takes all that ended since."""
        while True:
            await self._more.wait()
            await self._company.gathers(self._ended, self._slots)
            self._more.clear()
            ended, self._ended = self._ended, []
            await self._collect(ended)

    async def _collect(self, futures: Sequence[Any]) -> None:
        finished = []
        for future in futures:
            if future.status == "finished":
                finished.append(future)
            elif future.status in ("error", "cancelled"):
                self._post(await self._gone(future))
            else:  # lost between its end and here: Dask runs it again by itself
                self._follow(future)
        if not finished:
            return
        gathering = self._spawn(self._gather(finished))
        done, _ = await asyncio.wait({gathering}, timeout=_SPLIT)
        if not done and len(finished) > 1:
            for future in finished:
                self._spawn(self._gather([future]))

    async def _gather(self, futures: Sequence[Any]) -> None:
        named = {str(i): future for i, future in enumerate(futures)}
        try:
            values = await self._client.gather(named, errors="skip", asynchronous=True)
        # The connection broke, or the client was closed, in the middle: `_watch` tells which.
        except Exception as error:
            logger.debug("gathering %d outcomes failed: %r", len(futures), error)
            for future in futures:
                self._post(Gone(future.key, "disconnected", repr(error)))
            return
        for number, future in named.items():
            value = values.get(number)
            if isinstance(value, bytes):
                self._post(Returned(future.key, value))
            else:
                self._post(await self._gone(future))

    async def _gone(self, future: Any) -> Gone:
        """Find out why a future has no value."""
        from distributed import KilledWorker

        try:
            await self._client.gather([future], errors="raise", asynchronous=True)
        except KilledWorker as error:
            return Gone(future.key, "worker-lost", str(error))
        except concurrent.futures.CancelledError as error:
            return Gone(future.key, *why_cancelled(error))
        # Whatever Dask itself made of the attempt; the wrapper on the worker lets nothing through.
        except Exception as error:
            return Gone(future.key, "refused", f"{type(error).__name__}: {error}"[:2000])
        return Gone(future.key, "forgotten", f"the future is {future.status}")

    async def _watch(self) -> None:
        """Keep the number of slots up to date, and notice a connection that is gone."""
        while True:
            await asyncio.sleep(_REFRESH)
            if self._connection.is_hopeless():
                self._sever("the connection to the Dask scheduler is gone: its process has died")
                return
            status = self._client.status
            if status == "running":
                self._connection.send_soon()
                outbox, asked = self._outbox, time.monotonic()
                outbox.settle()
                unsent, self._unsent = self._unsent, []
                for key in unsent:
                    self._post(Gone(key, "disconnected", "the connection was down"))
                try:
                    threads = await self._client.scheduler.ncores()
                    lost = await self._stranded.look(self._client, outbox.futures, outbox.leaning)
                except (OSError, asyncio.TimeoutError, ValueError) as error:
                    logger.debug("the scheduler did not answer: %r", error)
                    continue
                self._answered = asked
                self._slots = sum(threads.values())
                for key in lost:
                    self._post(Gone(key, "worker-lost", "the worker it was bound to died"))
            elif status in ("closed", "closing"):
                self._sever("the connection to the Dask scheduler is closed")
                return

    def _sever(self, detail: str) -> None:
        """End the run's hope, and the listening: a closed client can be told nothing later."""
        self._post(Severed(detail))
        self._listening.cancel()

    def reach(self) -> Reach:
        """Say for how long what was said has been heard."""
        return Reach(self._outbox.connected_at, self._answered)

    def explain(self, keys: Sequence[Key]) -> str:
        """Say what the cluster is doing with attempts that are late."""
        if self._client.status != "running":
            return f"the connection to the scheduler is {self._client.status}"
        try:
            return str(self._client.sync(self._explain, list(keys), callback_timeout=3))
        except (OSError, asyncio.TimeoutError, TimeoutError) as error:
            return f"the scheduler does not answer ({type(error).__name__})"

    async def _explain(self, keys: list[Key]) -> str:
        workers = (await self._client.scheduler.identity(n_workers=-1))["workers"]
        known = await self._client.scheduler.get_task_status(keys=keys) if workers else {}
        self._look_after(known)
        return why_late(keys, known, workers, self._asked)

    def _look_after(self, known: Mapping[Key, str | None]) -> None:
        """Take up attempts that the scheduler has ended with or forgotten without our hearing."""
        for key, state in known.items():
            future = self._outbox.futures.get(key)
            if state in ("forgotten", "released", None):
                self._post(Gone(key, "forgotten", "the scheduler does not know it"))
            elif state in ("memory", "erred") and future is not None:
                self._spawn(self._gather([future]))

    def close(self) -> None:
        """Release every future, stop listening, close the connection."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._client.status in ("running", "connecting"):
                self._client.sync(self._stop, callback_timeout=5)
        finally:
            self._connection.close()

    async def _stop(self) -> None:
        self._outbox.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
