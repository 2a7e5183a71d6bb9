"""A flow with retries, a failure, and a loop that goes on until it is told to end."""

from __future__ import annotations

from typing import Any

import daskloop
from daskloop import Flow, Parameter, task
from daskloop.engine.signals import LOOP
from daskloop.triggers import all_finished

__all__ = ["CHILDREN", "HOSTILE", "flow", "reach", "total"]

CHILDREN = 12

HOSTILE = "<script>alert('from a task')</script><b>bold</b> \x1b[31mred\x1b[0m 😀 \u202eright"


@task(max_retries=2, retry_delay=0.05)
def reach(n: int) -> int:
    """Loop `n` times, now and then after a failure; child 3 fails for good.

    The last one goes round until the gate is open.
    """
    from tests.dashboard.gate import gate

    done = daskloop.context.get("task_loop_result") or 0
    tries = daskloop.context.get("task_run_count")
    if n == 3 and done == 2:
        raise ValueError(HOSTILE)
    if (n + done) % 5 == 4 and tries == 1:
        raise OSError("x" * 1_000_000)
    if done >= n and (n < CHILDREN - 1 or gate.wait(0.01)):
        return done
    raise LOOP(f"{HOSTILE} {done}", done + 1)


@task(trigger=all_finished)
def total(values: Any) -> int:
    """Count them."""
    return len(values)


with Flow("<i>loops</i> of all kinds") as flow:
    total(reach.map(Parameter("ns", default=list(range(CHILDREN)))))
