"""How soon attempts are sent, and what Dask is asked for with them."""

from __future__ import annotations

import asyncio
import warnings
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import dask
import pytest

from daskloop import Flow, task
from daskloop.executors.outbox import Outbox
from daskloop.executors.session import NO_DEMAND, Demand, Job


class _Loop:
    """An event loop on which time stands still."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Any]] = []

    def time(self) -> float:
        return 100.0

    def call_at(self, when: float, function: Any) -> Any:
        self.calls.append((when, function))
        return SimpleNamespace(when=lambda: when, cancel=lambda: None)

    def call_soon(self, function: Any, *arguments: Any) -> None:
        function(*arguments)

    def add_callback(self, function: Any, *arguments: Any) -> None:
        function(*arguments)


class _Client:
    status = "running"

    def __init__(self, loop: _Loop, interval: float) -> None:
        self.loop = loop
        self.scheduler_comm = SimpleNamespace(interval=interval)
        self.sent: list[tuple[list[Any], dict[str, Any]]] = []

    def map(self, *_: Any, key: list[Any], **asked: Any) -> list[Any]:
        self.sent.append((key, asked))
        return [SimpleNamespace(key=one, release=lambda: None) for one in key]


def _jobs(first: int, count: int) -> list[Job]:
    return [
        Job(("r", 0, i, 0, 0), lambda a, b: b, b"", b"", 0) for i in range(first, first + count)
    ]


@pytest.mark.parametrize(
    ("interval", "under_way", "pause"),
    [
        (0.001, 1, 0.001),
        (0.001, 500, 0.010),
        (0.010, 1, 0.010),
        (0.010, 500, 0.010),
        (0.050, 1, 0.050),
        (0.050, 500, 0.050),
    ],
)
def test_the_pause_follows_the_client_and_what_is_under_way(
    monkeypatch: pytest.MonkeyPatch, interval: float, under_way: int, pause: float
) -> None:
    loop = _Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    client = _Client(loop, interval)
    outbox = Outbox(client, lambda future: None, lambda keys: None)
    outbox.put(_jobs(0, under_way))
    assert loop.calls[-1][0] == 100.0  # nothing was sent before: at once
    loop.calls[-1][1]()
    assert len(outbox.futures) == under_way
    outbox.put(_jobs(under_way, 1))
    assert loop.calls[-1][0] == pytest.approx(100.0 + pause)


def test_w08_attempts_are_sent_by_priority_and_demand_the_highest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = _Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    client = _Client(loop, 0.001)
    outbox = Outbox(client, lambda future: None, lambda keys: None)
    gpu = Demand((("GPU", 1.0),), ("alice",))
    near = Demand(workers=("tcp://10.0.0.5:4040",), allow_other_workers=True)
    demands = [
        (0, NO_DEMAND),
        (6, gpu),
        (1, near),
        (0, NO_DEMAND),
        (6, Demand(gpu.resources)),
        (6, gpu),
    ]
    outbox.put(
        [
            replace(job, priority=priority, demand=demand)
            for job, (priority, demand) in zip(_jobs(0, 6), demands, strict=True)
        ]
    )
    loop.calls[-1][1]()
    alike = {"pure": False, "retries": 0}
    assert [([key[2] for key in keys], asked) for keys, asked in client.sent] == [
        (
            [1, 5],
            {
                **alike,
                "priority": 6,
                "resources": {"GPU": 1.0},
                "workers": ["alice"],
                "allow_other_workers": False,
            },
        ),
        ([4], {**alike, "priority": 6, "resources": {"GPU": 1.0}}),
        (
            [2],
            {
                **alike,
                "priority": 1,
                "workers": ["tcp://10.0.0.5:4040"],
                "allow_other_workers": True,
            },
        ),
        ([0, 3], {**alike, "priority": 0}),
    ]


def test_orders_of_many_megabytes_are_cut_into_graphs_that_dask_does_not_warn_of() -> None:
    @task
    def size(text: bytes) -> int:
        return len(text)

    with Flow("large") as flow:
        sizes = size.map([bytes(60_000) for _ in range(150)])  # they fit into orders
    with (
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "4.5MB"}),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        state = flow.run(executor="threads", workers=32)
    assert state.result[sizes].result == [60_000] * 150
    assert not [one for one in warned if "large graph" in str(one.message)]


def test_r08_what_was_held_over_a_connection_that_broke_is_let_go_of_once() -> None:
    client = _Client(_Loop(), 0.001)
    ended: list[str] = []
    hold: Any = SimpleNamespace(end=lambda: ended.append("hold"))
    outbox = Outbox(client, lambda future: None, lambda keys: None, hold)
    outbox.settle()
    assert not ended
    client.scheduler_comm = SimpleNamespace(interval=0.001)
    client.status = "connecting"
    outbox.settle()
    assert not ended  # there is nobody to tell yet
    client.status = "running"
    before = outbox.connected_at
    outbox.settle()
    outbox.settle()
    assert ended == ["hold"] and outbox.connected_at > before
