"""DBOS: workflows of steps, each recorded in SQLite before the next one begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dbos import DBOS, SetWorkflowID
from measured import main
from peer import Peer
from workloads import RETRY_DELAY, Counted, Pair, begin, grown, large
from workloads import add_one as add_one_function
from workloads import fail_once as fail_once_function
from workloads import grow as grow_function
from workloads import noted_step as noted_function
from workloads import sleepy_step as sleepy_function
from workloads import step as step_function

_POLL = 0.05  # seconds between two looks at a queue; its own default of 1 s would be all there is

step = DBOS.step(name="step")(step_function)
sleepy_step = DBOS.step(name="sleepy")(sleepy_function)
add_one = DBOS.step(name="add_one")(add_one_function)
grow = DBOS.step(name="grow")(grow_function)
noted_step = DBOS.step(name="noted")(noted_function)
fail_once = DBOS.step(
    name="fail_once", retries_allowed=True, interval_seconds=RETRY_DELAY, max_attempts=2
)(fail_once_function)


@DBOS.workflow()
def one_loop(seed: int, end: int) -> Pair:
    """Be one loop of W1 or W2."""
    pair = begin(seed)
    while pair[1] != end:
        pair = step(pair)
    return pair


@DBOS.workflow()
def sleepy_loop(seed: int, end: int) -> Pair:
    """Be one loop of W3."""
    pair = begin(seed)
    while pair[1] != end:
        pair = sleepy_step(pair)
    return pair


@DBOS.workflow()
def one_item(x: int) -> int:
    """Be one task of W4."""
    return add_one(x)


@DBOS.workflow()
def failing_item(x: int, folder: str) -> int:
    """Be one item of W5."""
    return fail_once(x, folder)


@DBOS.workflow()
def growing(megabytes: int, iterations: int) -> float:
    """Be the loop of W6."""
    carried = large(megabytes)
    while not grown(carried, iterations):
        carried = grow(carried)
    return float(carried[1][-1])


@DBOS.workflow()
def noted_loop(folder: str, iterations: int) -> int:
    """Be the loop of W7."""
    counted: Counted = (0, 1, 2)
    while counted[0] < iterations:
        counted = noted_step(counted, folder)
    return counted[0]


class Dbos(Peer):
    """Workflows, a step for each iteration."""

    packages = ("dbos",)

    @contextmanager
    def started(self, slots: int, folder: str) -> Iterator[None]:
        DBOS(
            config={
                "name": "bench",
                "system_database_url": f"sqlite:///{folder}/dbos.sqlite",
                "log_level": "ERROR",
                "application_version": "1",
            }
        )
        DBOS.launch()
        DBOS.register_queue("slots", worker_concurrency=slots, polling_interval_sec=_POLL)
        try:
            yield
        finally:
            DBOS.destroy()

    def chain(self, seed: int, end: int) -> Pair:
        return one_loop(seed, end)

    def loops(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        handles = [DBOS.start_workflow(one_loop, *both) for both in zip(seeds, ends, strict=True)]
        return [handle.get_result() for handle in handles]

    def work(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        pairs = zip(seeds, ends, strict=True)
        return self.queued(sleepy_loop, list(pairs))

    def queued(self, workflow: Any, arguments: list[tuple[Any, ...]]) -> list[Any]:
        """Run workflows through a queue, which is how DBOS limits how many run at once."""
        handles = [DBOS.enqueue_workflow("slots", workflow, *each) for each in arguments]
        return [handle.get_result() for handle in handles]

    def wide(self, numbers: range) -> list[int]:
        handles = [DBOS.start_workflow(one_item, number) for number in numbers]
        return [handle.get_result() for handle in handles]

    def retry(self, count: int, folder: str) -> list[int]:
        return self.queued(failing_item, [(x, folder) for x in range(count)])

    def payload(self, megabytes: int, iterations: int) -> float:
        return growing(megabytes, iterations)

    def resume(self, folder: str, iterations: int) -> int:
        # Launching has begun to recover a workflow that was killed; the name finds it again.
        with SetWorkflowID("noted"):
            return DBOS.start_workflow(noted_loop, folder, iterations).get_result()


if __name__ == "__main__":
    main("DBOS", {"SQLite": Dbos})
