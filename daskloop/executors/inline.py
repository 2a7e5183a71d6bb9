"""Run every attempt in the calling thread, without Dask: for debugging and unit tests."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Sequence

from daskloop.executors.session import Arrival, Gone, Job, Key, Post, Reach, Returned

__all__ = ["InlineSession"]


class InlineSession:
    """Executes attempts one at a time, continuing loops before beginning new ones.

    Parameters
    ----------
    post : callable
        Takes what came back.
    """

    description = "inline"

    def __init__(self, post: Post) -> None:
        self._post = post
        self._jobs: dict[int, deque[Job]] = {}
        self._queued: set[Key] = set()

    def slots(self) -> int:
        """Return one: there is only the calling thread."""
        return 1

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue attempts for `work`."""
        for job in jobs:
            self._jobs.setdefault(job.priority, deque()).append(job)
            self._queued.add(job.key)

    def adopt(self, keys: Sequence[Key]) -> None:
        """Say that all are gone: they ended with the process that executed them."""
        for key in keys:
            self._post(Gone(key, "left", "the process that executed it has ended"))

    def release(self, keys: Sequence[Key]) -> None:
        """Take attempts that have not begun off the queue."""
        self._queued.difference_update(keys)

    def unpublish(self, names: Sequence[str]) -> None:
        """Do nothing: there is no cluster to hold datasets."""

    def unpublish_others(self, prefix: str, kept: Collection[str]) -> None:
        """Do nothing: there is no cluster to hold datasets."""

    def work(self) -> bool:
        """Execute the first attempt of the highest priority, here."""
        for priority in sorted(self._jobs, reverse=True):
            queue = self._jobs[priority]
            while queue:
                job = queue.popleft()
                if job.key in self._queued:
                    self._queued.discard(job.key)
                    self._post(self._executed(job))
                    return True
        return False

    def _executed(self, job: Job) -> Arrival:
        try:
            return Returned(job.key, job.function(job.shared, job.own))
        # As on a worker: what happens outside of the body, such as a claim that the disk has no
        # room for, costs this attempt and not the run.
        except Exception as error:
            return Gone(job.key, "refused", f"{type(error).__name__}: {error}"[:2000])

    def reach(self) -> Reach:
        """Say that nothing is ever out of reach."""
        return Reach(0.0, time.monotonic())

    def explain(self, keys: Sequence[Key]) -> str:
        """Say nothing: the calling thread is where everything happens."""
        return ""

    def close(self) -> None:
        """Forget what is queued."""
        self._jobs.clear()
        self._queued.clear()
