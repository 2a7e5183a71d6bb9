"""The history of a run as a table: a row for each attempt that ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from daskloop.keys import Address, full_name
from daskloop.plan.plan import Plan
from daskloop.record.entries import LOST, Recorded
from daskloop.record.metrics import reported
from daskloop.record.stretch import unfolded
from daskloop.run.standing import Child

__all__ = ["COLUMNS", "as_table", "known_rows", "recorded_rows"]

COLUMNS = (
    "task",
    "map_index",
    "iteration",
    "attempt",
    "state",
    "message",
    "metric",
    "worker",
    "started",
    "ended",
    "seconds",
)
"""What each row has."""

Row = Mapping[str, Any]


def recorded_rows(plan: Plan, records: Iterable[Recorded]) -> list[Row]:
    """Make a row of each attempt that was recorded, in the order in which they came to stand."""
    names = {node.slug: node.name for node in plan.nodes}
    rows: list[Row] = []
    for record in records:
        if not record.attempted and record.state != LOST:
            continue
        for one in unfolded(record):
            place = one.address[-1]
            name = _named(one.address, names)
            numbers = place.child, place.iteration, one.run_count
            told = reported(one.parts)
            metric = None if told is None else told.metric
            said = one.state, one.message
            times = one.started, one.ended
            rows.append(_row(name, *numbers, *said, metric, one.worker, *times))
    return rows


def _named(address: Address, names: Mapping[str, str]) -> str:
    """Name a task; one in the body of a loop flow with the iteration that it is in."""
    *around, own = address
    if not around:
        return names.get(own.slug, own.slug)
    first, *more = around
    titles = [full_name(names.get(first.slug, first.slug), first.child)]
    titles += [full_name(place.slug, place.child) for place in more]
    parts = [f"{title}@{place.iteration}" for title, place in zip(titles, around, strict=True)]
    return "/".join((*parts, own.slug))


def known_rows(over: Iterable[Child]) -> list[Row]:
    """Make a row of each child that has ended, where nobody kept its attempts."""
    rows: list[Row] = []
    for child in over:
        state, plan = child.state, child.node.plan
        if plan.parameter is None and child.progress.begun is not None and state is not None:
            said, worker = (type(state).__name__, state.message or ""), child.worker or ""
            numbers = child.index, child.reached, None
            rows.append(_row(plan.name, *numbers, *said, None, worker, 0.0, 0.0))
    return rows


def _row(
    task: str,
    index: int | None,
    iteration: int,
    attempt: int | None,
    state: str,
    message: str,
    metric: float | None,
    worker: str,
    started: float,
    ended: float,
) -> Row:
    took = ended - started if started else None
    values = (task, index, iteration, attempt, state, message, metric, worker)
    return dict(zip(COLUMNS, (*values, _moment(started), _moment(ended), took), strict=True))


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None


def as_table(rows: list[Row]) -> Any:
    """Make a pandas frame of rows where pandas is installed; else leave them as they are."""
    try:
        import pandas
    except ImportError:
        return rows
    kinds = {"map_index": "Int64", "attempt": "Int64", "iteration": "Int64", "metric": "Float64"}
    try:
        frame = pandas.DataFrame(rows, columns=list(COLUMNS))
    except UnicodeEncodeError:  # pandas may keep texts as UTF-8, which has no half of a pair
        known = [{name: _encodable(value) for name, value in row.items()} for row in rows]
        frame = pandas.DataFrame(known, columns=list(COLUMNS))
    return frame.astype(kinds)


def _encodable(value: Any) -> Any:
    """Write what is no Unicode in a text, such as bytes of a file name, as Python would."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode()
