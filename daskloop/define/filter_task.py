"""The task that keeps the good results of a map, so that a failed child does not end a reduce."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from daskloop.contexts import context
from daskloop.define.hooks import check_callable
from daskloop.define.task import Task
from daskloop.triggers import all_finished

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from daskloop.define.options import TaskOptions

__all__ = ["FilterTask"]


class FilterTask(Task):
    """Take the results of a map, and hand on those that a function keeps.

    Parameters
    ----------
    filter_func : callable, optional
        Takes one result and says whether it is kept; by default what is neither None, nor an
        exception, nor a signal.
    log_func : callable, optional
        Takes a result that is left out and returns what the log says of it.
    **options
        Those of `Task`. It runs however the map's children ended.

    Examples
    --------
    >>> FilterTask().run([1, None, ValueError("bad"), 0])
    [1, 0]
    >>> FilterTask(filter_func=lambda x: x > 1).run([1, 2, 3])
    [2, 3]
    """

    def __init__(
        self,
        filter_func: Callable[[Any], Any] | None = None,
        log_func: Callable[[Any], Any] | None = None,
        **options: Unpack[TaskOptions],
    ) -> None:
        for name, given in (("filter_func", filter_func), ("log_func", log_func)):
            if given is not None:
                check_callable(given, f"FilterTask {name}", ("result",))
        self.filter_func = filter_func
        self.log_func = log_func
        options.setdefault("skip_on_upstream_skip", False)
        if options.get("trigger") is None:
            options["trigger"] = all_finished
        super().__init__(**options)

    def run(self, task_results: Iterable[Any]) -> list[Any]:
        """Return the results that are kept, in their order.

        Parameters
        ----------
        task_results : iterable
            What the children of a map returned, or their exceptions.
        """
        if not isinstance(task_results, Iterable) or isinstance(task_results, BaseException):
            raise TypeError(
                f"'{self.name}' takes the list of a map's results, and what it waited for gave "
                f"none: {task_results!r:.300}. Give it what .map(...) returned"
            )
        keeps = self.filter_func or _is_good
        kept = []
        for result in task_results:
            if keeps(result):
                kept.append(result)
            elif self.log_func is not None:
                context.logger.info("%s", self.log_func(result))
        return kept


def _is_good(result: Any) -> bool:
    return result is not None and not isinstance(result, BaseException)
