"""A loop flow with a journal, for tests that kill it: ``EXECUTOR JOURNAL TRACE LOOPS CHILDREN``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from daskloop import Flow, Parameter, again, context, loop_flow, task, unmapped
from tests.flows.traces import Trace

TRACE = Trace(Path(sys.argv[3] if len(sys.argv) > 3 else "."))


def noted(name: str, n: int, who: int) -> None:
    """Note a call: which task, which iteration of the loop flow, whose, which attempt."""
    TRACE.note(name, n, who, context.task_run_count)


@task
def fetch(n, who):
    noted("fetch", n, who)
    return 10 * who + n


@task(max_retries=2)
def flaky(x, n, who):
    noted("flaky", n, who)
    if (n + who) % 4 == 0 and context.task_run_count == 1:
        raise ConnectionError("now and then")
    return x + 1


@task
def total(x, before, n, who):
    noted("total", n, who)
    return before + x


@loop_flow
def gather(who, loops, n=1, before=0):
    found = flaky(fetch(n, who), n, who)
    after = total(found, before, n, who)
    return again(n=n + 1, before=after).until(n >= loops, result=after)


def expected(who: int, loops: int) -> int:
    """Compute the result plainly."""
    return sum(10 * who + n + 1 for n in range(1, loops + 1))


def main(executor: str, journal: str, loops: int, children: int) -> None:
    """Run it, or go on with it."""
    with Flow("gathered") as flow:
        ends = gather.map(list(range(children)), loops=unmapped(Parameter("loops")))
    state = flow.run(executor=executor, journal=journal, resume=True, loops=loops)
    print(json.dumps([type(state).__name__, state.result[ends].result]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[4]), int(sys.argv[5]))
