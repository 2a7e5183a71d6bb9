"""The iteration that every system is given to do, and the diary that it keeps by itself.

Imports nothing but the standard library, because each system runs it in an environment of its own.
"""

from __future__ import annotations

import os
import time

__all__ = ["NAP", "Pair", "begin", "end_of", "iterate"]

Pair = tuple[int, int]

NAP = 0.1  # seconds
_PRIME = 2**61 - 1  # Keeps the numbers small, however long a loop is.


def begin(loop: int) -> Pair:
    """Return what a loop starts from; each its own, so that no cache takes one for another."""
    return loop, loop + 1


def iterate(pair: Pair, loop: int, number: int, diary: str) -> Pair:
    """Do one iteration, and note as it begins and as it ends."""
    _note(diary, f"B {loop} {number}")
    time.sleep(NAP)
    _note(diary, f"E {loop} {number}")
    return _step(pair)


def end_of(loop: int, iterations: int) -> Pair:
    """Return what a loop has to end with."""
    pair = begin(loop)
    for _ in range(iterations):
        pair = _step(pair)
    return pair


def _step(pair: Pair) -> Pair:
    return pair[1], (pair[0] + pair[1]) % _PRIME


def _note(diary: str, text: str) -> None:
    """Append a line: one short write, whole or not there, whatever is killed then."""
    file = os.open(diary, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{text} {time.time():.3f}\n".encode())
    finally:
        os.close(file)
