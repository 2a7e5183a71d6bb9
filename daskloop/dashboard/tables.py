"""The tables of the page: the tasks of a run, and the children of one that are worth a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bokeh.models import ColumnDataSource, CustomJS, DataTable, TableColumn

from daskloop.dashboard.standings import WORDS, Standing
from daskloop.dashboard.views import ChildLine, TaskView
from daskloop.dashboard.wording import span

__all__ = ["LineTable", "TaskTable", "line_row", "task_row"]

_TASK_COLUMNS = (
    ("name", "task", 240),
    ("width", "children", 70),
    *((word, word, 70) for word in WORDS),
    ("iterations", "iterations", 80),
    ("retries", "retries", 60),
    ("losses", "losses", 60),
    ("futures", "with workers", 80),
)
_LINE_COLUMNS = (
    ("name", "child", 220),
    ("standing", "", 130),
    ("iteration", "iteration", 70),
    ("attempt", "try", 60),
    ("age", "since", 90),
    ("until", "again in", 80),
    ("message", "message", 640),
)

_ROW, _HIGHEST = 25, 255  # pixels of a row, and of the table of tasks


class TaskTable:
    """A row for each task; a click chooses one.

    Parameters
    ----------
    choose : callable
        Told the slug of a task that was clicked.
    """

    def __init__(self, choose: Callable[[str], None]) -> None:
        self._choose = choose
        self._slugs: list[str] = []
        self._source, self.root = _table(_TASK_COLUMNS, 2 * _ROW)
        self._source.selected.on_change("indices", self._clicked)

    def show(self, tasks: Sequence[TaskView], futures: Mapping[str, int]) -> None:
        """Fill the table."""
        self._slugs = [task.slug for task in tasks]
        rows = [task_row(task, futures.get(task.slug)) for task in tasks]
        self.root.height = min(_HIGHEST, _ROW * (len(rows) + 1) + 5)
        _fill(self._source, _TASK_COLUMNS, rows)

    def _clicked(self, attr: str, old: Any, new: Sequence[int]) -> None:
        if new and new[0] < len(self._slugs):
            self._choose(self._slugs[new[0]])


class LineTable:
    """A row for each child that is worth a look."""

    def __init__(self) -> None:
        self._source, self.root = _table(_LINE_COLUMNS, 300)

    def show(self, task: TaskView | None, now: float) -> None:
        """Fill the table."""
        lines = () if task is None else task.lines
        _fill(self._source, _LINE_COLUMNS, [line_row(line, now) for line in lines])


def task_row(task: TaskView, futures: int | None) -> tuple[Any, ...]:
    """Say of a task what the columns hold."""
    width = "?" if task.width is None else task.width
    known = "" if futures is None else futures
    counted = (task.iterations, task.retries, task.losses)
    return (task.name, width, *task.counts, *counted, known)


def line_row(line: ChildLine, now: float) -> tuple[Any, ...]:
    """Say of a child what the columns hold."""
    over = line.standing not in (Standing.READY, Standing.UNDER_WAY, Standing.RETRYING)
    age = "" if line.begun is None or over else span(now - line.begun)
    until = "" if line.until is None else span(line.until - now)
    attempt = f"{line.attempt} of {max(line.attempts, line.attempt)}" if line.attempt else ""
    word = WORDS[line.standing]
    return (line.name, word, line.iteration, attempt, age, until, line.message)


def _table(columns: Sequence[tuple[str, str, int]], height: int) -> tuple[Any, Any]:
    source = ColumnDataSource({name: [] for name, _, _ in columns})
    shown = [TableColumn(field=name, title=title, width=width) for name, title, width in columns]
    table = DataTable(
        source=source,
        columns=shown,
        height=height,
        index_position=None,
        sizing_mode="stretch_width",
        sortable=True,
        reorderable=False,
    )
    # A table of Bokeh 3.9 draws what is new only if the number of rows has changed.
    redraw = CustomJS(args={"view": table.view}, code="view.change.emit()")
    source.js_on_change("data", redraw)
    return source, table


def _fill(source: Any, columns: Sequence[tuple[str, str, int]], rows: Sequence[Any]) -> None:
    held = list(zip(*rows, strict=True)) or [()] * len(columns)
    source.data = {name: list(values) for (name, _, _), values in zip(columns, held, strict=True)}
