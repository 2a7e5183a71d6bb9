"""One dependency between two tasks, as triggers and drawings see it."""

from __future__ import annotations

from dataclasses import dataclass

from daskloop.define.task import Task

__all__ = ["Edge"]


@dataclass(frozen=True, slots=True)
class Edge:
    """A task waits for another, and may take its result.

    Examples
    --------
    >>> Edge(Task(name="a"), Task(name="b"), key="x")
    <Edge: a to b as x>
    """

    upstream_task: Task
    """The task that comes first."""
    downstream_task: Task
    """The task that waits."""
    key: str | None = None
    """The input that takes the result; None if only the order matters."""
    mapped: bool = False
    """True if each child of the downstream task takes its own element."""
    flattened: bool = False
    """True if the result is un-nested by one level on its way."""

    def __repr__(self) -> str:
        ends = f"{self.upstream_task.name} to {self.downstream_task.name}"
        said = [f"as {self.key}"] if self.key else []
        said += [word for word in ("mapped", "flattened") if getattr(self, word)]
        return f"<Edge: {' '.join([ends, *said])}>"
