"""What a worker is told of how results are kept; made in the driver, once for each task."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from daskloop import config
from daskloop.errors import PayloadError, ResultError
from daskloop.plan.exact_source import exact_source
from daskloop.plan.kept_paths import Claiming, KeptPath, claiming, kept_path
from daskloop.plan.plan import Node, Plan
from daskloop.results import files
from daskloop.results.file_result import FileResult, as_result
from daskloop.results.keeping import Keeping
from daskloop.run.closing import Closing
from daskloop.run.order import Tree, value_tree

__all__ = ["KeepOrder", "keep_tree"]


@dataclass(frozen=True, slots=True)
class KeepOrder:
    """How the results of one task are kept, with all places as every process knows them."""

    keeping: Keeping
    path: KeptPath | None
    """Where results are written by name."""
    claiming: Claiming
    source: str
    """Digest of what the task computes; empty if nothing is cached."""
    begun: float
    """Stands for "now" in names: one time for looking and writing, on whatever worker."""


def keep_tree(node: Node, plan: Plan, closing: Closing) -> Tree | None:
    """Close the order of a task; None if it keeps nothing.

    Raises
    ------
    PayloadError
        If what was given to keep results by cannot be pickled, or cannot name a value.
    """
    keeping = node.task.keeping
    if not keeping.keeps:
        return None
    source = ""
    if keeping.caches:
        keeping = replace(keeping, cache=_absolute(_place(keeping)))
        source = _source(node, keeping)
    order = KeepOrder(keeping, kept_path(node), claiming(plan, node), source, time.time())
    what = f"what was given to task '{node.name}' to keep its results by"
    return value_tree(closing.close(order, what))


def _place(keeping: Keeping) -> FileResult:
    if keeping.cache is not None:
        return keeping.cache
    given = config.setting("cache")
    try:
        return as_result(given, "config daskloop.cache")
    except TypeError as error:
        raise PayloadError(f"{error}. Or say where with cache= of the task") from error


def _absolute(place: FileResult) -> FileResult:
    return FileResult(files.absolute(place.url), None, place.serializer)


def _source(node: Node, keeping: Keeping) -> str:
    try:
        return exact_source(node.task, exact=keeping.cache_key is None)
    except ResultError as error:
        raise PayloadError(
            f"'{node.name}' cannot be cached: its function holds {error}. Give that as an "
            "argument, or give cache_key="
        ) from error
