"""The task that takes one item of another task's result."""

from __future__ import annotations

from typing import Any

from daskloop.define.task import Task

__all__ = ["GetItem"]


class GetItem(Task):
    """Index the result of a task; what ``task[key]`` makes.

    Examples
    --------
    >>> GetItem().run({"a": 1}, "a")
    1
    """

    def run(self, task_result: Any, key: Any) -> Any:
        """Return one item.

        Parameters
        ----------
        task_result : Any
            What the task before returned.
        key : Any
            Index or key.
        """
        return task_result[key]
