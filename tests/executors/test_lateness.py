"""What is said of attempts that are late."""

from __future__ import annotations

from typing import Any

import pytest

from daskloop.executors.lateness import why_late
from daskloop.executors.session import Demand, Key

ONE: Key = ("fib-1-0", 0, 1, 1, 0)
GPU: Key = ("render-1-0", 0, 1, 1, 0)
ASKED = {"render-1": Demand(resources=(("GPU", 1.0),))}
IDLE = {"status": "running", "resources": {}, "name": "a", "nthreads": 1}
PAUSED = {**IDLE, "status": "paused"}


@pytest.mark.parametrize(
    ("workers", "known", "said"),
    [
        ({}, {}, "the cluster has no workers"),
        ({"a": PAUSED, "b": PAUSED}, {ONE: "processing"}, "all 2 workers are paused (memory)"),
        (
            {"a": PAUSED, "b": IDLE},
            {ONE: "processing", GPU: "queued"},
            f"2 workers, 1 of 2 attempts are with workers, the first is {ONE}",
        ),
        ({"a": IDLE}, {}, "1 workers, 0 of 2 attempts are with workers"),
    ],
)
def test_of_late_attempts_is_said_where_they_are(
    workers: dict[str, Any], known: dict[Key, str], said: str
) -> None:
    assert why_late([ONE, GPU], known, workers, ASKED) == said


def test_of_late_attempts_is_said_what_no_worker_offers() -> None:
    said = why_late([ONE, GPU], {GPU: "no-worker"}, {"a": IDLE}, ASKED)
    assert "task 'render-1' waits: " in said and "GPU" in said
