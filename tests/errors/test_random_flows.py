"""Random calls of the public names: refused in words, or a flow that gives the plain answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daskloop import Flow, Parameter, flatten, task, unmapped
from daskloop.define.mappable import why_not_mappable
from daskloop.engine.state import State
from daskloop.errors import DaskloopError

REFUSALS = (DaskloopError, TypeError, ValueError)

VALUES = [None, True, 5, -1, 2.5, "ab", "", [], [1, 2, 3], [[1], [2, 3]], (1, 2), {"a": 1}, {7}]
"""What is given as it is."""


def same(x):
    return x


def joined(x, y=1):
    return x + y


def size(x):
    return len(x)


PLAIN: dict[str, Callable[..., Any]] = {"same": same, "joined": joined, "size": size}
TASKS = {name: task(function) for name, function in PLAIN.items()}


@dataclass
class Bad:
    """Failed, or was not run since something that it needs failed."""


@dataclass
class Children:
    """What the children of a map gave."""

    of: list[Any]


@dataclass
class Program:
    """A flow that is being written, and what each of its tasks has to give."""

    flow: Flow = field(default_factory=lambda: Flow("random"))
    made: list[tuple[Any, Any]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def write(self, step: tuple[Any, ...]) -> None:
        """Write one step; what is refused leaves the flow as it was."""
        before = set(self.flow.tasks)
        try:
            with self.flow:
                new = self._written(*step)
        except REFUSALS as error:
            self.refused.append(str(error))
            assert {one for one in set(self.flow.tasks) - before if one.name in PLAIN} == set()
        else:
            self.made.append(new)

    def _written(self, act: str, name: str, picks: list[tuple[str, int]]) -> tuple[Any, Any]:
        if act == "parameter":
            value = VALUES[picks[0][1] % len(VALUES)]
            key = f"p{len(self.values)}"
            parameter = Parameter(key)
            self.flow.add_task(parameter)
            self.values[key] = value
            return parameter, value
        given = [self._picked(kind, number) for kind, number in picks]
        values = [expected for _, expected, _, _ in given]
        wrapped = [
            flatten(handle) if kind == "flat" else unmapped(handle) if kind == "whole" else handle
            for handle, _, kind, _ in given
        ]
        if act == "call":
            plain = [
                handle if kind == "whole" else one
                for one, (handle, _, kind, _) in zip(wrapped, given, strict=True)
            ]
            made = TASKS[name](*plain)
            flat = [
                _flat(whole(v)) if kind == "flat" else whole(v)
                for v, (_, _, kind, _) in zip(values, given, strict=True)
            ]
            return made, _called(PLAIN[name], flat)
        if act == "map":
            made = TASKS[name].map(*wrapped)
            return made, _mapped(PLAIN[name], given)
        if act == "item":
            handle, expected, _, task_like = given[0]
            if not task_like:
                raise TypeError("no task")
            return handle[picks[0][1] % 3], _called(lambda x: x[picks[0][1] % 3], [whole(expected)])
        handle, expected, _, task_like = given[0]
        if not task_like:
            raise TypeError("no task")
        return handle + 1, _called(lambda x: x + 1, [whole(expected)])

    def _picked(self, kind: str, number: int) -> tuple[Any, Any, str, bool]:
        if self.made and number % 3:
            handle, expected = self.made[number % len(self.made)]
            if kind == "flat" and isinstance(expected, Children):
                kind = "plain"
            return handle, expected, kind, True
        value = VALUES[number % len(VALUES)]
        return value, value, kind, False


def whole(expected: Any) -> Any:
    """What a plain task is given of it."""
    if isinstance(expected, Children):
        return Bad() if any(isinstance(one, Bad) for one in expected.of) else list(expected.of)
    return expected


def _called(function: Callable[..., Any], values: list[Any]) -> Any:
    if any(isinstance(one, Bad) for one in values):
        return Bad()
    try:
        return function(*values)
    except Exception:  # whatever it raises fails the task
        return Bad()


def _flat(value: Any) -> Any:
    """Take one level away, of what has elements."""
    if isinstance(value, Bad) or why_not_mappable(value) is not None:
        return value if isinstance(value, Bad) else Bad()
    found: list[Any] = []
    for one in value:
        found += list(one) if isinstance(one, (list, tuple)) else [one]
    return found


def _mapped(function: Callable[..., Any], given: list[tuple[Any, Any, str, bool]]) -> Any:
    columns: list[Any] = []
    width = None
    for _, expected, kind, _ in given:
        if kind == "whole":
            columns.append((False, whole(expected)))
            continue
        if kind == "flat":
            expected = _flat(whole(expected))
        elements = expected.of if isinstance(expected, Children) else expected
        if isinstance(elements, Bad) or why_not_mappable(elements) is not None:
            return Bad()
        columns.append((True, list(elements)))
        width = len(columns[-1][1]) if width is None else min(width, len(columns[-1][1]))
    if width is None:
        return _called(function, [value for _, value in columns])
    rows = [[one[index] if mapped else one for mapped, one in columns] for index in range(width)]
    return Children([_called(function, row) for row in rows])


def agrees(state: State, expected: Any) -> bool:
    """Compare how a task ended with what it has to give."""
    if isinstance(expected, Bad):
        return bool(state.is_failed()) or _raises(state)
    if isinstance(expected, Children):
        children = state.map_states
        return len(children) == len(expected.of) and all(map(agrees, children, expected.of))
    return bool(state.is_successful()) and state.result == expected


def _raises(state: State) -> bool:
    """Tell whether an operator fails where its result is taken."""
    try:
        state.result  # noqa: B018
    except Exception:  # whatever the operands raise
        return bool(state.message == "Computed where its result is taken.")
    return False


_PICKS = st.lists(
    st.tuples(st.sampled_from(["plain", "plain", "plain", "whole", "flat"]), st.integers(0, 400)),
    min_size=1,
    max_size=3,
)
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["call", "map", "map", "item", "add", "parameter"]),
        st.sampled_from(sorted(PLAIN)),
        _PICKS,
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.filterwarnings("ignore:Flow 'random' has no tasks")
@pytest.mark.filterwarnings("ignore:Task .* is mapped over the characters")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(_STEPS)
def test_random_calls_are_refused_in_words_or_give_what_plain_python_gives(steps):
    program = Program()
    for step in steps:
        program.write(step)
    assert all(text.strip() for text in program.refused), "an error without a text"
    logging.getLogger("daskloop").setLevel(logging.CRITICAL)
    try:
        state = program.flow.run(program.values, executor="inline")
    finally:
        logging.getLogger("daskloop").setLevel(logging.NOTSET)
    for handle, expected in program.made:
        if isinstance(handle, Parameter):
            continue
        found = state.result[handle]
        assert agrees(found, expected), f"{handle}: {found}, not {expected!r}"
