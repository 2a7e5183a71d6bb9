"""Count what iterations noted by themselves: what was lost, what was made again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

__all__ = ["Counted", "count"]


@dataclass(frozen=True)
class Counted:
    """What a diary says."""

    ended: int
    """Different iterations that ended."""
    after_end: int
    """How often an iteration began that had ended before: work done twice."""
    again: int
    """How often an iteration began that had begun before, ended or not."""
    most: int
    """How often the one that began most often did."""


def count(text: str) -> Counted:
    r"""Count the lines of a diary, in the order in which they were written.

    Examples
    --------
    >>> count("B 0 1 5.0\nE 0 1 5.1\nB 0 2 5.1\nB 0 1 6.0\nE 0 1 6.1\nB 0 2 6.1\n")
    Counted(ended=1, after_end=1, again=2, most=2)
    """
    begun: Counter[tuple[str, str]] = Counter()
    ended: set[tuple[str, str]] = set()
    after_end = 0
    for line in text.splitlines():
        what, loop, number, _ = line.split()
        iteration = loop, number
        if what == "E":
            ended.add(iteration)
        else:
            after_end += iteration in ended
            begun[iteration] += 1
    again = begun.total() - len(begun)
    return Counted(len(ended), after_end, again, max(begun.values(), default=0))
