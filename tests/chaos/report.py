"""The figures of a campaign, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.campaign import Found

__all__ = ["report"]


def report(found: Found) -> str:
    """Write the table of faults survived, and what the audits counted."""
    return "\n".join(_lines(found))


def _lines(found: Found) -> Iterator[str]:
    counts = Counter(name for _, name in found.faults)
    yield f"{'fault':34}{'times':>6}{'next attempt after':>28}"
    for name, count in counts.most_common():
        times = sorted(found.recoveries.get(name, ()))
        after = f"{median(times):6.1f} s, at most {times[-1]:5.1f} s" if times else "-"
        yield f"{name:34}{count:6}{after:>28}"
    yield f"{'all':34}{sum(counts.values()):6}"
    yield ""
    for what, number in _figures(found):
        yield f"{number:>10}  {what}"
    for text in found.broken:
        yield f"BROKEN: {text}"
    verdict = "broken promises" if found.broken else "no broken promise"
    yield f"seed {found.seed}, {found.seconds:.0f} s, {sum(counts.values())} faults: {verdict}"


def _figures(found: Found) -> Iterator[tuple[str, int]]:
    audits = found.audits
    yield "runs that ended well and were audited", len(audits)
    yield "drivers", found.drivers
    yield "schedulers and nannies started again", found.restarts
    yield "iterations recorded", sum(one.iterations for one in audits)
    yield "attempts begun", sum(one.begun for one in audits)
    yield "of them again, after a fault", sum(one.again for one in audits)
    yield "failed attempts recorded", sum(one.failed for one in audits)
    yield "losses charged", sum(one.charged for one in audits)
    yield "at_most_once children lost", sum(one.crashed for one in audits)
    yield "under way when the connection was lost", sum(one.beside for one in audits)
    yield "broken promises", len(found.broken)
