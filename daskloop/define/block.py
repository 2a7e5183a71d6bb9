"""A ``with`` block inside a flow that takes note of the tasks written in it."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from daskloop.define.scope import current_graph

if TYPE_CHECKING:
    from daskloop.define.graph import TaskGraph
    from daskloop.define.task import Task

__all__ = ["Block", "note_task", "starts_and_ends"]

_blocks: ContextVar[tuple[Block, ...]] = ContextVar("daskloop_blocks", default=())
"""Those around the cursor, the innermost last."""


class Block:
    """What `case` and a resource have in common: they join the tasks of their block to others.

    Notes
    -----
    Of several blocks of one kind around a task, only the innermost takes note of it: what that
    adds to the flow when it ends is noted by the next one.
    """

    def __init__(self) -> None:
        self._graph: TaskGraph | None = None
        self._tasks: dict[Task, None] = {}
        self._token: Token[tuple[Block, ...]] | None = None

    def _begin(self, text: str) -> None:
        """Begin the block; `text` is how the error names it."""
        graph = current_graph.get()
        if graph is None:
            raise ValueError(
                f"{text} stands outside a flow. Write it inside `with Flow(...) as flow:`"
            )
        if self._token is not None:
            raise RuntimeError(f"{text} is under way already; make another one for each block")
        self._graph, self._tasks = graph, {}
        self._token = _blocks.set((*_blocks.get(), self))

    def _end(self) -> tuple[TaskGraph, dict[Task, None]]:
        """End the block, and return its flow and the tasks that were written in it, in order."""
        assert self._graph is not None
        assert self._token is not None
        _blocks.reset(self._token)
        self._token = None
        return self._graph, self._tasks


def note_task(graph: Any, task: Task) -> None:
    """Let the blocks around the cursor know of a task that was added to a flow."""
    kinds: set[type[Block]] = set()
    for block in reversed(_blocks.get()):
        if block._graph is graph and type(block) not in kinds:
            kinds.add(type(block))
            block._tasks[task] = None


def starts_and_ends(graph: TaskGraph, tasks: dict[Task, None]) -> tuple[list[Task], list[Task]]:
    """Find the tasks of a block that wait for none of it, and those that none of it waits for."""
    inside = set(tasks)
    starts = [task for task in tasks if not inside & set(graph.upstream_tasks(task))]
    ends = [task for task in tasks if not inside & set(graph.downstream_tasks(task))]
    return starts, ends
