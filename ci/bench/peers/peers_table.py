"""Lay out what was measured on every peer: a row for each, a column for each workload."""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["COLUMNS", "figure", "peers_table"]

Cell = Mapping[str, Any]

COLUMNS = {
    "W1": "W1 chain, ms",
    "W2": "W2 loops, /s",
    "W3": "W3 work, s",
    "W4": "W4 map of 2,000, /s",
    "W4b": "W4 map of 20,000, /s",
    "W5": "W5 retry, s",
    "W6": "W6 50 MB, s (driver MB)",
    "W7": "W7 run again",
}
_LONGEST_REASON = 40
_IDEAL_WORK = 0.2  # seconds of W3, if 16 slots did nothing else


def peers_table(raw: Mapping[str, Any]) -> str:
    """Return the table, in GitHub's Markdown."""
    head = ["", "start-up, s", *COLUMNS.values()]
    lines = [head]
    for row in raw["rows"]:
        cells = row["cells"]
        shown = [_shown(name, cells.get(name), raw["quick"]) for name in COLUMNS]
        lines.append([row["label"], _extra(cells.get("W1"), "startup_s"), *shown])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    rows = [_line(line, widths) for line in lines]
    rows.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(rows)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "| " + " | ".join(padded) + " |"


def figure(value: float) -> str:
    """Write a figure with the digits that mean something.

    Examples
    --------
    >>> figure(0.004321), figure(12.345), figure(12345.6)
    ('0.0043', '12', '12,346')
    """
    if value == 0:
        return "0"
    return f"{value:,.{max(0, 1 - math.floor(math.log10(abs(value))))}f}"


def _shown(name: str, cell: Cell | None, quick: bool) -> str:
    if cell is None:
        return ""
    if not cell["samples"]:
        return textwrap.shorten(cell["why"], _LONGEST_REASON, placeholder=" ...")
    values = [one["value"] for one in cell["samples"]]
    if name == "W7":
        return f"{statistics.median(values):.0f}"
    text = figure(statistics.median(values))
    if len(values) > 1:
        text += f" ({figure(min(values))}-{figure(max(values))})"
    if name == "W3" and not quick:
        text += f", {_IDEAL_WORK / statistics.median(values):.0%}"
    if name == "W6":
        disk = float(_extra(cell, "disk_mb").replace(",", "") or 0)
        text += f" ({_extra(cell, 'driver_mb')}" + (f", disk {disk:,.0f})" if disk > 1 else ")")
    return text


def _extra(cell: Cell | None, name: str) -> str:
    """Return the middle of a figure that was measured on the side."""
    found = [one[name] for one in (cell or {}).get("samples", []) if name in one]
    return figure(statistics.median(found)) if found else ""
