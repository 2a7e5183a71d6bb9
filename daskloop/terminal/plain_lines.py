"""Say now and then, in a line, how a run stands: where nothing can be drawn, as in a CI log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

from daskloop.plain_text import one_line
from daskloop.report.run_tally import RunTally
from daskloop.terminal.facts import duration, task_facts
from daskloop.terminal.glance import Glance, Glances, TaskGlance

__all__ = ["PlainLines", "sentence"]

FIRST, LONGEST = 10.0, 30.0
"""Seconds between two lines: at first, and once the run has gone on for some minutes."""

_MINUTES = 300.0
_WIDTH = 300  # columns of a line
_TASKS = 6  # that a line tells of


class PlainLines:
    """Writes lines to stderr while the ``with`` block lasts.

    Parameters
    ----------
    tally : RunTally
        What is told.
    flow : str
        Name of the flow.
    redact : callable
        Takes a text of the user's and returns it without what is secret.
    opening : str
        What the first line says.
    """

    def __init__(
        self, tally: RunTally, flow: str, redact: Callable[[str], str], opening: str
    ) -> None:
        self._opening = opening
        self._glances = Glances(tally, redact)
        self._flow = one_line(flow, 80)
        self._over = threading.Event()
        self._failed = 0

    def __enter__(self) -> PlainLines:
        _say(f"{self._flow}: {self._opening}")
        self._thread = threading.Thread(target=self._work, name="daskloop-terminal", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def let_go(self) -> None:
        """Do nothing: what is written reaches stderr anyway."""

    def _work(self) -> None:
        began = time.monotonic()
        while not self._over.wait(FIRST if time.monotonic() - began < _MINUTES else LONGEST):
            glance = self._glances.take(tasks=_TASKS)
            _say(f"{self._flow}: {sentence(glance)}{self._news(glance)}")

    def _news(self, glance: Glance) -> str:
        """Tell of the last failure, once."""
        if glance.failed == self._failed or not glance.failures:
            return ""
        self._failed = glance.failed
        last = glance.failures[-1]
        return f"; ✖ {one_line(last.name, 60)}: {one_line(last.message, 120)}"


def sentence(glance: Glance) -> str:
    """Say how a run stands.

    Parameters
    ----------
    glance : Glance
        What is told.
    """
    if not glance.run:  # it still looks for its cluster, say
        return "not begun yet"
    parts = [_of_task(task) for task in glance.tasks]
    if glance.more_tasks:
        parts.append(f"{glance.more_tasks} more tasks")
    if glance.stalled:
        parts.append(one_line(glance.stalled, 120))
    if glance.stopping:
        parts.append(f"stopping: {one_line(glance.stopping, 80)}")
    return f"{duration(glance.seconds)}: {'; '.join(parts)}"


def _of_task(task: TaskGlance) -> str:
    facts = [one_line(fact.text, 60) for fact in task_facts(task)]
    if task.mapped and task.width is not None:
        so_far = " so far" if task.grows else ""
        facts.insert(0, f"{task.ended:,} of {task.width:,}{so_far} ended")
    return f"{one_line(task.name, 60)}: {', '.join(facts)}"


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {one_line(text, _WIDTH)}", file=sys.stderr, flush=True)
