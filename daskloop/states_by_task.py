"""The states of a run, by the tasks of its flow."""

from __future__ import annotations

from typing import Any

__all__ = ["StatesByTask"]


class StatesByTask(dict[Any, Any]):
    """A dict whose KeyError says what its keys are.

    Examples
    --------
    >>> StatesByTask()["train"]
    Traceback (most recent call last):
    KeyError: "'train' is no task of this run. Use what calling the task in the flow returned"
    """

    def __missing__(self, key: object) -> Any:
        raise KeyError(
            f"{key!r:.100} is no task of this run. Use what calling the task in the flow returned"
        )
