"""How long attempts that have ended wait for others to end."""

import asyncio
import contextlib
from collections.abc import Container, Coroutine
from typing import Any

import pytest

from daskloop.executors import company
from daskloop.executors.company import Company

NEVER = 600.0


def key(index: int, slug: str = "fib-1-0") -> tuple[str, int, int, int, int]:
    return (slug, index, 1, 1, 0)


async def is_waiting(waiting: asyncio.Task[None]) -> bool:
    for _ in range(5):  # whatever it would do without anybody's help, it has done then
        await asyncio.sleep(0)
    return not waiting.done()


@contextlib.asynccontextmanager
async def begun(coroutine: Coroutine[Any, Any, None]) -> Any:
    task = asyncio.ensure_future(coroutine)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def of(running: int, bound: Container[str] = ()) -> Company:
    found = Company(bound)
    for index in range(running):
        found.joined(key(index))
    return found


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company, "_LONGEST", NEVER)


@pytest.mark.parametrize("running", [0, 1, 4])
def test_what_ended_waits_for_nobody_where_no_attempt_waits_for_a_slot(running: int) -> None:
    asyncio.run(asyncio.wait_for(of(running).gathers([1], slots=4), 30))


def test_what_ended_waits_until_as_many_run_as_there_are_slots() -> None:
    async def go() -> None:
        counted, ended = of(6), [1]
        async with begun(counted.gathers(ended, slots=4)) as waiting:
            assert await is_waiting(waiting)
            counted.left(key(0))
            ended.append(2)
            assert await is_waiting(waiting)
            counted.left(key(1))
            await asyncio.wait_for(waiting, 30)

    asyncio.run(go())


@pytest.mark.parametrize("slug", ["fib-1-0", "render-1-0"])
def test_what_ended_waits_for_no_more_than_are_worth_a_gather(slug: str) -> None:
    """Attempts of tasks that are bound to workers, which none waits for, are worth it too."""

    async def go() -> None:
        counted, ended = of(1000, bound={"render-1"}), [0]
        async with begun(counted.gathers(ended, slots=4)) as waiting:
            for index in range(company._ENOUGH - 1):
                assert await is_waiting(waiting)
                counted.left(key(index, slug))
                ended.append(index)
            await asyncio.wait_for(waiting, 30)

    asyncio.run(go())


def test_those_that_join_meanwhile_are_waited_for_too() -> None:
    async def go() -> None:
        counted, ended = of(5), [1]
        async with begun(counted.gathers(ended, slots=4)) as waiting:
            assert await is_waiting(waiting)
            counted.joined(key(5))
            counted.left(key(0))
            assert await is_waiting(waiting)
            counted.left(key(1))
            await asyncio.wait_for(waiting, 30)

    asyncio.run(go())


def test_what_ended_waits_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company, "_LONGEST", 0.01)
    asyncio.run(asyncio.wait_for(of(9).gathers([1], slots=4), 30))


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("running", [0, 5])
def test_who_gathers_again_and_again_ends_when_it_is_cancelled(running: int, turns: int) -> None:
    async def go() -> None:
        counted, more = of(running), asyncio.Event()

        async def listens() -> None:
            while True:
                await more.wait()
                await counted.gathers([1], slots=4)
                more.clear()

        listening = asyncio.ensure_future(listens())
        await asyncio.sleep(0)
        more.set()
        if running:
            counted.left(key(0))
        for _ in range(turns):
            await asyncio.sleep(0)
        listening.cancel()
        done, _ = await asyncio.wait({listening}, timeout=30)
        assert done, "the cancel was lost"

    asyncio.run(go())


def test_attempts_of_bound_tasks_are_not_counted() -> None:
    async def go() -> None:
        counted = Company({"render-1"})
        for index in range(9):
            counted.joined(key(index, "render-1-0"))
        await asyncio.wait_for(counted.gathers([1], slots=4), 30)
        for index in range(9):
            counted.left(key(index, "render-1-0"))
            counted.joined(key(index))
        async with begun(counted.gathers([1], slots=4)) as waiting:
            assert await is_waiting(waiting)

    asyncio.run(go())
