"""A drawing as SVG, which every browser and notebook shows, with nothing installed."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import pairwise

from daskloop.plain_text import one_line
from daskloop.report.drawing import Drawing
from daskloop.report.layout import Layout, Placed, Point, Route, lay_out

__all__ = ["svg_text"]

_HEAD = 7.0  # length of an arrow's head
_FONT = 'font-family="system-ui, sans-serif" font-size="13"'
_INK = "currentColor"  # of the text around, in light and in dark pages


def svg_text(drawing: Drawing, marks: Mapping[str, str] | None = None) -> str:
    """Write a drawing in SVG.

    Parameters
    ----------
    drawing : Drawing
        Any text may stand in it.
    marks : mapping, optional
        A further class for boxes, by their names.

    Returns
    -------
    str
        One element ``svg`` without scripts, links, styles and identifiers, so that any number of
        them may be in a page. A page may give other colours by classes: ``flow`` for the whole,
        ``box`` with ``parameter``, ``task`` or ``map``, ``arrow`` and ``mapped``, ``tip``,
        ``label``.

    Examples
    --------
    >>> svg_text(Drawing("empty", (), ()))[:17]
    '<svg class="flow"'
    """
    layout = lay_out(drawing)
    parts = [_opening(drawing, layout)]
    parts += [_route(route) for route in layout.routes]
    parts += [_box(placed, (marks or {}).get(placed.box.name, "")) for placed in layout.placed]
    return "".join([*parts, "</svg>\n"])


def _opening(drawing: Drawing, layout: Layout) -> str:
    width, height = round(layout.width), round(layout.height)
    name = escape(f"Flow {one_line(drawing.name, 80)}, drawn: {len(drawing.boxes)} boxes")
    return (
        f'<svg class="flow" xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{name}" {_FONT}>'
        f"<title>{name}</title>"
    )


def _box(placed: Placed, mark: str) -> str:
    colour = placed.box.colour or "#f7f7f7"
    left, top, width, height = placed[2:]
    corner = {"parameter": height / 2, "task": 6.0, "map": 2.0}[placed.box.kind]
    parts = [_rect(left, top, width, height, corner, colour)]
    if placed.box.kind == "map":  # a second line inside: there are several of it
        parts.append(_rect(left + 3, top + 3, width - 6, height - 6, 1.0, colour))
    for number, line in enumerate(placed.lines):
        weight = ' font-weight="600"' if number == 0 else ""
        parts.append(
            f'<text x="{left + width / 2:.1f}" y="{top + 20 + 17 * number:.1f}" fill="#111" '
            f'text-anchor="middle"{weight}>{escape(line)}</text>'
        )
    kinds = escape(" ".join(filter(None, ("box", placed.box.kind, mark))))
    return f'<g class="{kinds}">{"".join(parts)}</g>'


def _rect(left: float, top: float, width: float, height: float, corner: float, colour: str) -> str:
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{corner:.1f}" fill="{colour}" stroke="#555"/>'
    )


def _route(route: Route) -> str:
    end = route.points[-1]
    points = [*route.points[:-1], Point(end.x, end.y - _HEAD)]
    kind, dashes = ("arrow", "")
    if route.arrow.mapped:
        kind, dashes = "arrow mapped", ' stroke-dasharray="5 4"'
    way = (
        f'<path class="{kind}" d="{_curve(points)}" fill="none" stroke="{_INK}" '
        f'opacity=".7"{dashes}/>'
    )
    head = f"M{end.x:.1f} {end.y:.1f}l-4 {-_HEAD:g}h8z"
    tip = f'<path class="tip" d="{head}" fill="{_INK}" opacity=".7"/>'
    if not route.label:
        return way + tip
    return (
        f'{way}{tip}<text class="label" x="{end.x + 6:.1f}" y="{end.y - 8:.1f}" fill="{_INK}" '
        f'font-size="11" opacity=".85">{escape(route.label)}</text>'
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
