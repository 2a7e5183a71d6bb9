"""A run as HTML, for notebooks: a row for each task, the newest failures, at a bounded size."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice

from daskloop.dashboard.standings import Standing
from daskloop.html_table import Cell, heading, note, table
from daskloop.report.run_tally import RunTally
from daskloop.report.task_tally import TaskTally
from daskloop.state_html import colour_of
from daskloop.states import Running

__all__ = ["run_html"]

_TASKS = 50  # rows at most


def run_html(tally: RunTally, now: float, redact: Callable[[str], str] = str) -> str:
    """Show how a run stands.

    Parameters
    ----------
    tally : RunTally
        What has been heard of it; to be called with its lock.
    now : float
        The time, seconds since the epoch.
    redact : callable, optional
        Takes a text of the user's and returns it without what is secret.

    Examples
    --------
    >>> from daskloop.events import TaskTitle
    >>> html = run_html(RunTally(flow="fib", tasks=[TaskTitle("a-1", "a", True)]), now=0.0)
    >>> "<b>Running</b> fib" in html, "not begun" in html
    (True, True)
    """
    state = Running() if tally.ended is None else tally.ended.state
    tasks = tally.tasks.values()
    parts = [heading(type(state).__name__, colour_of(state), _facts(tally, now, redact))]
    parts.append(
        table(
            ["Task", "Done", "Failed", "Iterations", "Retries", "Waiting", "Newest message"],
            (_cells(task, redact) for task in islice(tasks, _TASKS)),
            "Tasks of the run",
        )
    )
    if len(tasks) > _TASKS:
        parts.append(note(f"and {len(tasks) - _TASKS:,} more tasks"))
    for one in tally.failures:
        where = f" at iteration {one.iteration:,}" if one.iteration > 1 else ""
        parts.append(note(f"✖ {redact(one.name)} failed{where}: {redact(one.message)}"))
    if tally.stalled and tally.ended is None:
        parts.append(note(redact(tally.stalled)))
    return "".join(parts)


def _facts(tally: RunTally, now: float, redact: Callable[[str], str]) -> str:
    facts = [redact(tally.flow), f"run {tally.run}"]
    if tally.begun is not None:
        ends = now if tally.ended is None else tally.ended.at
        facts += [f"on {tally.executor}", f"{max(0.0, ends - tally.begun):.1f} s"]
    losses = sum(task.losses for task in tally.tasks.values())
    if losses:
        facts.append(f"{losses:,} lost with their worker")
    return " · ".join(facts)


def _cells(task: TaskTally, redact: Callable[[str], str]) -> list[Cell]:
    failed = task.counts[Standing.FAILED]
    return [
        Cell(redact(task.name)),
        _done(task),
        Cell(_count(failed), "#d55e00" if failed else None, is_number=True),
        Cell(_count(task.iterations), is_number=True),
        Cell(_count(task.retries), is_number=True),
        Cell(_waiting(task)),
        Cell(redact(task.message)),
    ]


def _done(task: TaskTally) -> Cell:
    if task.width is None:
        return Cell("not begun")
    share = task.ended / task.width if task.width else 1.0
    return Cell(f"{task.ended:,} of {task.width:,}", share=share)


def _waiting(task: TaskTally) -> str:
    parts = []
    retrying = task.counts[Standing.RETRYING]
    if retrying:
        parts.append(f"{retrying:,} to try again{_next_try(task)}")
    paused = task.counts[Standing.PAUSED]
    if paused:
        parts.append(f"{paused:,} for approval")
    return ", ".join(parts)


def _next_try(task: TaskTally) -> str:
    waiting = map(task.child, task.those(Standing.RETRYING))
    due = min((one.due for one in waiting if one.due is not None), default=None)
    return "" if due is None else time.strftime(", next %H:%M:%S", time.localtime(due))


def _count(number: int) -> str:
    return f"{number:,}" if number else ""
