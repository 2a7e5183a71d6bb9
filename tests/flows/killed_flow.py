"""A program whose run gets killed: maps, loops, retries and a reduce, each start noted in a file.

python killed_flow.py EXECUTOR JOURNAL TRACE [POINT COUNT]

With a point, the driver kills itself there the COUNT-th time it passes. Prints the final result.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

import daskloop
from daskloop import Flow, Parameter, task, unmapped
from daskloop.engine.signals import LOOP
from daskloop.record.folder_journal import FolderJournal

TRACE = os.environ.get("KILLED_FLOW_TRACE", "")


def note(name: str) -> None:
    """Note the start of an attempt; one write, so that it is whole or not there."""
    context = daskloop.context
    line = [
        name,
        context.get("map_index"),
        context.get("task_loop_count", 1),
        context.get("task_run_count"),
        time.time(),
    ]
    with open(TRACE, "ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


@task
def numbers(count: int) -> list[int]:
    note("numbers")
    return list(range(1, count + 1))


@task(max_retries=3, retry_delay=0.05)
def grow(number: int) -> int:
    note("grow")
    count = daskloop.context.get("task_loop_count", 1)
    total: int = daskloop.context.get("task_loop_result", 0) + number * count
    time.sleep(0.02)
    if count == 3 and daskloop.context["task_run_count"] == 1:
        raise ValueError(f"{number} fails once")
    if count < 2 + number:
        raise LOOP(f"{number} is at {total}", total)
    return total


@task
def double(number: int) -> int:
    note("double")
    time.sleep(0.02)
    return 2 * number


@task
def total(values: list[int]) -> int:
    note("total")
    time.sleep(0.02)
    return sum(values)


with Flow("killed") as flow:
    grown = grow.map(numbers(Parameter("count")))
    doubled = double.map(grown)
    answer = total(doubled)


@task
def turn(index: int, iterations: int) -> int:
    note("turn")
    count: int = daskloop.context.get("task_loop_count", 1)
    if count < iterations:
        raise LOOP(result=[count, index])
    return index


with Flow("killed wide") as wide_flow:
    turns = turn.map(Parameter("indexes"), unmapped(Parameter("iterations")))

WIDE = (40, 20)
"""How many loops of how many iterations the wide flow has."""

WIDTH = 5
EXPECTED = sum(2 * n * sum(range(1, 3 + n)) for n in range(1, WIDTH + 1))
"""What `total` returns."""
ITERATIONS = sum(2 + n for n in range(1, WIDTH + 1))


def kill_at(point: str, count: int) -> None:
    """Have this process killed the n-th time that the driver comes to a point."""
    from daskloop.run import driver, scribe

    owner, name = {
        "record": (scribe.Scribe, "write"),
        "submit": (driver._Shift, "_submit"),
        "receipt": (driver._Shift, "_read"),
        "release": (driver._Shift, "_let_go"),
        "finish": (scribe.Scribe, "finish"),
    }[point.removeprefix("before ").removeprefix("after ")]
    real: Any = getattr(owner, name)
    passed = 0

    def deadly(*args: Any, **kwargs: Any) -> Any:
        nonlocal passed
        passed += 1
        if passed == count and point.startswith("before"):
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if passed == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


def main() -> None:
    executor, journal, trace, *point = sys.argv[1:]
    global TRACE
    TRACE = os.environ["KILLED_FLOW_TRACE"] = trace
    if point:
        kill_at(point[0], int(point[1]))
    begun = FolderJournal(journal).runs() if os.path.isdir(journal) else ()
    # By name: a driver may be killed after the run has ended, when there is nothing to continue.
    resume = begun[0].header.run if begun else False
    options = {"executor": executor, "journal": journal, "resume": resume}
    if os.environ.get("KILLED_FLOW") == "wide":
        loops, iterations = WIDE
        state = wide_flow.run(indexes=list(range(loops)), iterations=iterations, **options)
        result = state.result[turns].result
    else:
        state = flow.run(count=WIDTH, **options)
        result = state.result[answer].result
    print(json.dumps([type(state).__name__, result]), flush=True)


if __name__ == "__main__":
    main()
