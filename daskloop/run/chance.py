"""Chance in decisions about a child: drawn anew for each, and the same whenever one is repeated."""

from __future__ import annotations

import zlib

from daskloop.run.standing import Child

__all__ = ["draw", "draws"]


def draws(child: Child) -> bool:
    """Tell whether decisions about a child depend on chance."""
    return bool(child.node.plan.task.retry.jitter)


def draw(run: str, child: Child) -> float:
    """Draw a number in [0, 1) that is the same whenever this decision is repeated."""
    if not draws(child):
        return 0.0
    text = f"{run}/{child.name}/{child.progress.iteration}/{child.progress.run_count}"
    return zlib.crc32(text.encode("utf-8", "replace")) / 2**32
