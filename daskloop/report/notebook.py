"""A table of a run that is kept up to date in a notebook, without widgets.

::

    driver ──► events ──► NotebookView.hear ──► RunTally
                               │ at most four times a second, on a timer of its own
                               └──► the display of the cell that began the run
"""

from __future__ import annotations

import concurrent.futures
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from daskloop import config
from daskloop.define.graph import TaskGraph
from daskloop.define.parameter import Parameter
from daskloop.events import Event, RunEnded, TaskTitle
from daskloop.plain_text import hidden, texts_to_hide
from daskloop.report.run_html import run_html
from daskloop.report.run_tally import RunTally
from daskloop.state_html import hide

__all__ = ["NotebookView", "in_kernel", "notebook_views"]

logger = logging.getLogger("daskloop.notebook")

PERIOD = 0.25
"""Seconds between two pictures, at the least."""


def in_kernel() -> bool:
    """Tell whether the kernel of a notebook runs this code."""
    ipython = sys.modules.get("IPython")
    if ipython is None:  # nobody pays for it who is not in a notebook
        return False
    return getattr(ipython.get_ipython(), "kernel", None) is not None


def notebook_views(graph: TaskGraph, given: Mapping[str, Any]) -> list[NotebookView]:
    """Make what shows a run of a flow in a notebook; nothing elsewhere.

    Parameters
    ----------
    graph : TaskGraph
        The flow.
    given : mapping
        Values of parameters by name. Secret ones are hidden, from now on in states as well.

    Raises
    ------
    ValueError
        If the setting ``daskloop.notebook`` is something else than true or false.
    """
    if not in_kernel():
        return []
    parameters = [task for task in graph.tasks if isinstance(task, Parameter)]
    secrets = texts_to_hide(given.get(one.name, one.default) for one in parameters if one.secret)
    hide(secrets)
    if config.flag("notebook") is False:
        return []
    slugs = graph.slugs
    tasks = [
        TaskTitle(slugs[task], task.name, graph.call_of(task).is_mapped)
        for task in graph.sorted_tasks()
        if not isinstance(task, Parameter)
    ]
    return [NotebookView(graph.name, tasks, partial(hidden, secrets=secrets))]


class NotebookView:
    """Shows one run in the output of the cell that began it.

    Parameters
    ----------
    flow : str
        Name of the flow.
    tasks : iterable of TaskTitle
        The tasks that have a row.
    redact : callable
        Takes a text of the user's and returns it without what is secret.

    Notes
    -----
    Hears on one thread, draws on another, for as long as there is news. A display that cannot be
    reached any more ends the pictures, not the run.
    """

    level = logging.DEBUG

    def __init__(
        self,
        flow: str,
        tasks: Iterable[TaskTitle],
        redact: Callable[[str], str] = str,
    ) -> None:
        self._redact = redact
        self._tally = RunTally(flow=flow, tasks=tasks)
        self._handle: Any = None
        self._drawn = 0.0
        self._timer: threading.Timer | None = None

    def show(self, run: str, outcome: concurrent.futures.Future[Any]) -> None:
        """Put the table into the output of the cell that runs now.

        Parameters
        ----------
        run : str
            Name of the run.
        outcome : Future
            Done when the run has ended, also where that is no event.
        """
        display = import_module("IPython.display").display
        with self._tally.lock:
            self._tally.run = run
            self._handle = display(self._bundle(), raw=True, display_id=True)
            self._drawn = time.monotonic()
        outcome.add_done_callback(self._over)

    def _over(self, outcome: concurrent.futures.Future[Any]) -> None:
        error = outcome.exception()
        if error is None:
            return
        with self._tally.lock:
            self._tally.stalled = f"The run could not go on: {type(error).__name__}: {error}"
            if self._handle is not None:
                self._draw()

    def hear(self, event: Event) -> None:
        """Take note of one event."""
        self._tally.hear(event)
        if self._timer is not None and not isinstance(event, RunEnded):
            return  # a picture will be made anyway, and this event is in it
        with self._tally.lock:
            if self._handle is not None:
                self._soon(0.0 if isinstance(event, RunEnded) else PERIOD)

    def _soon(self, period: float) -> None:
        """Have a picture made, on a timer, or here if it is due; to be called with the lock."""
        wait = self._drawn + period - time.monotonic()
        if wait <= 0:
            self._draw()
        elif self._timer is None:
            self._timer = threading.Timer(wait, self._due)
            self._timer.daemon = True
            self._timer.start()

    def _due(self) -> None:
        with self._tally.lock:
            if self._timer is not None:
                self._draw()

    def _draw(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            self._handle.update(self._bundle(), raw=True)
        # The table is an extra: whatever is wrong with its display must not reach the run.
        except Exception:
            logger.warning("run %s: its table is drawn no more", self._tally.run, exc_info=True)
            self._handle = None
        self._drawn = time.monotonic()

    def _bundle(self) -> dict[str, str]:
        tally = self._tally
        html = run_html(tally, time.time(), self._redact)
        return {"text/html": html, "text/plain": f"run {tally.run} of flow '{tally.flow}'"}
