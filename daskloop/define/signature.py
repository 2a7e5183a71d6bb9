"""What a task's function takes: the refusal of what cannot be a task, and the binding."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, Signature
from typing import Any

__all__ = [
    "RESERVED",
    "bind",
    "check_function",
    "has_parameter",
    "is_async",
    "missing",
    "returned_count",
    "shown",
    "takes",
]

RESERVED = ("upstream_tasks", "flow", "mapped", "task_args")
"""Keywords of a task's call; a task cannot have parameters of these names."""


def check_function(function: Callable[..., Any], name: str) -> None:
    """Refuse a function that cannot be a task.

    Parameters
    ----------
    function : callable
        The function, or the bound ``run`` of a subclass.
    name : str
        Name of the task, for the error.

    Raises
    ------
    TypeError
        If it is not a callable, or is a generator function.
    ValueError
        If it takes ``*args`` or positional-only arguments, uses a reserved name, or cannot
        be inspected.

    Examples
    --------
    >>> check_function(lambda *numbers: sum(numbers), "total")
    Traceback (most recent call last):
    ...
    ValueError: Task 'total' takes *numbers; inputs of a task have names. Take one list instead
    """
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"Task '{name}' needs a function, got {function!r}")
    _refuse_generators(function, name)
    for parameter in _signature(function, name).parameters.values():
        if parameter.kind is Parameter.VAR_POSITIONAL:
            raise ValueError(
                f"Task '{name}' takes *{parameter.name}; inputs of a task have names. "
                "Take one list instead"
            )
        if parameter.kind is Parameter.POSITIONAL_ONLY:
            raise ValueError(
                f"Task '{name}' takes '{parameter.name}' by position only; inputs of a task have "
                "names. Take the / out of its signature, or wrap it in a function of your own"
            )
        if parameter.name in RESERVED:
            raise ValueError(
                f"Task '{name}' has a parameter '{parameter.name}', a name that calling a task "
                f"needs for itself ({', '.join(RESERVED)}). Rename the parameter"
            )


def _signature(function: Callable[..., Any], name: str) -> Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        raise ValueError(
            f"Task '{name}': the arguments of {function!r} cannot be found out, as is common with "
            "functions written in C. Wrap it in a function of your own"
        ) from None


def _refuse_generators(function: Callable[..., Any], name: str) -> None:
    for layer in _layers(function):
        if inspect.isasyncgenfunction(layer) or inspect.isgeneratorfunction(layer):
            raise TypeError(
                f"Task '{name}' is a generator function, which is not supported. Return a list, "
                "or raise LOOP to go on step by step"
            )


def is_async(function: Callable[..., Any]) -> bool:
    """Tell whether calling a function makes a coroutine, which has to be run."""
    return any(inspect.iscoroutinefunction(layer) for layer in _layers(function))


def _layers(function: Any) -> Iterable[Any]:
    """Yield a callable and what it wraps: partials, decorated functions, callable objects."""
    seen: set[int] = set()
    while function is not None and id(function) not in seen:
        seen.add(id(function))
        yield function
        if not inspect.isroutine(function) and not isinstance(function, functools.partial):
            yield getattr(type(function), "__call__", None)  # noqa: B004
        if isinstance(function, functools.partial):
            function = function.func
        else:
            function = getattr(function, "__wrapped__", None)


def bind(
    function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Give each argument of a call its name; defaults are left to the function.

    Raises
    ------
    TypeError
        If a required argument is missing, or one is too many; the text names it.

    Examples
    --------
    >>> bind(lambda x, y=1, **more: x, "f", (5,), {"z": 7})
    {'x': 5, 'z': 7}
    """
    signature = _signature(function, name)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        unknown = [key for key in kwargs if not takes(function, name, key)]
        lacking = _lacking(signature, len(args), kwargs)
        hints = [f"it has no argument {_quoted(unknown)}"] if unknown else []
        hints += [f"it needs {_quoted(lacking)}"] if lacking else []
        hint = ", and ".join(hints) or str(error)
        raise TypeError(f"Task '{name}' is called wrongly: {hint}; it takes {signature}") from None
    values: dict[str, Any] = {}
    for key, value in bound.arguments.items():
        if signature.parameters[key].kind is Parameter.VAR_KEYWORD:
            values.update(value)
        else:
            values[key] = value
    return values


def _lacking(signature: Signature, given: int, keywords: Mapping[str, Any]) -> list[str]:
    names = list(signature.parameters)
    return [key for key in _missing(signature, keywords) if names.index(key) >= given]


def _missing(signature: Signature, names: Iterable[str]) -> list[str]:
    """List the required arguments that `names` lacks, in the order of the signature."""
    there = set(names)
    return [
        key
        for key, parameter in signature.parameters.items()
        if parameter.default is Parameter.empty
        and parameter.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
        and key not in there
    ]


def missing(function: Callable[..., Any], name: str, names: Iterable[str]) -> list[str]:
    """List the required arguments of a function that `names` lacks.

    Examples
    --------
    >>> missing(lambda x, y, z=0: x, "f", ["x"])
    ['y']
    """
    return _missing(_signature(function, name), names)


def has_parameter(function: Callable[..., Any], name: str, key: str) -> bool:
    """Tell whether a function has an argument of just that name.

    Examples
    --------
    >>> has_parameter(lambda x, **more: x, "f", "y")
    False
    """
    return key in _signature(function, name).parameters


def shown(function: Callable[..., Any], name: str) -> str:
    """Return the arguments of a function as they are written.

    Examples
    --------
    >>> shown(lambda x, y=1: x, "f")
    '(x, y=1)'
    """
    return str(_signature(function, name))


def takes(function: Callable[..., Any], name: str, key: str) -> bool:
    """Tell whether a function has an argument of that name, or takes any.

    Examples
    --------
    >>> takes(lambda x: x, "f", "x"), takes(lambda x: x, "f", "y")
    (True, False)
    """
    return has_parameter(function, name, key) or any(
        one.kind is Parameter.VAR_KEYWORD for one in _signature(function, name).parameters.values()
    )


def returned_count(function: Callable[..., Any]) -> int | None:
    """Read from the annotation ``-> tuple[A, B]`` how many values a function returns.

    Examples
    --------
    >>> def halves(x: int) -> tuple[int, int]: ...
    >>> returned_count(halves)
    2
    """
    inner = inspect.unwrap(function)
    if "return" not in getattr(inner, "__annotations__", {}):
        return None
    try:
        hint = typing.get_type_hints(inner)["return"]
    except (NameError, TypeError, AttributeError, SyntaxError):
        return None  # An annotation that cannot be evaluated here says nothing.
    if typing.get_origin(hint) is not tuple:
        return None
    items = typing.get_args(hint)
    return None if Ellipsis in items else len(items)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
