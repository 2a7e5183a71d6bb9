"""Lay out what the same faults did to each system: a table for each fault."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["beside_table"]

_TITLES = {
    "none": "No fault.",
    "worker": "A worker killed each time that a tenth of the iterations had ended.",
    "worker-clock": "A worker killed every two seconds.",
    "driver": "The driver killed three times, each time when a third of what was left had ended.",
    "scheduler": "The scheduler killed when half had ended.",
}
_COLUMNS = {
    "kills": "killed",
    "after_end": "made again though ended",
    "again": "made again in all",
    "most": "most of one",
    "lost": "lost",
    "gave_up": "drivers that gave up",
    "seconds": "seconds",
}


def beside_table(raw: Mapping[str, Any]) -> str:
    """Return the tables, in GitHub's Markdown."""
    return "\n\n".join(
        f"**{title}**\n\n{_table(raw, fault)}"
        for fault, title in _TITLES.items()
        if any(fault in row["cells"] for row in raw["rows"])
    )


def _table(raw: Mapping[str, Any], fault: str) -> str:
    lines = [["", "measured", *_COLUMNS.values(), "right"]]
    for row in raw["rows"]:
        cell = row["cells"].get(fault)
        if cell is not None:
            lines.append([row["label"], *_cells(cell, raw["limit_s"])])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = [
        "| "
        + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    rows.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(rows)


def _cells(cell: Mapping[str, Any], limit: float) -> list[str]:
    samples = cell["samples"]
    if not samples:
        return ["", cell["why"], *[""] * len(_COLUMNS)]
    times = f"{len(samples)} x"
    shown = [times] + [_spread([one[name] for one in samples]) for name in _COLUMNS]
    if not all(one["finished"] for one in samples):
        return [*shown[:-1], f"not finished in {limit:.0f} s", "no"]
    return [*shown, "yes" if all(one["right"] for one in samples) else "no"]


def _spread(values: Sequence[float]) -> str:
    """Write the middle of some figures, and their range if they differ.

    Examples
    --------
    >>> _spread([3, 1, 7]), _spread([6, 7]), _spread([10.26, 11.5, 10.9])
    ('3 (1-7)', '6.5 (6-7)', '10.9 (10.3-11.5)')
    """
    digits = 0 if all(isinstance(value, int) for value in values) else 1
    median = statistics.median(values)
    middle = f"{median:.{digits if median == int(median) else 1}f}"
    ends = f"{min(values):.{digits}f}-{max(values):.{digits}f}"
    return middle if min(values) == max(values) else f"{middle} ({ends})"
