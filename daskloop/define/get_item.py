"""The task that takes one item of another task's result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daskloop.define.operator_task import Operator

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from daskloop.define.options import TaskOptions

__all__ = ["GetItem"]


class GetItem(Operator):
    """Index the result of a task; what ``task[key]`` makes.

    Examples
    --------
    >>> GetItem().run({"a": 1}, "a")
    1
    """

    def __init__(self, **options: Unpack[TaskOptions]) -> None:
        super().__init__("[]", **options)

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
