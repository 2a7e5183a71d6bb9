"""Runs as a journal would tell of them, made up quickly."""

from __future__ import annotations

import random
from collections.abc import Sequence

from daskloop.keys import Place
from daskloop.record.entries import (
    Given,
    Header,
    Mark,
    Past,
    Recorded,
    Status,
    Submitted,
    Summary,
    Wire,
)
from daskloop.record.sealed import ErrorText, Sealed

__all__ = ["BEGUN", "MARKS", "failed", "looped", "mapped", "past_of", "retrying", "wide"]

BEGUN = 1_700_000_000.0
"""When runs began, seconds since the epoch."""

MARKS = (
    Mark("reach-1", "reach", "", "", True, (Wire("ns-1", "n", True),)),
    Mark("total-1", "total", "", "", False, (Wire("reach-1", "values", False),)),
)
"""A map, and a task that takes its results."""


def record(
    state: str,
    iteration: int = 1,
    child: int | None = 0,
    slug: str = "reach-1",
    start: float = 0.0,
    took: float = 0.5,
    **more: object,
) -> Recorded:
    """Make the record of an attempt that began `start` seconds after the run."""
    began = BEGUN + start
    found: dict[str, object] = {
        "run_count": 1,
        "submission": 0,
        "message": f"{state} {iteration}",
        "worker": "tcp://127.0.0.1:1",
        "started": began,
        "ended": began + took,
        "at": began + took,
        **more,
    }
    return Recorded((Place(slug, child, iteration),), state=state, **found)  # type: ignore[arg-type]


def looped(iteration: int, child: int = 0, start: float = 0.0, **more: object) -> Recorded:
    """Make the record of an iteration that went on."""
    return record("Looped", iteration, child, start=start, **more)  # type: ignore[arg-type]


def failed(text: str, iteration: int = 1, child: int = 0, **more: object) -> Recorded:
    """Make the record of an attempt that raised."""
    error = ErrorText("builtins.ValueError", text, f"Traceback:\n  {text}")
    return record("Failed", iteration, child, error=error, **more)  # type: ignore[arg-type]


def retrying(iteration: int = 1, child: int = 0, run_count: int = 2) -> Recorded:
    """Make the record of a wait for the next try."""
    bare = {"attempted": False, "started": 0.0, "ended": 0.0, "run_count": run_count}
    return record("Retrying", iteration, child, **bare)  # type: ignore[arg-type]


def mapped(width: int) -> Recorded:
    """Make the record of a map that was opened."""
    return record("Mapped", 1, None, attempted=False, started=0.0, ended=0.0, width=width)


def past_of(
    *records: Recorded,
    status: Status = "success",
    took: float = 60.0,
    submitted: Sequence[Submitted] = (),
    parameters: Sequence[Given] = (),
    marks: Sequence[Mark] = MARKS,
    message: str = "",
) -> Past:
    """Put a run together."""
    header = Header("quiet-heron-7f3a9c12", "loops", BEGUN, tuple(parameters), tuple(marks))
    summary = Summary(header, status, 1, BEGUN + took, None, message)
    return Past(summary, records, tuple(submitted))


def wide(children: int, iterations: int, seed: int = 1) -> Past:
    """Make a run of many loops, of which each tenth iteration is tried again and some fail."""
    draw = random.Random(seed)
    records = [mapped(children)]
    for child in range(children):
        at = draw.random() * 30
        for iteration in range(1, iterations + 1):
            tries = 1
            if draw.random() < 0.1:
                text = f"connection {draw.randrange(5)} reset by peer"
                records.append(failed(text, iteration, child, start=at, took=0.01))
                records.append(retrying(iteration, child))
                tries, at = 2, at + 0.5
            took = draw.expovariate(20)
            if iteration < iterations:
                message = f"step {iteration} of child {child}: loss {draw.random():.4f}"
                records.append(
                    looped(iteration, child, at, took=took, run_count=tries, message=message)
                )
            elif child % 100 == 99:
                text = f"no convergence in child {child}"
                records.append(
                    failed(text, iteration, child, start=at, took=took, run_count=tries, final=True)
                )
            else:
                text = f"{{'loss': {draw.random():.6f}, 'child': {child}}}"
                value = Sealed(b"", None, 0, 0, text)
                records.append(
                    record(
                        "Success",
                        iteration,
                        child,
                        start=at,
                        took=took,
                        run_count=tries,
                        value=value,
                    )
                )
            at += took + draw.random() * 0.2
    return past_of(*records, took=90.0, status="failed")
