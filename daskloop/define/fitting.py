"""Whether a value fits a type, and what it becomes when nothing is lost by that.

Known are plain types, the collections, Optional, Union, Literal, Annotated, NewType, enums,
dataclasses, and classes that have a `model_validate`, as pydantic's models do. A form that is not
known here says nothing, and everything fits it.
"""

from __future__ import annotations

import types
import typing
from collections import abc
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from daskloop.define.fitting_classes import fit_class
from daskloop.define.misfit import Misfit, described, within
from daskloop.define.plain_types import PLAIN, is_alike, plain

__all__ = ["check_alike", "checked_type", "fit"]

_SEQUENCES = (list, tuple, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection)
_SETS = (set, frozenset, abc.Set, abc.MutableSet)
_DICTS = (dict, abc.Mapping, abc.MutableMapping)

_FOUND = frozenset(
    (type(None), bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict)
)
"""Types of values that are held against annotations; any other value may be alike in its way."""

_JUDGED = frozenset((*_FOUND, datetime, date))
"""What values are held against; code that expects a Path, say, is often given a text."""

Rule = Callable[[Any, Any], Any]
"""What a value becomes for a type; raises Misfit."""


def checked_type(kind: Any, where: str) -> Any:
    """Refuse what is no type.

    Examples
    --------
    >>> checked_type("int", "Parameter 'n'")
    Traceback (most recent call last):
    ...
    TypeError: Parameter 'n': type='int': give a type, like int, list[int] or Optional[float]
    """
    known = isinstance(kind, (type, types.UnionType, typing.NewType, typing.TypeVar))
    if known or kind is Any or typing.get_origin(kind) is not None:
        return kind
    raise TypeError(f"{where}: type={kind!r}: give a type, like int, list[int] or Optional[float]")


def fit(value: Any, kind: Any) -> Any:
    """Make a value of a type, if nothing is lost by it.

    Parameters
    ----------
    value : Any
        The value. A text is read where a number, a time, a path and the like is wanted.
    kind : type or typing form
        What is wanted.

    Raises
    ------
    Misfit
        If it is something else.

    Examples
    --------
    >>> fit("3", int), fit(["1", 2.0], list[int]), fit(None, typing.Optional[int])
    (3, [1, 2], None)
    >>> fit([1, "two"], list[int])
    Traceback (most recent call last):
    ...
    daskloop.define.misfit.Misfit: its [1] is 'two', not a whole number (int)
    """
    return _fit(value, kind, _class_made)


def check_alike(value: Any, kind: Any) -> None:
    """Refuse a value that code which expects a type can do nothing with; nothing is changed.

    Held against the type are only values of Python's own plain types: a text that should be a
    number, say. Numbers that are equal stand for each other, and so do lists and tuples.

    Raises
    ------
    Misfit
        If it is something else.

    Examples
    --------
    >>> check_alike(3.0, int)
    >>> check_alike("3", int)
    Traceback (most recent call last):
    ...
    daskloop.define.misfit.Misfit: '3' is not a whole number (int)
    """
    _fit(value, kind, _class_alike)


def _fit(value: Any, kind: Any, rule: Rule) -> Any:
    kind = _bare(kind)
    origin = typing.get_origin(kind)
    if rule is _class_alike and type(value) not in _FOUND:
        return value
    if origin in (typing.Union, types.UnionType):
        return _one_of(value, kind, rule)
    if origin is typing.Literal:
        return _literal(value, kind, rule)
    base = kind if origin is None else origin
    if base in _SEQUENCES:
        return _sequence(value, kind, base, rule)
    if base in _SETS:
        return _set(value, kind, base, rule)
    if base in _DICTS:
        return _dict(value, kind, rule)
    if origin is not None or not isinstance(kind, type) or kind is object:
        return value
    return rule(value, kind)


def _bare(kind: Any) -> Any:
    while True:
        if isinstance(kind, typing.NewType):
            kind = kind.__supertype__
        elif typing.get_origin(kind) is typing.Annotated:
            kind = typing.get_args(kind)[0]
        else:
            return kind


def _one_of(value: Any, kind: Any, rule: Rule) -> Any:
    choices = typing.get_args(kind)
    if type(value) in choices:
        return value
    reasons = []
    for choice in choices:
        try:
            return _fit(value, choice, rule)
        except Misfit as misfit:
            reasons.append(misfit)
    # What is wrong deep inside the one form that it could have had says more than all forms.
    inner = [misfit for misfit in reasons if misfit.path or misfit.reason]
    raise inner[0] if len(inner) == 1 else Misfit(value, described(kind))


def _literal(value: Any, kind: Any, rule: Rule) -> Any:
    choices = typing.get_args(kind)
    for choice in choices:
        if type(choice) is type(value) and choice == value:
            return choice
    for choice in choices:
        try:
            if _fit(value, type(choice), rule) == choice:
                return choice
        except Misfit:
            continue
    raise Misfit(value, described(kind))


def _sequence(value: Any, kind: Any, base: Any, rule: Rule) -> Any:
    if not isinstance(value, (list, tuple, range)):
        # A text is a sequence of characters, but hardly ever meant when a sequence is asked for.
        is_text = rule is _class_made and isinstance(value, (str, bytes))
        if base in (list, tuple) or is_text or not isinstance(value, base):
            raise Misfit(value, described(kind))
        return value
    parts = typing.get_args(kind)
    if base is tuple and parts and parts[-1] is not Ellipsis:
        if len(value) != len(parts):
            raise Misfit(value, f"{described(kind)} of {len(parts)} elements")
        pairs = zip(value, parts, strict=True)
        found = [_element(one, part, index, rule) for index, (one, part) in enumerate(pairs)]
    else:
        found = _elements(value, parts[0] if parts else Any, rule)
    if base in (list, tuple):
        return base(found)
    return tuple(found) if isinstance(value, tuple) else found


def _elements(value: Any, kind: Any, rule: Rule) -> list[Any]:
    if kind is Any or (isinstance(kind, type) and set(map(type, value)) <= {kind}):
        return list(value)  # many numbers, say: looked through at once
    return [_element(one, kind, index, rule) for index, one in enumerate(value)]


def _element(value: Any, kind: Any, key: Any, rule: Rule) -> Any:
    with within(f"[{key!r}]"):
        return _fit(value, kind, rule)


def _set(value: Any, kind: Any, base: Any, rule: Rule) -> Any:
    whole = isinstance(value, (set, frozenset))
    if not whole and not (rule is _class_made and isinstance(value, (list, tuple))):
        raise Misfit(value, described(kind))
    parts = typing.get_args(kind)
    made = [_fit(one, parts[0], rule) for one in value] if parts else list(value)
    try:
        found = frozenset(made) if base is frozenset else set(made)
    except TypeError:
        raise Misfit(value, described(kind), "its elements have no hash") from None
    if len(found) != len(value):
        raise Misfit(value, described(kind), "it has an element twice")
    return found


def _dict(value: Any, kind: Any, rule: Rule) -> Any:
    if not isinstance(value, Mapping):
        raise Misfit(value, described(kind))
    parts = typing.get_args(kind)
    if not parts:
        return value
    return {
        _element(key, parts[0], key, rule): _element(one, parts[1], key, rule)
        for key, one in value.items()
    }


def _class_alike(value: Any, kind: type) -> Any:
    if kind in _JUDGED and not is_alike(value, kind):
        raise Misfit(value, described(kind))
    return value


def _class_made(value: Any, kind: type) -> Any:
    if kind in PLAIN:
        try:
            return plain(value, kind)
        except ValueError:
            raise Misfit(value, described(kind)) from None
    return fit_class(value, kind, fit)
