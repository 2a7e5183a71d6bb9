"""In which order tasks can run, and what to say when there is none."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence

from daskloop.define.task import Task

__all__ = ["find_path", "in_order"]


def in_order(
    tasks: Sequence[Task],
    upstream: Mapping[Task, Collection[Task]],
    downstream: Mapping[Task, Collection[Task]],
) -> tuple[Task, ...]:
    """Sort tasks so that each comes after those it waits for.

    Among those that could come next, the one that was added first does.

    Raises
    ------
    ValueError
        If there is a cycle; the text prints it.

    Examples
    --------
    >>> a, b = Task(name="a"), Task(name="b")
    >>> in_order([a, b], {a: [b], b: []}, {a: [], b: [a]})
    (<Task: b>, <Task: a>)
    """
    position = {task: index for index, task in enumerate(tasks)}
    waiting = {task: len(upstream[task]) for task in tasks}
    ready = [position[task] for task in tasks if not waiting[task]]
    found: list[Task] = []
    while ready:
        task = tasks[heapq.heappop(ready)]
        found.append(task)
        for later in downstream[task]:
            waiting[later] -= 1
            if not waiting[later]:
                heapq.heappush(ready, position[later])
    if len(found) < len(tasks):
        stuck = {task: None for task in tasks if waiting[task]}
        raise ValueError(cycle_text(_find_cycle(stuck, upstream)))
    return tuple(found)


def find_path(
    start: Task, end: Task, downstream: Mapping[Task, Collection[Task]]
) -> tuple[Task, ...] | None:
    """Find a way along the edges from one task to another; None if there is none.

    Examples
    --------
    >>> a, b = Task(name="a"), Task(name="b")
    >>> find_path(a, b, {a: [b], b: []})
    (<Task: a>, <Task: b>)
    """
    came_from: dict[Task, Task | None] = {start: None}
    pending = [start]
    while pending:
        task = pending.pop()
        if task is end:
            path: list[Task] = []
            step: Task | None = end
            while step is not None:
                path.append(step)
                step = came_from[step]
            return tuple(reversed(path))
        for later in downstream.get(task, ()):
            if later not in came_from:
                came_from[later] = task
                pending.append(later)
    return None


def cycle_text(cycle: Sequence[Task]) -> str:
    """Say that tasks wait for each other in a circle, which is printed."""
    way = " -> ".join(task.name for task in (*cycle, cycle[0]))
    return f"The flow has a cycle, so none of its tasks can run first: {way}. Take one edge out"


def _find_cycle(
    stuck: Mapping[Task, None], upstream: Mapping[Task, Collection[Task]]
) -> list[Task]:
    """Walk upstream among tasks that never became ready until one comes up again."""
    task = next(iter(stuck))
    walked: dict[Task, int] = {}
    while task not in walked:
        walked[task] = len(walked)
        task = next(one for one in upstream[task] if one in stuck)
    return list(reversed(list(walked)[walked[task] :]))
