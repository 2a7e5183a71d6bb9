"""The charts of the page: children by their iterations, and iterations per second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bokeh.models import ColumnDataSource, DataRange1d, HoverTool, NumeralTickFormatter
from bokeh.plotting import figure

from daskloop.dashboard.standings import COLOURS, WORDS
from daskloop.dashboard.views import Cells, Strip, TaskView

__all__ = ["RasterChart", "RateChart", "bars_of_cells", "bars_of_strips", "rates_of"]

Bar = tuple[float, float, float, float, str, str]
"""Middle, height, left, right, colour, and what is said of it."""

_COLUMNS = ("y", "height", "left", "right", "colour", "said")
_PALE = "#bfe3d8"  # iterations that ended and went on
_LAP = 1.1  # strips lap over each other a little, so that nothing shines through between them


class RasterChart:
    """Children from top to bottom, iterations from left to right."""

    def __init__(self) -> None:
        self._bars = ColumnDataSource({name: [] for name in _COLUMNS})
        self._marks = ColumnDataSource({"x": [], "y": []})
        self.root: Any = figure(
            title="Children and their iterations",
            height=360,
            sizing_mode="stretch_width",
            tools="pan,wheel_zoom,box_zoom,reset",
            y_range=DataRange1d(flipped=True),
            x_range=DataRange1d(start=0),
            output_backend="canvas",
        )
        bars = self.root.hbar(
            y="y",
            height="height",
            left="left",
            right="right",
            color="colour",
            line_width=0,
            source=self._bars,
        )
        self.root.scatter(
            x="x", y="y", marker="x", size=7, line_width=1.5, color="#000000", source=self._marks
        )
        self.root.add_tools(HoverTool(renderers=[bars], tooltips="@said"))
        self.root.yaxis.axis_label = "child"
        for axis in (*self.root.xaxis, *self.root.yaxis):
            axis.formatter = NumeralTickFormatter(format="0,0")
            axis.ticker.min_interval = 1  # there is no half a child

    def show(self, task: TaskView | None) -> None:
        """Draw the children of a task."""
        bars: Iterable[Bar] = ()
        marks: Sequence[tuple[int, int]] = ()
        title, across = "Children and their iterations", "iteration"
        if task is not None and task.cells is not None:
            bars, marks = bars_of_cells(task.cells), task.cells.failed
            title = f"{task.name}: every child, every iteration"
        elif task is not None and task.strips:
            bars, across = bars_of_strips(task.strips, task.width or 0), "children"
            title = f"{task.name}: {task.width:,} children, counted in strips"
        columns = list(zip(*bars, strict=True)) or [()] * len(_COLUMNS)
        self._bars.data = dict(zip(_COLUMNS, map(list, columns), strict=True))
        self._marks.data = {
            "x": [iteration - 0.5 for _, iteration in marks],
            "y": [index for index, _ in marks],
        }
        self.root.title.text = title
        self.root.xaxis.axis_label = across


class RateChart:
    """Iterations per second over the last minutes."""

    def __init__(self) -> None:
        self._source = ColumnDataSource({"x": [], "y": []})
        self.root: Any = figure(
            title="Iterations per second",
            height=360,
            width=380,
            tools="",
            x_axis_type="datetime",
            y_range=DataRange1d(start=0),
        )
        self.root.line(x="x", y="y", line_width=2, color=COLOURS[2], source=self._source)
        self.root.scatter(x="x", y="y", size=4, color=COLOURS[2], source=self._source)

    def show(self, points: Sequence[tuple[float, int]]) -> None:
        """Draw the line."""
        found = rates_of(points)
        self._source.data = {"x": [at * 1000 for at, _ in found], "y": [rate for _, rate in found]}


def bars_of_cells(cells: Cells) -> list[Bar]:
    """Draw each child as the iterations that it has behind it, and the one that it is at.

    Examples
    --------
    >>> bars_of_cells(Cells.of(bytes([2]), [3], []))[1][:4]
    (0.0, 0.9, 2.0, 3.0)
    """
    bars: list[Bar] = []
    for index, (standing, reached) in enumerate(
        zip(cells.standings, cells.iterations, strict=True)
    ):
        said = f"[{index}] {WORDS[standing]}"
        if reached:
            said += f", iteration {reached:,}"
        if reached > 1:
            bars.append((float(index), 0.9, 0.0, reached - 1.0, _PALE, said))
        last = max(reached, 1)
        bars.append((float(index), 0.9, last - 1.0, float(last), COLOURS[standing], said))
    return bars


def bars_of_strips(strips: Sequence[Strip], width: int) -> list[Bar]:
    """Draw each strip of children as how many of them stand how."""
    bars: list[Bar] = []
    for number, strip in enumerate(strips):
        end = strips[number + 1].first if number + 1 < len(strips) else width
        height, left = float(end - strip.first), 0.0
        for standing, count in enumerate(strip.counts):
            if count:
                said = f"[{strip.first}..{end - 1}] {count:,} {WORDS[standing]}"
                middle = strip.first + height / 2
                bars.append((middle, height * _LAP, left, left + count, COLOURS[standing], said))
                left += count
    return bars


def rates_of(points: Iterable[tuple[float, int]], least: float = 0.45) -> list[tuple[float, float]]:
    """Turn counts at points in time into rates, over spans of `least` seconds or more.

    Examples
    --------
    >>> rates_of([(0.0, 0), (0.25, 5), (0.5, 10), (2.5, 10)])
    [(0.5, 20.0), (2.5, 0.0)]
    """
    rates = []
    last: tuple[float, int] | None = None
    for at, count in points:
        if last is None:
            last = (at, count)
        elif at - last[0] >= least:
            rates.append((at, (count - last[1]) / (at - last[0])))
            last = (at, count)
    return rates
