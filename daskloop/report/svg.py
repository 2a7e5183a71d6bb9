"""A drawing as SVG, which every browser and notebook shows, with nothing installed."""

from __future__ import annotations

from html import escape
from itertools import pairwise

from daskloop.plain_text import one_line
from daskloop.report.drawing import Drawing
from daskloop.report.layout import Layout, Placed, Point, Route, lay_out

__all__ = ["svg_text"]

_HEAD = 7.0  # length of an arrow's head
_FONT = "font-family='system-ui, sans-serif' font-size='13'"


def svg_text(drawing: Drawing) -> str:
    """Write a drawing in SVG.

    Parameters
    ----------
    drawing : Drawing
        Any text may stand in it.

    Returns
    -------
    str
        One element ``svg``: without scripts, links and identifiers, so that any number of them
        may be in a page. Arrows take the colour of the text around, in light and in dark pages.

    Examples
    --------
    >>> svg_text(Drawing("empty", (), ()))[:4]
    '<svg'
    """
    layout = lay_out(drawing)
    parts = [_opening(drawing, layout)]
    parts += [_route(route) for route in layout.routes]
    parts += [_box(placed) for placed in layout.placed]
    return "".join([*parts, "</svg>\n"])


def _opening(drawing: Drawing, layout: Layout) -> str:
    width, height = round(layout.width), round(layout.height)
    name = escape(f"Flow {one_line(drawing.name, 80)}, drawn: {len(drawing.boxes)} boxes")
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"viewBox='0 0 {width} {height}' role='img' aria-label='{name}' {_FONT} "
        f"style='max-width:100%;height:auto'><title>{name}</title>"
    )


def _box(placed: Placed) -> str:
    left, top, width, height = (f"{one:.1f}" for one in placed[2:])
    colour = placed.box.colour or "#f7f7f7"
    round_by = {"parameter": f"{placed.height / 2:.1f}", "task": "6", "map": "2"}[placed.box.kind]
    paint = f"fill='{colour}' stroke='#555'"
    parts = [
        f"<rect x='{left}' y='{top}' width='{width}' height='{height}' rx='{round_by}' {paint}/>"
    ]
    if placed.box.kind == "map":  # a second line inside: there are several of it
        parts.append(
            f"<rect x='{placed.left + 3:.1f}' y='{placed.top + 3:.1f}' "
            f"width='{placed.width - 6:.1f}' height='{placed.height - 6:.1f}' rx='1' {paint}/>"
        )
    middle = placed.left + placed.width / 2
    for number, line in enumerate(placed.lines):
        weight = " font-weight='600'" if number == 0 else ""
        parts.append(
            f"<text x='{middle:.1f}' y='{placed.top + 20 + 17 * number:.1f}' fill='#111' "
            f"text-anchor='middle'{weight}>{escape(line)}</text>"
        )
    return "".join(parts)


def _route(route: Route) -> str:
    end = route.points[-1]
    points = [*route.points[:-1], Point(end.x, end.y - _HEAD)]
    dashes = " stroke-dasharray='5 4'" if route.arrow.mapped else ""
    way = f"<path d='{_curve(points)}' fill='none' stroke='currentColor' opacity='.7'{dashes}/>"
    head = (
        f"<path d='M{end.x:.1f} {end.y:.1f} l-4 {-_HEAD:g} h8 z' fill='currentColor' opacity='.7'/>"
    )
    if not route.label:
        return way + head
    return (
        f"{way}{head}<text x='{end.x + 6:.1f}' y='{end.y - 8:.1f}' fill='currentColor' "
        f"font-size='11' opacity='.85'>{escape(route.label)}</text>"
    )


def _curve(points: list[Point]) -> str:
    """Join points: straight where one lies below the other, bent smoothly elsewhere."""
    said = [f"M{points[0].x:.1f} {points[0].y:.1f}"]
    for one, following in pairwise(points):
        if abs(one.x - following.x) < 0.05:
            said.append(f"V{following.y:.1f}")
        else:
            half = (one.y + following.y) / 2
            said.append(
                f"C{one.x:.1f} {half:.1f} {following.x:.1f} {half:.1f} "
                f"{following.x:.1f} {following.y:.1f}"
            )
    return " ".join(said)
