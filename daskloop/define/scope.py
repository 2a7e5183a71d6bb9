"""What is being written around the cursor: the flow of the ``with`` block, and its tags."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from daskloop.define.names import checked_name

if TYPE_CHECKING:
    from daskloop.define.graph import TaskGraph

__all__ = ["current_graph", "current_tags", "tags"]

current_graph: ContextVar[TaskGraph | None] = ContextVar("daskloop_current_graph", default=None)
current_tags: ContextVar[frozenset[str]] = ContextVar("daskloop_tags", default=frozenset())


@contextmanager
def tags(*names: str) -> Iterator[None]:
    """Add tags to every task that is made or called inside the block.

    Parameters
    ----------
    *names : str
        The tags.

    Examples
    --------
    >>> from daskloop.define.task import Task
    >>> with tags("nightly"):
    ...     Task(name="report", tags=["slow"]).tags == {"nightly", "slow"}
    True
    """
    token = current_tags.set(current_tags.get() | {checked_name(name, "Tag") for name in names})
    try:
        yield
    finally:
        current_tags.reset(token)
