"""daskloop itself on the same workloads, with one attempt in a future, and with batches.

Runs in the project's own environment. On a client that is up before, the whole of `flow.run` is
measured. Where daskloop starts the cluster itself, the clock is read by one task before the work
and one after it: the cluster's start is not measured, two more turns of the driver are.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from measured import main
from on_dask import client_of
from peer import Peer, Timed
from workloads import (
    RETRY_DELAY,
    Counted,
    Pair,
    add_one,
    begin,
    fail_once,
    grow,
    grown,
    large,
    noted_step,
    sleepy_step,
    step,
)

import daskloop
from daskloop import Flow, Parameter, task, unmapped
from daskloop.signals import LOOP


@task
def clock() -> float:
    """Read the clock, which all processes of a machine share."""
    return time.time()


@task
def loop(seed: int, end: int, sleepy: bool) -> Pair:
    """Be one loop of W1, W2 or W3."""
    pair = daskloop.context.get("task_loop_result", begin(seed))
    pair = sleepy_step(pair) if sleepy else step(pair)
    if pair[1] != end:
        raise LOOP(result=pair)
    return pair


@task
def one(x: int) -> int:
    """Be one task of W4."""
    return add_one(x)


@task(max_retries=1, retry_delay=RETRY_DELAY)
def failing(x: int, folder: str) -> int:
    """Be one item of W5."""
    return fail_once(x, folder)


@task
def growing(megabytes: int, iterations: int) -> float:
    """Be the loop of W6."""
    carried = daskloop.context.get("task_loop_result", None)
    carried = grow(large(megabytes) if carried is None else carried)
    if not grown(carried, iterations):
        raise LOOP(result=carried)
    return float(carried[1][-1])


@task
def noted(folder: str, iterations: int) -> int:
    """Be the loop of W7."""
    counted: Counted = noted_step(daskloop.context.get("task_loop_result", (0, 1, 2)), folder)
    if counted[0] < iterations:
        raise LOOP(result=counted)
    return counted[0]


def flow_of(name: str, called: Any, *arguments: str, mapped: int = 0) -> tuple[Flow, list[Any]]:
    """Make a flow of one task between two looks at the clock.

    Parameters
    ----------
    name : str
        Name of the flow.
    called : Task
        What it runs.
    arguments : str
        Names of its parameters.
    mapped : int
        Over how many of them, from the first, it is mapped.
    """
    with Flow(name) as flow:
        given = [Parameter(argument) for argument in arguments]
        first = clock()
        if mapped:
            rest = [unmapped(each) for each in given[mapped:]]
            work = called.map(*given[:mapped], *rest, upstream_tasks=[unmapped(first)])
        else:
            work = called(*given, upstream_tasks=[first])
        last = clock(upstream_tasks=[work])
    return flow, [work, first, last]


CHAIN = flow_of("chain", loop, "seed", "end", "sleepy")
LOOPS = flow_of("loops", loop, "seeds", "ends", "sleepy", mapped=2)
WIDE = flow_of("wide", one, "numbers", mapped=1)
RETRY = flow_of("retry", failing, "items", "folder", mapped=1)
PAYLOAD = flow_of("payload", growing, "megabytes", "iterations")
NOTED = flow_of("noted", noted, "folder", "iterations")


class Ours(Peer):
    """Flows, whose iterations are Dask tasks of their own or share some."""

    packages = ("daskloop", "dask", "distributed")

    def __init__(self, threads: bool, own: bool, batch: int | str, journal: bool = False) -> None:
        self.threads, self.own, self.batch, self.journal = threads, own, batch, journal

    def cannot(self) -> dict[str, str]:
        # Those take so long that it does not matter whose cluster it is.
        return dict.fromkeys(("W5", "W6", "W7"), "see on a client") if self.own else {}

    @contextmanager
    def started(self, slots: int, folder: str) -> Iterator[None]:
        with ExitStack() as stack:
            if self.own:
                self.where = {"executor": "threads" if self.threads else "processes"}
                self.where["workers"] = slots
            else:
                self.where = {"executor": stack.enter_context(client_of(self.threads, slots))}
            if self.journal:
                # Each run has a journal of its own; W7 names one that outlives its drivers.
                self.where["journal"] = stack.enter_context(tempfile.TemporaryDirectory())
            yield

    def run(self, made: tuple[Flow, list[Any]], **options: Any) -> Timed | Any:
        """Run a flow and return its result, with its time where the cluster is its own."""
        flow, tasks = made
        state = flow.run(**{**self.where, "batch": self.batch, **options})
        state.raise_if_failed()
        result, first, last = (state.result[each].result for each in tasks)
        return Timed(result, last - first) if self.own else result

    def chain(self, seed: int, end: int) -> Any:
        return self.run(CHAIN, seed=seed, end=end, sleepy=False)

    def loops(self, seeds: Sequence[int], ends: Sequence[int]) -> Any:
        return self.run(LOOPS, seeds=list(seeds), ends=list(ends), sleepy=False)

    def work(self, seeds: Sequence[int], ends: Sequence[int]) -> Any:
        return self.run(LOOPS, seeds=list(seeds), ends=list(ends), sleepy=True)

    def wide(self, numbers: range) -> Any:
        return self.run(WIDE, numbers=list(numbers))

    def retry(self, count: int, folder: str) -> Any:
        return self.run(RETRY, items=list(range(count)), folder=folder)

    def payload(self, megabytes: int, iterations: int) -> Any:
        return self.run(PAYLOAD, megabytes=megabytes, iterations=iterations)

    def resume(self, folder: str, iterations: int) -> int:
        journal = f"{folder}/journal"
        found = self.run(NOTED, folder=folder, iterations=iterations, journal=journal, resume=True)
        return int(found.result if isinstance(found, Timed) else found)


def variants() -> dict[str, Any]:
    """Name each way to run it: where, on whose cluster, in what batches, recorded or not."""
    made: dict[str, Any] = {}
    for batch in (1, "auto"):
        for where in ("threads", "processes"):
            for whose in ("client", "own"):
                ways = (where == "threads", whose == "own", batch)
                made[f"{where}-{whose}-{batch}"] = partial(Ours, *ways)
        made[f"threads-client-{batch}-journal"] = partial(Ours, True, False, batch, True)
    return made


if __name__ == "__main__":
    main("daskloop", variants())
