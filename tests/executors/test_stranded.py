"""Attempts that are bound to the former address of a worker that has come back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from daskloop.executors.session import Demand
from daskloop.executors.stranded import Stranded

ALICE = ("work-1-7f3a9c12", 0, 1, 1, 0)
OTHER = ("other-1-7f3a9c12", 0, 1, 1, 0)
THERE = {"tcp://10.0.0.5:4040": {"name": "alice", "status": "running"}}


class _Scheduler:
    def __init__(self) -> None:
        self.states = {ALICE: "no-worker", OTHER: "no-worker"}
        self.workers: Any = THERE
        self.asked: list[Any] = []

    async def get_task_status(self, keys: list[Any]) -> dict[Any, str]:
        self.asked.append(keys)
        return {key: self.states[key] for key in keys}

    async def identity(self, n_workers: int) -> dict[str, Any]:
        return {"workers": self.workers}


def look(stranded: Stranded, scheduler: _Scheduler) -> list[Any]:
    client = SimpleNamespace(scheduler=scheduler)
    return asyncio.run(stranded.look(client, [ALICE, OTHER]))


def test_w12_an_attempt_is_stranded_if_it_waits_twice_although_its_worker_is_there():
    stranded, scheduler = Stranded({"work-1": Demand(workers=("alice",))}), _Scheduler()
    assert look(stranded, scheduler) == []
    assert look(stranded, scheduler) == [ALICE]
    assert look(stranded, scheduler) == []  # it was told, and is let go of
    assert scheduler.asked == [[ALICE]] * 3


@pytest.mark.parametrize(
    ("state", "workers"),
    [
        ("processing", THERE),
        ("no-worker", {}),
        ("no-worker", {"tcp://10.0.0.5:4040": {"name": "bob", "status": "running"}}),
        ("no-worker", {"tcp://10.0.0.5:4040": {"name": "alice", "status": "paused"}}),
    ],
)
def test_w12_one_that_runs_or_whose_worker_is_away_or_paused_is_left_alone(state, workers):
    stranded, scheduler = Stranded({"work-1": Demand(workers=("alice",))}), _Scheduler()
    scheduler.states[ALICE] = state
    scheduler.workers = workers
    assert look(stranded, scheduler) == look(stranded, scheduler) == []


def test_w09_an_attempt_that_prefers_a_worker_is_stranded_if_any_is_there():
    stranded, scheduler = Stranded({}), _Scheduler()
    client = SimpleNamespace(scheduler=scheduler)
    scheduler.workers = {}

    def look_again() -> list[Any]:
        return asyncio.run(stranded.look(client, [ALICE, OTHER], {OTHER}))

    assert look_again() == look_again() == []
    scheduler.workers = {"tcp://10.0.0.5:4040": {"name": "bob", "status": "running"}}
    assert look_again() == []
    assert look_again() == [OTHER]
    assert scheduler.asked == [[OTHER]] * 4


def test_w12_nobody_is_asked_where_no_task_names_a_worker():
    asked = {"work-1": Demand((("GPU", 1.0),)), "other-1": Demand((), ("alice",), True)}
    scheduler = _Scheduler()
    assert look(Stranded(asked), scheduler) == []
    assert scheduler.asked == []
