"""redun: lazy expressions of tasks, whose results are cached in SQLite."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from measured import main
from peer import NO_RETRIES, Peer
from redun import Scheduler, task
from redun.config import Config
from workloads import Counted, Pair, begin, grown, large
from workloads import add_one as add_one_function
from workloads import grow as grow_function
from workloads import noted_step as noted_function
from workloads import sleepy_step as sleepy_function
from workloads import step as step_function

redun_namespace = "bench"

# A loop is a task that calls itself with its next payload: one task for each iteration.


@task()
def one_loop(pair: Pair, end: int) -> Any:
    """Do one iteration of W1 or W2, and go on unless it has ended."""
    following = step_function(pair)
    return following if following[1] == end else one_loop(following, end)


@task()
def sleepy_loop(pair: Pair, end: int) -> Any:
    """Do one iteration of W3."""
    following = sleepy_function(pair)
    return following if following[1] == end else sleepy_loop(following, end)


@task()
def add_one(x: int) -> int:
    """Do one task of W4."""
    return add_one_function(x)


@task()
def growing(carried: Any, iterations: int) -> Any:
    """Do one iteration of W6."""
    following = grow_function(carried)
    if grown(following, iterations):
        return float(following[1][-1])
    return growing(following, iterations)


@task()
def noted_loop(counted: Counted, folder: str, iterations: int) -> Any:
    """Do one iteration of W7."""
    following = noted_function(counted, folder)
    if following[0] == iterations:
        return following[0]
    return noted_loop(following, folder, iterations)


class Redun(Peer):
    """Tasks, an iteration each, on threads."""

    packages = ("redun",)
    scheduler: Scheduler

    def cannot(self) -> dict[str, str]:
        return {"W5": NO_RETRIES}

    @contextmanager
    def started(self, slots: int, folder: str) -> Iterator[None]:
        logging.getLogger("redun").setLevel(logging.ERROR)
        config = {
            "backend": {"db_uri": f"sqlite:///{folder}/redun.db", "automigrate": "True"},
            "executors.default": {"type": "local", "mode": "thread", "max_workers": str(slots)},
        }
        self.scheduler = Scheduler(config=Config(config))
        self.scheduler.load()
        yield

    def chain(self, seed: int, end: int) -> Pair:
        return self.scheduler.run(one_loop(begin(seed), end))

    def loops(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        pairs = zip(map(begin, seeds), ends, strict=True)
        return self.scheduler.run([one_loop(pair, end) for pair, end in pairs])

    def work(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        pairs = zip(map(begin, seeds), ends, strict=True)
        return self.scheduler.run([sleepy_loop(pair, end) for pair, end in pairs])

    def wide(self, numbers: range) -> list[int]:
        return self.scheduler.run([add_one(number) for number in numbers])

    def payload(self, megabytes: int, iterations: int) -> float:
        # Another end is another argument: nothing of an earlier loop is found in the cache.
        return self.scheduler.run(growing(large(megabytes), iterations))

    def resume(self, folder: str, iterations: int) -> int:
        return self.scheduler.run(noted_loop((0, 1, 2), folder, iterations))


if __name__ == "__main__":
    main("redun", {"SQLite": Redun})
