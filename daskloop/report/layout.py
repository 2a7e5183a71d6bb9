"""Where the boxes and arrows of a drawing go: in layers, from the top down.

::

    drawing ─► layers (the longest way from a start) ─► order within each ─► places ─► routes

An arrow that passes layers takes a place of its own in each of them, so it runs around boxes.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from daskloop.plain_text import one_line
from daskloop.report.drawing import Arrow, Box, Drawing

__all__ = ["Layout", "Placed", "Point", "Route", "lay_out"]

_SIGN, _SMALL, _LINE = 7.4, 6.3, 17.0  # width of a sign, and in a label; height of a line of text
_WIDE = 420.0  # a box is no wider than that for the sake of labels
_PAD, _GAP, _RISE, _EDGE = 14.0, 22.0, 46.0, 8.0  # in boxes, between them, between layers, around
_SWEEPS = 4  # down and up again, each to sort the layers by their neighbours
_WIDEST = 40  # columns of a line in a box


class Point(NamedTuple):
    """A point, in pixels from the upper left corner."""

    x: float
    y: float


class Placed(NamedTuple):
    """A box and its place."""

    box: Box
    lines: tuple[str, ...]
    """What is written in it, each in one line and cut."""
    left: float
    top: float
    width: float
    height: float


class Route(NamedTuple):
    """An arrow and the points that it passes, straight down where there are two at one x."""

    arrow: Arrow
    label: str
    points: tuple[Point, ...]


class Layout(NamedTuple):
    """A drawing with a place for everything."""

    width: float
    height: float
    placed: tuple[Placed, ...]
    routes: tuple[Route, ...]


class _Cell(NamedTuple):
    """A place in a layer: for a box, or for an arrow that passes."""

    name: str
    width: float


def lay_out(drawing: Drawing) -> Layout:
    """Give every box and arrow its place.

    Parameters
    ----------
    drawing : Drawing
        Its boxes come in an order in which no arrow leads back.

    Examples
    --------
    >>> boxes = (Box("n0", "task", ("a",), None), Box("n1", "task", ("b",), None))
    >>> layout = lay_out(Drawing("two", boxes, (Arrow("n0", "n1", "x", False),)))
    >>> [(one.left, one.top) for one in layout.placed]
    [(8.0, 8.0), (8.0, 85.0)]
    """
    if not drawing.boxes:
        return Layout(2 * _EDGE, 2 * _EDGE, (), ())
    lines = {
        box.name: tuple(one_line(line, _WIDEST) for line in box.lines) for box in drawing.boxes
    }
    labels = {arrow: one_line(arrow.label, _WIDEST) for arrow in drawing.arrows}
    widths = _widths(drawing, lines, labels)
    layers, ways = _layers(drawing, widths)
    _sort(layers, ways)
    centres = _centres(layers, ways)
    tops, heights = _rows(layers, lines)
    shift = _EDGE - min(centres[cell.name] - cell.width / 2 for row in layers for cell in row)
    centres = {name: centre + shift for name, centre in centres.items()}
    placed = tuple(
        Placed(
            box,
            lines[box.name],
            centres[box.name] - widths[box.name] / 2,
            tops[box.name],
            widths[box.name],
            heights[box.name],
        )
        for box in drawing.boxes
    )
    right = max(centres[cell.name] + cell.width / 2 for row in layers for cell in row)
    bottom = max(one.top + one.height for one in placed)
    routes = _routes(ways, labels, {one.box.name: one for one in placed}, centres, tops, heights)
    return Layout(right + _EDGE, bottom + _EDGE, placed, routes)


def _widths(
    drawing: Drawing, lines: Mapping[str, tuple[str, ...]], labels: Mapping[Arrow, str]
) -> dict[str, float]:
    """Make each box wide enough for its text, and for the labels of the arrows that reach it."""
    reaching: defaultdict[str, list[float]] = defaultdict(list)
    for arrow, label in labels.items():
        reaching[arrow.end].append(_columns(label) * _SMALL + 10)
    return {
        name: max(
            max(map(_columns, text)) * _SIGN + 2 * _PAD,
            min(max(reaching[name]) * (len(reaching[name]) + 1), _WIDE) if reaching[name] else 0,
            56.0,
        )
        for name, text in lines.items()
    }


def _layers(
    drawing: Drawing, widths: Mapping[str, float]
) -> tuple[list[list[_Cell]], dict[Arrow, list[str]]]:
    """Put boxes into layers; return these, and what each arrow passes from its start to its end."""
    depth = {box.name: 0 for box in drawing.boxes}
    leads: defaultdict[str, list[str]] = defaultdict(list)
    for arrow in drawing.arrows:
        leads[arrow.start].append(arrow.end)
    reached = {arrow.end for arrow in drawing.arrows}
    for box in drawing.boxes:
        for end in leads[box.name]:
            depth[end] = max(depth[end], depth[box.name] + 1)
    for name, ends in leads.items():  # what waits for nothing stands just above its first user
        if name not in reached and ends:
            depth[name] = max(0, min(depth[end] for end in ends) - 1)
    layers: list[list[_Cell]] = [[] for _ in range(max(depth.values()) + 1)]
    for name, level in depth.items():
        layers[level].append(_Cell(name, widths[name]))
    ways: dict[Arrow, list[str]] = {}
    for number, arrow in enumerate(drawing.arrows):
        passed = range(depth[arrow.start] + 1, depth[arrow.end])
        for level in passed:
            layers[level].append(_Cell(f"a{number}.{level}", 4.0))
        between = [f"a{number}.{level}" for level in passed]
        ways[arrow] = [arrow.start, *between, arrow.end]
    return layers, ways


def _neighbours(ways: Mapping[Arrow, Sequence[str]]) -> tuple[dict[str, list[str]], ...]:
    """Return, for each cell, those above that lead to it, and those below that it leads to."""
    above: defaultdict[str, list[str]] = defaultdict(list)
    below: defaultdict[str, list[str]] = defaultdict(list)
    for way in ways.values():
        for one, following in pairwise(way):
            below[one].append(following)
            above[following].append(one)
    return above, below


def _sort(layers: list[list[_Cell]], ways: Mapping[Arrow, Sequence[str]]) -> None:
    """Order each layer by where the neighbours are, so that few arrows cross."""
    above, below = _neighbours(ways)
    for sweep in range(2 * _SWEEPS):
        sides, rows = (above, layers[1:]) if sweep % 2 == 0 else (below, layers[-2::-1])
        place = {cell.name: number for row in layers for number, cell in enumerate(row)}
        for row in rows:
            means = {
                cell.name: _mean([place[side] for side in sides.get(cell.name, ())], number)
                for number, cell in enumerate(row)
            }
            row.sort(key=lambda cell, means=means: means[cell.name])  # type: ignore[misc]
            place.update((cell.name, number) for number, cell in enumerate(row))


def _centres(
    layers: Sequence[Sequence[_Cell]], ways: Mapping[Arrow, Sequence[str]]
) -> dict[str, float]:
    """Give each cell an x, close to its neighbours and not on another cell."""
    above, below = _neighbours(ways)
    centres: dict[str, float] = {}
    for row in layers:
        centres.update(_spread(row, [0.0] * len(row)))
    for sweep in range(2 * _SWEEPS):
        sides, rows = (above, layers[1:]) if sweep % 2 == 0 else (below, layers[-2::-1])
        for row in rows:
            wanted = [
                _mean([centres[side] for side in sides.get(cell.name, ())], centres[cell.name])
                for cell in row
            ]
            centres.update(_spread(row, wanted))
    return centres


def _spread(row: Sequence[_Cell], wanted: Sequence[float]) -> dict[str, float]:
    """Place cells as near as can be to where each should be, in their order and apart.

    Least squares: cells that would overlap move together, as one group.
    """
    groups: list[tuple[float, int]] = []  # sum of where members want the group's first, members
    offsets: list[float] = []
    for number, cell in enumerate(row):
        gap = 0.0 if number == 0 else (row[number - 1].width + cell.width) / 2 + _GAP
        offsets.append(gap + (offsets[-1] if offsets else 0.0))
        total, size = wanted[number] - offsets[number], 1
        while groups and groups[-1][0] / groups[-1][1] > total / size:
            before, many = groups.pop()
            total, size = total + before, size + many
        groups.append((total, size))
    starts = [total / size for total, size in groups for _ in range(size)]
    return {
        cell.name: start + offset for cell, start, offset in zip(row, starts, offsets, strict=True)
    }


def _rows(
    layers: Sequence[Sequence[_Cell]], lines: Mapping[str, Sequence[str]]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the top and the height of each cell; all of a layer begin at one height."""
    tops: dict[str, float] = {}
    heights: dict[str, float] = {}
    top = _EDGE
    for row in layers:
        tall = max(len(lines.get(cell.name, ())) for cell in row) * _LINE + _PAD
        for cell in row:
            tops[cell.name] = top
            own = lines.get(cell.name)
            heights[cell.name] = tall if own is None else len(own) * _LINE + _PAD
        top += tall + _RISE
    return tops, heights


def _routes(
    ways: Mapping[Arrow, Sequence[str]],
    labels: Mapping[Arrow, str],
    boxes: Mapping[str, Placed],
    centres: Mapping[str, float],
    tops: Mapping[str, float],
    heights: Mapping[str, float],
) -> tuple[Route, ...]:
    reaching: defaultdict[str, list[Arrow]] = defaultdict(list)
    for arrow, way in sorted(ways.items(), key=lambda item: centres[item[1][-2]]):
        reaching[way[-1]].append(arrow)
    ports = {
        arrow: boxes[end].left + boxes[end].width * (number + 1) / (len(arrows) + 1)
        for end, arrows in reaching.items()
        for number, arrow in enumerate(arrows)
    }
    routes = []
    for arrow, way in ways.items():
        start = boxes[way[0]]
        points = [Point(centres[way[0]], start.top + start.height)]
        for name in way[1:-1]:
            points += [
                Point(centres[name], tops[name]),
                Point(centres[name], tops[name] + heights[name]),
            ]
        points.append(Point(ports[arrow], tops[way[-1]]))
        routes.append(Route(arrow, labels[arrow], tuple(points)))
    return tuple(routes)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
