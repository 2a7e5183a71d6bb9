"""Ray: tasks of a local instance, whose results stay in its object store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

# Before Ray is imported, which reads them then. The delay of retries has no public name; and
# 127.0.0.1 is replaced by an address of this machine where clusters are allowed.
os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_task_retry_delay_ms": "1000",
}

import ray
from measured import main
from peer import NO_RECORD, Peer
from workloads import Pair, add_one, begin, fail_once, grow, grown, large, sleepy_step, step

_STORE = 2 * 2**30  # bytes


class Ray(Peer):
    """Remote functions, an iteration each."""

    packages = ("ray",)

    def cannot(self) -> dict[str, str]:
        return {"W7": NO_RECORD}

    @contextmanager
    def started(self, slots: int, folder: str) -> Iterator[None]:
        ray.init(
            num_cpus=slots,
            include_dashboard=False,
            object_store_memory=_STORE,
            log_to_driver=False,
            logging_level="ERROR",
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
        )
        self.step = ray.remote(step)
        self.sleepy = ray.remote(sleepy_step)
        self.one = ray.remote(add_one)
        self.failing = ray.remote(max_retries=1, retry_exceptions=True)(fail_once)
        self.grow = ray.remote(grow)
        self.large = ray.remote(large)
        self.grown = ray.remote(grown)
        try:
            yield
        finally:
            ray.shutdown()

    def chain(self, seed: int, end: int) -> Pair:
        pair = begin(seed)
        while pair[1] != end:
            pair = ray.get(self.step.remote(pair))
        return pair

    def loops(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        return self.waited_for(self.step, seeds, ends)

    def work(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        return self.waited_for(self.sleepy, seeds, ends)

    def waited_for(self, one: Any, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        """Submit the next iteration of whichever loops have come back."""
        pairs = [begin(seed) for seed in seeds]
        loop_of = {one.remote(pair): index for index, pair in enumerate(pairs)}
        while loop_of:
            ready, _ = ray.wait(list(loop_of), num_returns=1)
            # One more question without waiting: all others that are ready as well.
            more, _ = ray.wait(list(loop_of), num_returns=len(loop_of), timeout=0)
            came = list(dict.fromkeys(ready + more))
            for reference, pair in zip(came, ray.get(came), strict=True):
                index = loop_of.pop(reference)
                pairs[index] = pair
                if pair[1] != ends[index]:
                    loop_of[one.remote(pair)] = index
        return pairs

    def wide(self, numbers: range) -> list[int]:
        results: list[int] = ray.get([self.one.remote(number) for number in numbers])
        return results

    def retry(self, count: int, folder: str) -> list[int]:
        results: list[int] = ray.get([self.failing.remote(x, folder) for x in range(count)])
        return results

    def payload(self, megabytes: int, iterations: int) -> float:
        carried = self.large.remote(megabytes)
        while not ray.get(self.grown.remote(carried, iterations)):
            carried = self.grow.remote(carried)
        return float(ray.get(carried)[1][-1])


if __name__ == "__main__":
    main("Ray", {"processes": Ray})
