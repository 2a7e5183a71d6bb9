"""The flow of ``daskloop demo``: four loops against a web service that fails now and then."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.request import Request, urlopen

from daskloop.contexts import context
from daskloop.define.annotations import unmapped
from daskloop.define.decorator import task
from daskloop.define.parameter import Parameter
from daskloop.flow.flow import Flow
from daskloop.signals import LOOP

__all__ = ["fib_nums", "flow"]


@task(max_retries=5, retry_delay=timedelta(seconds=0.2))
def compute_large_fibonacci(M: int, url: str) -> int:
    """Return the largest Fibonacci number that is not above M."""
    payload: dict[str, int] = context.get("task_loop_result", {})
    n, fib = payload.get("n", 1), payload.get("fib", 1)
    with urlopen(Request(url, data=f"nth={n}".encode()), timeout=10) as answer:
        next_fib: int = json.load(answer)
    if next_fib > M:
        return fib
    raise LOOP(message=f"Fib {n}={next_fib}", result={"n": n + 1, "fib": next_fib})


with Flow("mapped-fibonacci") as flow:
    ms: Any = Parameter("ms")
    url: Any = Parameter("url")
    fib_nums = compute_large_fibonacci.map(ms, unmapped(url))
