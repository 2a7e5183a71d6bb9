"""Hold the values of parameters against the annotations of the arguments that they go to.

An annotation checks a value and never changes it. Looked at are parameters that go to an argument
directly; of a map each element is held against the annotation.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from daskloop.define.expression import Output
from daskloop.define.fitting import check_alike
from daskloop.define.graph import TaskGraph
from daskloop.define.misfit import Misfit
from daskloop.define.parameter import REQUIRED, Parameter

__all__ = ["check_annotations", "check_defaults"]


@dataclass(frozen=True, slots=True)
class _Taker:
    """An annotated argument that a parameter goes to."""

    parameter: Parameter
    task_name: str
    argument: str
    annotation: Any
    """What the argument, or with `mapped` each child's, is annotated with."""
    mapped: bool
    takes_none: bool
    """True if None is the argument's own default, as in ``x: int = None``."""


def _takers(flow: TaskGraph) -> Iterator[_Taker]:
    """Find the annotated arguments that parameters of a flow go to, as they are or mapped."""
    for task in flow.tasks:
        known: Mapping[str, Any] | None = None
        for argument in flow.call_of(task).arguments:
            source = argument.expression
            if argument.name is None or argument.flattened or not isinstance(source, Output):
                continue
            if not isinstance(source.task, Parameter):
                continue
            known = _hints(task.run) if known is None else known
            if argument.name in known:
                yield _Taker(
                    source.task,
                    task.name,
                    argument.name,
                    known[argument.name],
                    argument.mapped,
                    _default_is_none(task.run, argument.name),
                )


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(function)
    # Annotations are the user's code; one that cannot be evaluated here says nothing.
    except Exception:
        return {}


def _default_is_none(function: Callable[..., Any], name: str) -> bool:
    parameter = inspect.signature(function).parameters.get(name)
    return parameter is not None and parameter.default is None


def check_annotations(flow: TaskGraph, values: Mapping[str, Any]) -> None:
    """Refuse values that the tasks which get them cannot do anything with.

    Parameters
    ----------
    flow : TaskGraph
        The flow.
    values : mapping
        Values of parameters; None as a parameter's default is not looked at.

    Raises
    ------
    ValueError
        Naming the parameter, the value, and the annotated argument.
    """
    for taker in _takers(flow):
        value = values.get(taker.parameter.name)
        if taker.parameter.name not in values:
            continue
        if value is None and (taker.takes_none or taker.parameter.default is None):
            continue
        misfit = _misfit(value, taker)
        if misfit is not None:
            name = taker.parameter.name
            raise ValueError(
                f"Parameter '{name}' of flow '{flow.name}': {misfit.said(taker.parameter.secret)}, "
                f"as argument '{taker.argument}' of task '{taker.task_name}' is annotated. "
                f"Pass flow.run({name}=...) such a value, or change the annotation"
            )


def check_defaults(flow: TaskGraph) -> None:
    """Refuse defaults that the tasks which get them cannot do anything with; see above."""
    defaults = {one.name: one.default for one in flow.parameters()}
    known = {name: value for name, value in defaults.items() if value is not REQUIRED}
    check_annotations(flow, known)


def _misfit(value: Any, taker: _Taker) -> Misfit | None:
    try:
        if not taker.mapped:
            check_alike(value, taker.annotation)
        elif isinstance(value, (list, tuple)):
            check_alike(value, list[taker.annotation])  # type: ignore[name-defined]
        # What cannot be mapped over is told by the map.
    except Misfit as misfit:
        return misfit
    return None
