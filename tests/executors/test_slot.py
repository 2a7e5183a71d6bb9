"""Every place of a process cluster is filled again, whatever single process dies."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import psutil
import pytest

from daskloop.executors import slot
from daskloop.executors.choose import Temporary
from daskloop.executors.connection import Connection, open_connection
from daskloop.executors.local_cluster import start_processes

PATIENCE = 20.0  # less than a nanny waits for a worker that never comes

KINDS = ["worker", "fork server", "resource tracker"]

pytestmark = pytest.mark.skipif(not psutil.LINUX, reason="the fork server is for Linux")


class FakeNanny:
    """A nanny that behaves as told."""

    def __init__(self, starts: bool = True, stranded: bool = False, closes: bool = True) -> None:
        self._starts = starts
        self._stranded = stranded
        self._closes = closes
        self.closed = asyncio.Event()

    def __await__(self) -> Generator[Any, None, None]:
        yield from asyncio.sleep(0).__await__()
        if not self._starts:
            raise RuntimeError("it was killed")

    def is_stranded(self) -> bool:
        return self._stranded

    async def finished(self) -> None:
        await self.closed.wait()

    async def close(self, timeout: float) -> None:
        if not self._closes:
            raise AssertionError("it is in no state to be closed")
        self.closed.set()


def _keep(*nannies: Callable[[], FakeNanny]) -> BaseException | None:
    """Keep a place filled by one nanny after the other, until the last one is up."""

    async def keep() -> BaseException | None:
        rest = [nanny() for nanny in nannies]
        first = asyncio.get_running_loop().create_future()
        ended = asyncio.Event()
        keeper = asyncio.ensure_future(
            slot.keep_worker(lambda: rest.pop(0), 0, first, ended)  # type: ignore[arg-type,return-value]
        )
        while rest and not keeper.done():
            await asyncio.sleep(0.01)
        await asyncio.wait({first})
        ended.set()
        await keeper
        return first.exception()

    return asyncio.run(asyncio.wait_for(keep(), PATIENCE))


def _dies() -> FakeNanny:
    return FakeNanny(starts=False)


def test_a_nanny_without_worker_that_does_nothing_about_it_is_replaced() -> None:
    assert _keep(lambda: FakeNanny(stranded=True), FakeNanny) is None


def test_a_nanny_that_cannot_even_be_closed_is_replaced() -> None:
    assert _keep(lambda: FakeNanny(stranded=True, closes=False), FakeNanny) is None


def test_a_worker_killed_during_the_start_of_the_cluster_is_started_again() -> None:
    assert _keep(_dies, _dies, FakeNanny) is None


def test_a_cluster_whose_worker_never_starts_says_so() -> None:
    assert str(_keep(_dies, _dies, _dies)) == "it was killed"


def test_a_worker_that_dies_later_is_tried_again_and_again() -> None:
    up_once = lambda: FakeNanny(stranded=True)  # noqa: E731
    assert _keep(up_once, _dies, _dies, _dies, FakeNanny) is None


@pytest.fixture(scope="module")
def cluster() -> Iterator[Connection]:
    connection = open_connection(Temporary("processes", 2))
    yield connection
    connection.close()


def _members(leader: int) -> dict[str, list[psutil.Process]]:
    """List the living processes of a cluster by what they are."""
    members: dict[str, list[psutil.Process]] = {kind: [] for kind in KINDS}
    for process in psutil.Process(leader).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.ppid() != leader:
                members["worker"].append(process)
            elif "resource_tracker" in " ".join(process.cmdline()):
                members["resource tracker"].append(process)
            else:
                members["fork server"].append(process)
    return members


def _kill(leader: int, kind: str, draw: random.Random) -> bool:
    found = _members(leader)[kind]
    if found:
        with contextlib.suppress(psutil.NoSuchProcess):
            draw.choice(found).kill()
    return bool(found)


def _await_two_workers(cluster: Connection, former: set[int]) -> None:
    """Wait until there are two workers, of those before at most one."""
    leader = cluster.cluster.process.pid
    deadline = time.monotonic() + PATIENCE
    while True:
        pids = {process.pid for process in _members(leader)["worker"]}
        if len(pids) == 2 and len(pids & former) < 2 and len(cluster.client.nthreads()) == 2:
            break
        assert time.monotonic() < deadline, "the place of a worker stays empty"
        time.sleep(0.02)
    assert cluster.client.submit(sum, [1, 2], pure=False).result(timeout=PATIENCE) == 3


@pytest.mark.may_leave("processes")  # new ones of the fixture's cluster
@pytest.mark.parametrize("kind", ["fork server", "resource tracker"])
def test_after_the_death_of_what_starts_workers_a_killed_worker_still_comes_back(
    cluster: Connection, kind: str
) -> None:
    leader, draw = cluster.cluster.process.pid, random.Random(1)
    former = {process.pid for process in _members(leader)["worker"]}
    assert _kill(leader, kind, draw)
    _kill(leader, "worker", draw)
    _await_two_workers(cluster, former)


@pytest.mark.slow
@pytest.mark.may_leave("processes")  # new ones of the fixture's cluster
@pytest.mark.parametrize("seed", range(3))
def test_workers_come_back_whatever_is_killed_and_whenever(cluster: Connection, seed: int) -> None:
    leader, draw = cluster.cluster.process.pid, random.Random(seed)
    for _ in range(6):
        former = {process.pid for process in _members(leader)["worker"]}
        for _ in range(draw.randrange(1, 4)):
            _kill(leader, draw.choice(KINDS), draw)
            time.sleep(draw.uniform(0.0, 0.7))  # into the restart
        _kill(leader, "worker", draw)
        _await_two_workers(cluster, former)


@pytest.mark.parametrize(
    ("kind", "delay"),
    [
        ("fork server", 0.0),
        *(
            pytest.param(kind, delay, marks=pytest.mark.slow)
            for kind in KINDS
            for delay in (0.01, 0.1, 0.4)
        ),
    ],
)
def test_a_cluster_starts_even_if_one_of_its_processes_is_killed(kind: str, delay: float) -> None:
    me, done, ended = psutil.Process(), threading.Event(), threading.Event()
    before = {child.pid for child in me.children()}

    def kill_one() -> None:
        while not ended.is_set():
            for child in me.children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    if child.pid not in before and _members(child.pid)[kind]:
                        time.sleep(delay)
                        _kill(child.pid, kind, random.Random(1))
                        done.set()
                        return
            time.sleep(0.005)

    killer = threading.Thread(target=kill_one)
    killer.start()
    try:
        cluster = start_processes(2)
        killed = done.wait(10)  # a cluster that is quickly up is killed at when it is up
        cluster.close()
    finally:
        ended.set()
        killer.join()
    assert killed
