"""What the tests of this room write their graphs with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from daskloop.define.graph import TaskGraph
from daskloop.define.scope import current_graph


@contextmanager
def writing(name: str = "f") -> Iterator[TaskGraph]:
    """Open a graph as a flow's ``with`` block does."""
    graph = TaskGraph(name)
    token = current_graph.set(graph)
    try:
        yield graph
    finally:
        current_graph.reset(token)
