"""Say what every peer is given to do: the steps, and how many of them.

Imports nothing but the standard library, because each peer runs it in an environment of its own.
Steps live here, beside the scripts, so that worker processes can import them by name.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Pair = tuple[int, int]
Counted = tuple[int, int, int]

_PRIME = 2**61 - 1  # Keeps the numbers small, however long a chain is.
_STUCK = 30.0  # seconds that an iteration waits for the end of its driver


@dataclass(frozen=True)
class Sizes:
    """How much of each workload there is."""

    chain: int
    """Iterations of the one loop of W1; more of them where that takes less than `chain_least`."""
    loops: int
    """Loops of W2, all at once."""
    iterations: int
    """Iterations of each loop of W2."""
    work_loops: int
    """Loops of W3, of `work_iterations` each, that sleep `NAP` seconds in each."""
    work_iterations: int
    maps: tuple[int, int]
    """Tasks of W4 and of W4b."""
    items: int
    """Items of W5 that fail once each."""
    megabytes: int
    """Size of the array of W6."""
    payload: int
    """Iterations of W6."""
    resume: int
    """Iterations of W7; its driver is killed in the middle."""
    least: float
    """Seconds that W2 and W4 are measured for, at least."""
    chain_least: float
    """Seconds that the chain of W1 lasts, at least: long enough that its start does not count."""


FULL = Sizes(300, 100, 20, 32, 10, (2_000, 20_000), 64, 50, 50, 100, 0.3, 1.0)
QUICK = Sizes(30, 20, 5, 32, 3, (200, 1_000), 8, 5, 8, 20, 0.02, 0.02)

SLOTS = 2
"""Tasks that run at once, but for W3."""
WORK_SLOTS = 16
NAP = 0.01
RETRY_DELAY = 1.0


def begin(seed: int) -> Pair:
    """Return what a loop starts from; each seed its own, so that no cache knows it."""
    return seed, seed + 1


def step(pair: Pair) -> Pair:
    """Do one iteration: the next Fibonacci number, of a few digits."""
    return pair[1], (pair[0] + pair[1]) % _PRIME


def sleepy_step(pair: Pair) -> Pair:
    """Do one iteration of some work."""
    time.sleep(NAP)
    return step(pair)


def end_of(seed: int, iterations: int) -> int:
    """Return the number at which a loop ends: only its values tell how long it is."""
    pair = begin(seed)
    for _ in range(iterations):
        pair = step(pair)
    return pair[1]


def add_one(x: int) -> int:
    """Do one task of a map."""
    return x + 1


def fail_once(x: int, folder: str) -> int:
    """Fail the first time that an item is seen, in whichever process that is."""
    try:
        os.close(os.open(f"{folder}/{x}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return x
    raise ConnectionError("the first attempt fails")


def large(megabytes: int) -> tuple[int, Any]:
    """Return what the loop of W6 starts from: its count, and an array."""
    import numpy

    return 0, numpy.zeros(megabytes * 125_000)


def grow(carried: tuple[int, Any]) -> tuple[int, Any]:
    """Do one iteration over an array, into a new one."""
    count, array = carried
    return count + 1, array + 1


def grown(carried: tuple[int, Any], iterations: int) -> bool:
    """Ask the array itself whether the loop has ended."""
    return bool(carried[1][0] >= iterations)


def noted_step(counted: Counted, folder: str) -> Counted:
    """Do one iteration, note it, and kill the driver in the middle if it is the one to do so."""
    count, *pair = counted
    # Opened to append: one short write, whole whatever other processes write.
    with open(f"{folder}/diary", "a") as diary:
        diary.write(f"{count + 1}\n")
    armed = Path(folder, "armed")
    if armed.exists() and count + 1 == int(armed.read_text()):
        armed.unlink()
        os.kill(int(Path(folder, "driver").read_text()), signal.SIGKILL)
        time.sleep(_STUCK)  # in a worker process, which is ended too
    return count + 1, *step((pair[0], pair[1]))
