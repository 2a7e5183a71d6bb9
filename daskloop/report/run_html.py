"""A run as HTML, for notebooks: a row for each task, the newest failures, at a bounded size."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice

from daskloop.html_table import Cell, heading, note, table
from daskloop.report.tallies import Tallies, TaskRow
from daskloop.state_html import colour_of
from daskloop.states import Running

__all__ = ["run_html"]

_TASKS = 50  # rows at most


def run_html(
    flow: str, run: str, tallies: Tallies, now: float, redact: Callable[[str], str] = str
) -> str:
    """Show how a run stands.

    Parameters
    ----------
    flow, run : str
        Names.
    tallies : Tallies
        What has been heard of it.
    now : float
        The time, seconds since the epoch.
    redact : callable, optional
        Takes a text of the user's and returns it without what is secret.

    Examples
    --------
    >>> html = run_html("fib", "quiet-heron-7f3a9c12", Tallies([("a-1", "a", True)]), now=0.0)
    >>> "<b>Running</b> fib" in html, "not begun" in html
    (True, True)
    """
    state = tallies.state or Running()
    ends = now if tallies.state is None else tallies.at
    facts = [redact(flow), f"run {run}"]
    if tallies.started is not None:
        facts += [f"on {tallies.executor}", f"{max(0.0, ends - tallies.started):.1f} s"]
    if tallies.losses:
        facts.append(f"{tallies.losses:,} lost with their worker")
    rows = tallies.rows(now)
    parts = [heading(type(state).__name__, colour_of(state), " · ".join(facts))]
    parts.append(
        table(
            ["Task", "Done", "Failed", "Iterations", "Retries", "Waiting", "Newest message"],
            (_cells(row, redact) for row in islice(rows, _TASKS)),
            "Tasks of the run",
        )
    )
    if len(rows) > _TASKS:
        parts.append(note(f"and {len(rows) - _TASKS:,} more tasks"))
    for failure in tallies.failures:
        where = "" if failure.iteration is None else f" at iteration {failure.iteration}"
        parts.append(note(f"✖ {redact(failure.name)} failed{where}: {redact(failure.message)}"))
    if tallies.stalled and tallies.state is None:
        parts.append(note(redact(tallies.stalled)))
    return "".join(parts)


def _cells(row: TaskRow, redact: Callable[[str], str]) -> list[Cell]:
    return [
        Cell(redact(row.name)),
        _done(row),
        Cell(_count(row.failed), "#d55e00" if row.failed else None, is_number=True),
        Cell(_count(row.iterations), is_number=True),
        Cell(_count(row.retries), is_number=True),
        Cell(_waiting(row)),
        Cell(redact(row.message)),
    ]


def _done(row: TaskRow) -> Cell:
    if row.children is None:
        return Cell("never opened" if row.ended else "not begun")
    share = row.ended / row.children if row.children else 1.0
    before = f", {row.before:,} before" if row.before else ""
    return Cell(f"{row.ended:,} of {row.children:,}{before}", share=share)


def _waiting(row: TaskRow) -> str:
    parts = []
    if row.waiting and row.next_try is not None:
        clock = time.strftime("%H:%M:%S", time.localtime(row.next_try))
        parts.append(f"{row.waiting:,} to try again, next {clock}")
    if row.paused:
        parts.append(f"{row.paused:,} for approval")
    return ", ".join(parts)


def _count(number: int) -> str:
    return f"{number:,}" if number else ""
