"""Prefect 3: tasks of a flow, on threads of the driver or on Dask, with its ephemeral server."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

# Before Prefect is imported, which reads them then. One home for both drivers of W7.
if "PREFECT_HOME" not in os.environ:
    home = os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="prefect-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
os.environ |= {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}

from measured import main
from peer import Peer
from prefect import flow, task
from prefect.cache_policies import INPUTS, NO_CACHE
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect_dask import DaskTaskRunner
from workloads import RETRY_DELAY, Counted, Pair, begin, grown, large
from workloads import add_one as add_one_function
from workloads import fail_once as fail_once_function
from workloads import grow as grow_function
from workloads import noted_step as noted_function
from workloads import sleepy_step as sleepy_function
from workloads import step as step_function

step = task(step_function, cache_policy=NO_CACHE)
sleepy_step = task(sleepy_function, cache_policy=NO_CACHE)
add_one = task(add_one_function, cache_policy=NO_CACHE)
fail_once = task(
    fail_once_function, cache_policy=NO_CACHE, retries=1, retry_delay_seconds=RETRY_DELAY
)
grow = task(grow_function, cache_policy=NO_CACHE)
noted_step = task(noted_function, cache_policy=INPUTS, persist_result=True)


@task(cache_policy=NO_CACHE)
def one_loop(seed: int, end: int, sleepy: bool) -> Pair:
    """Be one of many loops: a task whose iterations are tasks."""
    pair = begin(seed)
    while pair[1] != end:
        pair = sleepy_step(pair) if sleepy else step(pair)
    return pair


@flow
def chain(seed: int, end: int, submitted: bool) -> Pair:
    """Be W1."""
    pair = begin(seed)
    while pair[1] != end:
        pair = step.submit(pair).result() if submitted else step(pair)
    return pair


@flow
def loops(seeds: list[int], ends: list[int], sleepy: bool) -> list[Pair]:
    """Be W2 and W3."""
    return one_loop.map(seeds, ends, sleepy).result()


@flow
def wide(numbers: list[int]) -> list[int]:
    """Be W4."""
    return add_one.map(numbers).result()


@flow
def retry(numbers: list[int], folder: str) -> list[int]:
    """Be W5."""
    return fail_once.map(numbers, folder).result()


@flow
def payload(megabytes: int, iterations: int, submitted: bool) -> float:
    """Be W6."""
    carried: Any = large(megabytes)
    while not grown(carried, iterations):
        carried = grow.submit(carried).result() if submitted else grow(carried)
    return float(carried[1][-1])


@flow
def noted(folder: str, iterations: int, submitted: bool) -> int:
    """Be W7: started again, it finds in the cache what has ended."""
    counted: Counted = (0, 1, 2)
    while counted[0] < iterations:
        if submitted:
            counted = noted_step.submit(counted, folder).result()
        else:
            counted = noted_step(counted, folder)
    return counted[0]


class Threads(Peer):
    """Tasks of a flow, an iteration each, on threads."""

    packages = ("prefect",)
    submitted = False
    runner: TaskRunner[Any]

    @contextmanager
    def started(self, slots: int, folder: str) -> Iterator[None]:
        self.runner = ThreadPoolTaskRunner(max_workers=slots)
        yield

    def run(self, flow: Any, *arguments: Any) -> Any:
        """Run a flow where this peer runs its tasks."""
        return flow.with_options(task_runner=self.runner)(*arguments)

    def chain(self, seed: int, end: int) -> Pair:
        return tuple(self.run(chain, seed, end, self.submitted))

    def loops(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        return self.run(loops, list(seeds), list(ends), False)

    def work(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        return self.run(loops, list(seeds), list(ends), True)

    def wide(self, numbers: range) -> list[int]:
        return self.run(wide, list(numbers))

    def retry(self, count: int, folder: str) -> list[int]:
        return self.run(retry, list(range(count)), folder)

    def payload(self, megabytes: int, iterations: int) -> float:
        return self.run(payload, megabytes, iterations, self.submitted)

    def resume(self, folder: str, iterations: int) -> int:
        return self.run(noted, folder, iterations, self.submitted)


class OnDask(Threads):
    """The same tasks on a Dask cluster of processes that is up before."""

    packages = ("prefect", "prefect-dask", "distributed")
    submitted = True

    @contextmanager
    def started(self, slots: int, folder: str) -> Iterator[None]:
        from on_dask import client_of

        # One server for all: without an address, each worker process would start one of its own.
        server = SubprocessASGIServer()
        server.start(timeout=60)
        os.environ["PREFECT_API_URL"] = server.api_url
        try:
            with (
                temporary_settings({PREFECT_API_URL: server.api_url}),
                client_of(threads=False, slots=slots) as client,
            ):
                self.runner = DaskTaskRunner(address=client.scheduler.address)
                yield
        finally:
            server.stop()


if __name__ == "__main__":
    main("Prefect 3", {"threads": Threads, "Dask": OnDask})
