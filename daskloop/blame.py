"""Find the task that a failed run is to be blamed on, and raise its exception."""

from __future__ import annotations

from typing import Any, NoReturn

from daskloop.errors import FailedTask

__all__ = ["raise_first_failure"]


def raise_first_failure(state: Any) -> NoReturn:
    """Raise the exception of the first task that failed or was cancelled.

    Parameters
    ----------
    state : State
        A failed or cancelled state, of a flow or of one task.

    Raises
    ------
    BaseException
        The task's own exception, raised from a `FailedTask` that names the task, the child and
        the iteration; the `FailedTask` itself if the state holds no exception.
    """
    name, failed = _first_bad(state)
    cause = failed.result
    if not isinstance(cause, BaseException):
        raise FailedTask(f"{name}: {failed.message}")
    where = f"{name} failed" if failed is not state else "the run failed"
    if failed.loop_count is not None and failed.loop_count > 1:
        where += f" at iteration {failed.loop_count}"
    raise cause from FailedTask(f"{where}: {failed.message}{cause.__cause__ or ''}")


def _first_bad(state: Any) -> tuple[str, Any]:
    """Find the first failed task of a flow's state, and the first failed child of a map.

    A task that failed on its own account comes before those that only followed it.
    """
    results = state.unopened_result
    if not isinstance(results, dict):
        return "the task", state
    found: list[tuple[str, Any]] = []
    for task, one in results.items():
        name = getattr(task, "name", str(task))
        children = one.map_states if one.is_mapped() else ()
        titles = one.map_names if children and one.map_names else range(len(children))
        named = zip(titles, children, strict=False)
        found += [(f"{name}[{title}]", child) for title, child in named if _is_bad(child)]
        if _is_bad(one):
            found.append((name, one))
    own = [pair for pair in found if not pair[1].is_trigger_failed()]
    return (own or found or [("the flow", state)])[0]


def _is_bad(state: Any) -> bool:
    return bool(state.is_failed() or state.is_cancelled())
