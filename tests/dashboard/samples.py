"""Views for tests."""

from __future__ import annotations

from typing import Any

from daskloop.dashboard.views import RunView, TaskView

__all__ = ["task", "view"]


def view(run: str, at: float = 100.0, **more: Any) -> RunView:
    """Make the view of a run under way."""
    facts: dict[str, Any] = {"state": "Running", "ended": False, "message": "", "iterations": 0}
    facts |= {"retries": 0, "losses": 0} | more
    return RunView(run, f"flow of {run}", "here", facts.pop("begun", 0.0), at, **facts)


def task(slug: str = "work-1", **more: Any) -> TaskView:
    """Make the view of a task that waits."""
    facts: dict[str, Any] = {"mapped": True, "width": 1, "counts": (1, *[0] * 8)}
    facts |= {"iterations": 0, "retries": 0, "losses": 0} | more
    return TaskView(slug, slug, **facts)
