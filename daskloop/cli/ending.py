"""How a run ended, in a few lines: one for each task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from daskloop.cli.wording import line, plural, table, width
from daskloop.define.parameter import Parameter
from daskloop.define.task import Task
from daskloop.record.pickling import preview
from daskloop.record.sealed import HeldError, closed
from daskloop.states import State

__all__ = ["ending_lines", "was_stopped"]

_RESULT = 40  # columns that a result has, however narrow the terminal
_SHOWN = 20  # children whose results are put into a line


def ending_lines(results: dict[Task, State]) -> list[str]:
    """Write one line for each task that is not a parameter: name, state, iterations, result.

    Parameters
    ----------
    results : dict
        The states of all tasks.
    """
    rows = [_row(task.name, state) for task, state in results.items() if not _is_given(task)]
    if not rows:
        return []
    fixed = sum(max(len(row[i]) for row in rows) + 2 for i in range(3))
    return table(rows, flexible=3, most=max(width(), fixed + _RESULT))


def _is_given(task: Task) -> bool:
    return isinstance(task, Parameter)


def _row(name: str, state: State) -> tuple[str, str, str, str]:
    if not state.is_mapped():
        return name, type(state).__name__, _iterations([state]), _short(state)
    children = state.map_states  # type: ignore[attr-defined]
    counts = Counter(type(child).__name__ for child in children)
    how = ", ".join(f"{number} {kind}" for kind, number in counts.items()) or "no children"
    return f"{name} x{len(children)}", how, _iterations(children), _list(children)


def _iterations(states: Sequence[State]) -> str:
    return plural(sum(state.iterations_done for state in states), "iteration")


def _list(children: Sequence[State]) -> str:
    shown = [_short(child) for child in islice(children, _SHOWN)]
    if len(children) > _SHOWN:
        shown.append(f"… {len(children) - _SHOWN} more")
    return f"[{', '.join(shown)}]"


def _short(state: State) -> str:
    """Show a result in a few words; what lies in a store is not opened for it."""
    held = state.unopened_result
    if state.is_cancelled():
        return "-"
    if state.is_trigger_failed():
        return line(state.message or "")
    if isinstance(held, HeldError):
        return line(f"{held.class_name.rpartition('.')[2]}: {held.text}")
    sealed = closed(held)
    if sealed is not None:
        return line(sealed.preview)
    if isinstance(held, BaseException):
        return line(f"{type(held).__name__}: {held}")
    return "" if held is None and not state.is_successful() else line(preview(held))


def was_stopped(state: State) -> bool:
    """Tell whether a run ended because it was stopped: some task or child had no end of its own."""
    results = state.unopened_result
    states = list(results.values()) if isinstance(results, dict) else []
    children = [child for one in states if one.is_mapped() for child in one.map_states]
    return any(one.is_cancelled() for one in (state, *states, *children))
