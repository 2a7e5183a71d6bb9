"""A state as HTML, for notebooks: what happened, to whom, in a table of bounded size.

Nothing is fetched for it, no code of the user's is called: a result that nobody has asked for yet
is shown by the preview that came with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, Protocol

from daskloop.deferred import Deferred
from daskloop.html_table import Cell, heading, note, table
from daskloop.plain_text import hidden, texts_to_hide
from daskloop.states_by_task import StatesByTask

__all__ = ["StateLike", "colour_of", "hide", "secret_texts", "state_html", "tasks_html"]

_TASKS, _CHILDREN, _MESSAGES = 100, 20, 5  # rows at most
_WRONG = ("TriggerFailed", "Failed", "Cancelled")
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_hidden: dict[str, None] = {}
"""Texts that no state shows in this process, in the order of their coming. A state of one task, or
of a map, does not know the parameters of its run, but what it tells may quote them."""
_HIDDEN = 1_000  # of them at most
_PART = 8  # signs at either end by which a secret is recognized in a text that was cut
_LARGEST = 10**60  # whole numbers beyond take long to write


class StateLike(Protocol):
    """What is asked of a state."""

    message: str | None
    loop_count: int | None
    loop_messages: tuple[str, ...]

    @property
    def unopened_result(self) -> Any:
        """The result as it is held."""


_COLOURS = {
    "TriggerFailed": "#cc79a7",
    "Failed": "#d55e00",
    "Cancelled": "#6b6b6b",
    "Retrying": "#e69f00",
    "Paused": "#cc79a7",
    "Running": "#0072b2",
    "Looped": "#0072b2",
    "Skipped": "#8fd3c1",
    "Success": "#009e73",
    "Pending": "#bdbdbd",
}
"""The first of a state's classes that is here gives its colour; they can be told apart by people
who see few colours, on light and on dark."""


def colour_of(state: object) -> str | None:
    """Return the colour of a state; None for what is none.

    Examples
    --------
    >>> from daskloop.states import Cached, Success
    >>> colour_of(Cached()) == colour_of(Success())
    True
    """
    return _COLOURS.get(_kind(state))


def _kind(state: object) -> str:
    """Name the first of a state's classes that has a colour."""
    names = (one.__name__ for one in type(state).__mro__)
    return next((name for name in names if name in _COLOURS), "")


def hide(texts: Iterable[str]) -> None:
    """Let no state show some texts from now on, the values of secret parameters of a run."""
    for text in texts:
        _hidden[text] = None
    while len(_hidden) > _HIDDEN:
        del _hidden[next(iter(_hidden))]


def state_html(state: StateLike) -> str:
    """Show a state: of a flow with its tasks, of a map with its children, of a loop with its end.

    Parameters
    ----------
    state : State
        Any state.

    Notes
    -----
    Values of secret parameters are hidden: those of the flow whose state it is, and those that
    `hide` was told.
    """
    result = state.unopened_result
    tasks = result if type(result) in (dict, StatesByTask) and _are_tasks(result) else None
    secrets = [*(() if tasks is None else secret_texts(tasks)), *tuple(_hidden)]
    head = heading(type(state).__name__, colour_of(state), hidden(_message(state), secrets))
    if tasks is not None:
        return head + tasks_html(tasks, secrets)
    children = getattr(state, "map_states", None)
    if children:
        return head + _children_html(children, getattr(state, "map_names", ()), secrets)
    facts = [] if state.loop_count is None else [f"iteration {state.loop_count}"]
    said = _result(state, secrets)
    facts += [f"result {said}"] if said else []
    lines = [note(" · ".join(facts))] if facts else []
    lines += [note(f"… {hidden(one, secrets)}") for one in state.loop_messages[-_MESSAGES:]]
    return head + "".join(lines)


def tasks_html(states: Mapping[Any, StateLike], secrets: Sequence[str]) -> str:
    """Write a table with a row for each task.

    Parameters
    ----------
    states : mapping of Task to State
        As in the `result` of a flow's state.
    secrets : sequence of str
        Texts that must not be seen.
    """
    rows = [
        [
            Cell(hidden(str(task.name), secrets)),
            Cell(_how(state), colour_of(_gravest(state))),
            Cell(_count(_iterations(state)), is_number=True),
            Cell("•••" if _is_secret(task) else _result(state, secrets)),
            Cell(hidden(_told(state), secrets)),
        ]
        for task, state in islice(states.items(), _TASKS)
    ]
    found = table(["Task", "State", "Iterations", "Result", "Message"], rows, "Tasks")
    return found + _more(len(states) - _TASKS, "task")


def secret_texts(states: Mapping[Any, StateLike]) -> list[str]:
    """List the texts of the values of secret parameters."""
    held = [state.unopened_result for task, state in states.items() if _is_secret(task)]
    return texts_to_hide(one for one in held if not isinstance(one, Deferred))


def _result(state: StateLike, secrets: Sequence[str]) -> str:
    """Show a result, but none of which a secret may be a part: previews are cut."""
    text = _result_text(state)
    parts = {part for one in secrets for part in (one[:_PART], one[-_PART:])}
    return "•••" if any(part in text for part in parts) else text


def _result_text(state: StateLike) -> str:
    """Show the result of a state briefly; nothing for an exception, which the message tells."""
    held = state.unopened_result
    if isinstance(held, Deferred):
        return str(getattr(held, "preview", ""))
    if held is None or isinstance(held, BaseException):
        return ""
    if isinstance(held, int) and not -_LARGEST < held < _LARGEST:
        return "int"
    if type(held) in _PLAIN:
        return repr(held[:200] if isinstance(held, (str, bytes)) else held)
    if type(held) in (list, tuple, dict, set, frozenset):
        return f"{type(held).__name__} of {len(held)}"
    return type(held).__name__


class _Counted(NamedTuple):
    """The kinds of some states, those that went wrong first."""

    text: str
    gravest: StateLike


def _counted(states: Iterable[StateLike]) -> _Counted | None:
    kinds: dict[str, StateLike] = {}
    counts: Counter[str] = Counter()
    for state in states:
        counts[type(state).__name__] += 1
        kinds.setdefault(type(state).__name__, state)
    if not kinds:
        return None
    order = [*_COLOURS, ""]
    words = sorted(kinds, key=lambda word: order.index(_kind(kinds[word])))
    return _Counted(", ".join(f"{counts[word]} {word}" for word in words), kinds[words[0]])


def _children_of(state: StateLike) -> Sequence[StateLike]:
    return getattr(state, "map_states", ())


def _how(state: StateLike) -> str:
    counted = _counted(_children_of(state))
    return type(state).__name__ if counted is None else counted.text


def _gravest(state: StateLike) -> StateLike:
    counted = _counted(_children_of(state))
    return state if counted is None else counted.gravest


def _iterations(state: StateLike) -> int:
    return sum(one.loop_count or 0 for one in (*_children_of(state), state))


def _told(state: StateLike) -> str:
    """Return the message that says most: of a map, that of the first child that went wrong."""
    counted = _counted(_children_of(state))
    return _message(state if counted is None else counted.gravest)


def _message(state: StateLike) -> str:
    return str(state.message or "")  # a handler may have made the state, of anything


def _children_html(
    children: Sequence[StateLike], names: Sequence[str], secrets: Sequence[str]
) -> str:
    counted = _counted(children)
    assert counted is not None
    rows = [
        [
            Cell(hidden(str(names[number]), secrets) if number < len(names) else str(number)),
            Cell(type(child).__name__, colour_of(child)),
            Cell(_count(child.loop_count or 0), is_number=True),
            Cell(_result(child, secrets)),
            Cell(hidden(_message(child), secrets)),
        ]
        for number, child in _chosen(children)
    ]
    found = table(["Child", "State", "Iterations", "Result", "Message"], rows, "Children")
    return note(counted.text) + found + _more(len(children) - _CHILDREN, "child", "children")


def _chosen(children: Sequence[StateLike]) -> list[tuple[int, StateLike]]:
    """Choose the children with a row: the first ones, and some of those that went wrong."""
    if len(children) <= _CHILDREN:
        return list(enumerate(children))
    wrong = (pair for pair in enumerate(children) if _kind(pair[1]) in _WRONG)
    found = dict(islice(wrong, _CHILDREN // 2))
    for number in range(_CHILDREN):
        if len(found) < _CHILDREN:
            found.setdefault(number, children[number])
    return sorted(found.items())


def _more(count: int, one: str, several: str = "") -> str:
    if count <= 0:
        return ""
    return note(f"and {count:,} more {one if count == 1 else several or one + 's'}")


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _are_tasks(result: Mapping[Any, Any]) -> bool:
    """Tell the result of a flow from a dict that a task has returned."""
    return bool(result) and all(_is_state(one) for one in islice(result.values(), 3))


def _is_state(value: object) -> bool:
    """Look at the classes alone: what is no state is the user's, and may do anything."""
    return any(one.__name__ == "State" for one in type(value).__mro__)


def _is_secret(task: object) -> bool:
    return bool(getattr(task, "secret", False))
