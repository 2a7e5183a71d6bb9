"""The page "Loops" as a Bokeh document: what one browser shows, and chooses to see.

Imported on a scheduler that has Bokeh, and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bokeh.layouts import column, row
from bokeh.models import Div, Select

from daskloop.dashboard.charts import RasterChart, RateChart
from daskloop.dashboard.dask_pages import dress, futures_with_workers
from daskloop.dashboard.shelf import Held, Shelf
from daskloop.dashboard.tables import LineTable, TaskTable
from daskloop.dashboard.views import TaskView
from daskloop.dashboard.wording import headline, legend, run_label

__all__ = ["TITLE", "LoopsPage", "document_of"]

TITLE = "Dask: Loops"
"""What a browser names the page."""

EVERY = 500
"""Milliseconds between two looks at the shelf."""

SHARE = 100
"""A picture is followed by so many times its own duration without one, but by `REST` at most;
to send it to the browser takes about as long again."""

REST = 2.0
"""Seconds; less than those for which somebody is taken to look."""

NEWEST = "newest"
"""What the choice of a run is at first: whichever began last."""

_MUTED = (
    "<p>No run has been told of yet. This page shows flows of daskloop that use this cluster.</p>"
)


def document_of(shelf: Shelf) -> Callable[[Any, Any, Any], None]:
    """Make the function that fills a new document, as Dask's own pages have one."""

    def document(scheduler: Any, extra: Any, doc: Any) -> None:
        page = LoopsPage(scheduler, shelf)
        page.update()
        doc.add_root(page.root)
        dress(doc, TITLE)
        doc.add_periodic_callback(page.look, EVERY)

    return document


class LoopsPage:
    """What one browser sees.

    Parameters
    ----------
    scheduler : distributed.Scheduler
        Knows how many futures are with workers.
    shelf : Shelf
        Holds the runs.

    Notes
    -----
    Belongs to the scheduler's event loop. Does nothing to the browser while nothing has changed.
    """

    def __init__(self, scheduler: Any, shelf: Shelf) -> None:
        self._scheduler = scheduler
        self._shelf = shelf
        self._drawn: tuple[Any, ...] = ()
        self._next_look = 0.0
        self._run = Select(title="Run", value=NEWEST, options=[(NEWEST, "the newest")], width=520)
        self._task = Select(title="Children of", value="", options=[""], width=300)
        self._head = Div(text=_MUTED, sizing_mode="stretch_width")
        self._tasks = TaskTable(self._choose)
        self._raster = RasterChart()
        self._rate = RateChart()
        self._lines = LineTable()
        for choice in (self._run, self._task):
            choice.on_change("value", self._changed)
        self.root = column(
            row(self._run, self._task),
            self._head,
            self._tasks.root,
            row(self._raster.root, self._rate.root, sizing_mode="stretch_width"),
            Div(text=legend()),
            self._lines.root,
            sizing_mode="stretch_width",
            margin=10,
        )

    def look(self) -> None:
        """Show what is new, unless the last picture took so long that it is too soon."""
        if time.monotonic() >= self._next_look:
            began = time.thread_time()
            self.update()
            rest = min(REST, SHARE * (time.thread_time() - began))
            self._next_look = time.monotonic() + rest

    def update(self) -> None:
        """Show what is new."""
        runs = self._shelf.runs()
        self._offer(
            self._run, [(NEWEST, "the newest"), *((h.view.run, run_label(h)) for h in runs)]
        )
        held = self._chosen(runs)
        if held is None:
            return
        tasks = held.view.tasks or ()
        task = self._chosen_task(held, tasks)
        now = time.monotonic()
        self._shelf.look(held.view.run, "" if task is None else task.slug, now)
        silent = held.is_silent(now)
        running = futures_with_workers(
            self._scheduler, held.view.run, tuple(one.slug for one in tasks)
        )
        drawn = (held.view, silent, dict(running), task and task.slug)
        if drawn != self._drawn:
            self._drawn = drawn
            self._draw(held, silent, running, task)

    def _draw(self, held: Held, silent: bool, running: Any, task: TaskView | None) -> None:
        self._head.text = headline(held, silent)
        self._tasks.show(held.view.tasks or (), running)
        self._rate.show(held.rates)
        self._raster.show(task)
        self._lines.show(task, held.view.at)

    def _chosen(self, runs: list[Held]) -> Held | None:
        held = self._shelf.get(self._run.value)
        if held is None and runs:
            held = max(runs, key=lambda one: one.view.begun)
        return held

    def _chosen_task(self, held: Held, tasks: tuple[TaskView, ...]) -> TaskView | None:
        self._offer(self._task, [(one.slug, one.name) for one in tasks] or [("", "-")])
        found = {one.slug: one for one in tasks}
        if self._task.value not in found and tasks:
            best = max(tasks, key=lambda one: (one.iterations, one.width or 0))
            self._task.value = best.slug
        return found.get(self._task.value)

    def _offer(self, select: Any, options: list[tuple[str, str]]) -> None:
        if select.options != options:
            select.options = options

    def _choose(self, slug: str) -> None:
        self._task.value = slug

    def _changed(self, attr: str, old: Any, new: Any) -> None:
        if old != new:
            self.update()
