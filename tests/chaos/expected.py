"""What the mixed flow does when nothing goes wrong, computed plainly."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["iterations", "results"]

_CHILDREN = 3  # of the loop flow
_TURNS = 4


def results(size: int, careful: bool) -> dict[str, object]:
    """Return the result of each task by its name; of maps the list.

    Parameters
    ----------
    size : int
        The flow's parameter.
    careful : bool
        Which of the two flows.
    """
    grown = [sum(n * count for count in range(1, 5 + n % 9)) for n in range(size)]
    doubled = [2 * n for n in grown]
    ticked = [[n + k for k in range(24)] for n in range(size)]
    carried = [n + 4 for n in range(size)]
    lates = [2 * n for n in (1, 2)]
    found: dict[str, object] = {
        "numbers": list(range(size)),
        "grow": grown,
        "double": doubled,
        "tick": ticked,
        "carry": carried,
        "late": lates,
        "gather": [
            sum(10 * who + n + 1 for n in range(1, _TURNS + 1)) for who in range(1, _CHILDREN + 1)
        ],
        "total": sum(doubled) + sum(map(sum, ticked)) + sum(carried) + sum(lates),
    }
    if careful:
        found["ring"] = [-n for n in range(size)]
    return found


def iterations(size: int, careful: bool) -> set[str]:
    """Return all iterations that call a function, by their idempotency keys without the run."""
    return set(_iterations(size, careful))


def _iterations(size: int, careful: bool) -> Iterator[str]:
    yield from ("numbers-1@1", "total-1@1")
    for n in range(size):
        yield f"double-1[{n}]@1"
        for name, turns in (("grow", 4 + n % 9), ("tick", 25), ("carry", 5)):
            yield from (f"{name}-1[{n}]@{turn}" for turn in range(1, turns + 1))
        if careful:
            yield f"ring-1[{n}]@1"
    for n in range(2):
        yield from (f"late-1[{n}]@{turn}" for turn in (1, 2))
    for child in range(_CHILDREN):
        for turn in range(1, _TURNS + 1):
            for name in ("fetch", "check", "add"):
                yield f"gather-1[{child}]@{turn}/{name}-1@1"
