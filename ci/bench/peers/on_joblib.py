"""joblib: `Parallel`, which makes its batches by itself, and the executor of loky beneath it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager

from joblib import Memory, Parallel, delayed
from loky import get_reusable_executor
from measured import main
from on_futures import Pool
from peer import NO_RECORD, NO_RETRIES, Peer
from workloads import Counted, Pair, add_one, begin, noted_step, sleepy_step, step


class Rounds(Peer):
    """`Parallel` maps a function over a list: loops take turns in rounds of one iteration each."""

    packages = ("joblib", "loky")
    parallel: Parallel

    def cannot(self) -> dict[str, str]:
        return {"W1": "no chains", "W5": NO_RETRIES, "W6": "no chains"}

    @contextmanager
    def started(self, slots: int, folder: str) -> Iterator[None]:
        with Parallel(n_jobs=slots) as self.parallel:
            yield
        get_reusable_executor().shutdown(wait=True, kill_workers=True)

    def loops(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        return self.rounds(step, seeds, ends)

    def work(self, seeds: Sequence[int], ends: Sequence[int]) -> list[Pair]:
        return self.rounds(sleepy_step, seeds, ends)

    def rounds(
        self, one: Callable[[Pair], Pair], seeds: Sequence[int], ends: Sequence[int]
    ) -> list[Pair]:
        """Run every loop that has not ended one iteration further, until all have."""
        pairs = [begin(seed) for seed in seeds]
        running = list(range(len(pairs)))
        while running:
            found = self.parallel(delayed(one)(pairs[index]) for index in running)
            for index, pair in zip(running, found, strict=True):
                pairs[index] = pair
            running = [index for index in running if pairs[index][1] != ends[index]]
        return pairs

    def wide(self, numbers: range) -> list[int]:
        return list(self.parallel(delayed(add_one)(number) for number in numbers))

    def resume(self, folder: str, iterations: int) -> int:
        # Memory is how joblib keeps results; it goes with plain calls.
        kept = Memory(f"{folder}/memory", verbose=0).cache(noted_step)
        counted: Counted = (0, 1, 2)
        while counted[0] < iterations:
            counted = kept(counted, folder)
        return counted[0]


class Loky(Pool):
    """The executor of loky, an iteration each."""

    packages = ("loky",)

    def cannot(self) -> dict[str, str]:
        return {"W5": NO_RETRIES, "W7": NO_RECORD}

    def make(self, slots: int) -> Executor:
        return get_reusable_executor(slots)

    @contextmanager
    def started(self, slots: int, folder: str) -> Iterator[None]:
        self.pool = self.make(slots)
        yield
        self.pool.shutdown(wait=True)


if __name__ == "__main__":
    main("joblib", {"parallel": Rounds, "loky": Loky})
