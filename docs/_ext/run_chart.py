"""A run as a chart in SVG: a line for each child, a bar for each attempt, along the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["chart_svg"]

_WIDTH, _LEFT, _LINE, _FOOT = 720.0, 150.0, 22.0, 34.0
_COLOURS = {"Success": "#009e73", "Looped": "#0072b2", "Retrying": "#e69f00", "Failed": "#d55e00"}
_OTHER = "#8c8c8c"


def chart_svg(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw a run.

    Parameters
    ----------
    name : str
        Of the flow.
    rows : sequence of mappings
        Of `SubmittedRun.history`.
    """
    timed = [row for row in rows if _is_time(row["started"]) and _is_time(row["ended"])]
    children: list[str] = sorted({_child(row) for row in timed}, key=_order)
    first = min(row["started"] for row in timed)
    span = max((row["ended"] - first).total_seconds() for row in timed) or 1.0
    height = len(children) * _LINE + _FOOT
    said = escape(f"A run of flow {name}: {len(timed)} attempts of {len(children)} children")
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH:.0f} {height:.0f}' "
        f"role='img' aria-label='{said}' font-family='system-ui, sans-serif' font-size='12' "
        f"style='width:100%;max-width:{_WIDTH:.0f}px;height:auto'><title>{said}</title>"
    ]
    for number, child in enumerate(children):
        middle = number * _LINE + 15
        parts.append(f"<text x='0' y='{middle:.0f}' fill='currentColor'>{escape(child)}</text>")
    scale = (_WIDTH - _LEFT - 10) / span
    for row in timed:
        left = _LEFT + (row["started"] - first).total_seconds() * scale
        wide = max(1.5, (row["ended"] - row["started"]).total_seconds() * scale - 0.5)
        top = children.index(_child(row)) * _LINE + 4
        tip = escape(f"iteration {row['iteration']}: {row['state']} {row['message']}"[:120])
        parts.append(
            f"<rect x='{left:.1f}' y='{top:.0f}' width='{wide:.1f}' height='14' rx='1' "
            f"fill='{_COLOURS.get(row['state'], _OTHER)}'><title>{tip}</title></rect>"
        )
    parts.append(_foot(span, len(children) * _LINE, {row["state"] for row in timed}))
    return "".join([*parts, "</svg>"])


def _foot(span: float, top: float, states: set[str]) -> str:
    line = f"<path d='M{_LEFT:.0f} {top + 4:.0f} H{_WIDTH - 10:.0f}' stroke='currentColor'/>"
    ends = (
        f"<text x='{_LEFT:.0f}' y='{top + 20:.0f}' fill='currentColor'>0 s</text>"
        f"<text x='{_WIDTH - 10:.0f}' y='{top + 20:.0f}' fill='currentColor' text-anchor='end'>"
        f"{span:.2f} s</text>"
    )
    legend, left = "", _LEFT + 60
    for state in sorted(states):
        legend += (
            f"<rect x='{left:.0f}' y='{top + 11:.0f}' width='10' height='10' "
            f"fill='{_COLOURS.get(state, _OTHER)}'/>"
            f"<text x='{left + 14:.0f}' y='{top + 20:.0f}' fill='currentColor'>{state}</text>"
        )
        left += 24 + 7.5 * len(state)
    return line + ends + legend


def _child(row: Mapping[str, Any]) -> str:
    index = row["map_index"]
    return f"{row['task']}[{index}]" if isinstance(index, int) else str(row["task"])


def _is_time(value: Any) -> bool:
    """Tell a time from what stands for none: None, or in a pandas frame a value unlike itself."""
    return value is not None and bool(value == value)


def _order(child: str) -> tuple[str, int]:
    name, _, index = child.partition("[")
    return name, int(index[:-1]) if index[:-1].isdigit() else -1
