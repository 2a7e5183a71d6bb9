"""Make objects of enums, dataclasses and pydantic's models from plain data."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from daskloop.define.misfit import Misfit, described, within

__all__ = ["fit_class"]

_LONGEST = 1_000  # characters of what a model says

Fit = Callable[[Any, Any], Any]


def fit_class(value: Any, kind: type, fit: Fit) -> Any:
    """Make a value of a class.

    Parameters
    ----------
    value : Any
        An object of the class, or what one is made of: the value or the name of an enum's member,
        a dict of a dataclass's fields, whatever the class's ``model_validate`` takes.
    kind : type
        The class.
    fit : callable
        Takes a value and a type; asked about the fields.

    Raises
    ------
    Misfit
        If it is neither.

    Examples
    --------
    >>> class Color(Enum):
    ...     RED = 1
    >>> fit_class("RED", Color, fit=lambda value, kind: value)
    <Color.RED: 1>
    """
    validate = getattr(kind, "model_validate", None)
    if validate is not None:
        return _validated(value, kind, validate)
    try:
        if isinstance(value, kind):
            return value
    except TypeError:  # a protocol that does not say what its objects have
        return value
    if issubclass(kind, Enum):
        return _member(value, kind, fit)
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return _built(value, kind, fit)
    raise Misfit(value, described(kind))


def _validated(value: Any, kind: type, validate: Callable[[Any], Any]) -> Any:
    try:
        return validate(value)
    # Code of the model's, which may raise anything about a value that it refuses.
    except Exception as error:
        said = str(error)[:_LONGEST]
    # Raised out here, since what was raised in there quotes the value, which may be secret.
    raise Misfit(value, described(kind), said)


def _member(value: Any, kind: type[Enum], fit: Fit) -> Any:
    for member in kind:
        if type(member.value) is type(value) and member.value == value:
            return member
    if isinstance(value, str) and value in kind.__members__:
        return kind[value]
    for member in kind:
        try:
            if fit(value, type(member.value)) == member.value:
                return member
        except Misfit:
            continue
    raise Misfit(value, f"{described(kind)} ({', '.join(kind.__members__)})")


def _built(value: Mapping[Any, Any], kind: Any, fit: Fit) -> Any:
    wanted = {one.name for one in dataclasses.fields(kind) if one.init}
    unknown = [key for key in value if key not in wanted]
    if unknown:
        raise Misfit(value, described(kind), f"it has no field {unknown[0]!r}")
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    # Annotations are the user's code; one that cannot be evaluated here says nothing.
    except Exception:
        hints = {}
    given = {}
    for key, one in value.items():
        with within(f".{key}"):
            given[key] = fit(one, hints.get(key, Any))
    try:
        return kind(**given)
    # The class's own checks, which may raise anything.
    except Exception as error:
        said = f"{type(error).__name__}: {error}"[:_LONGEST]
    raise Misfit(value, described(kind), said)
