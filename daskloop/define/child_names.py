"""How the children of a map are named: ``fetch[example.org]`` in the place of ``fetch[3]``."""

from __future__ import annotations

import inspect
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daskloop.define.call import Argument
from daskloop.define.names import checked_name

__all__ = ["INDEX", "ChildNames", "child_names", "refuse_doubles"]

INDEX = "map_index"
"""What stands for the number of the child in a template."""

_GIVE = "Give a list of texts, a template like '{url}', or a function of the child's own arguments"


@dataclass(frozen=True, slots=True, eq=False)
class ChildNames:
    """What the user wrote behind ``names=``, checked."""

    given: tuple[str, ...] | str | Callable[..., Any]
    """The names themselves, a template, or a function."""
    arguments: tuple[str, ...] = ()
    """The mapped arguments whose elements it looks at, in the order in which it takes them."""

    def made(self, index: int, elements: Sequence[Any]) -> Any:
        """Return what is to be the name of one child, given its elements of those arguments."""
        if isinstance(self.given, tuple):
            return self.given[index]
        if isinstance(self.given, str):
            values = dict(zip(self.arguments, elements, strict=True))
            return self.given.format(**values, **{INDEX: index})
        return self.given(*elements)


def child_names(given: Any, task_name: str, arguments: Sequence[Argument]) -> ChildNames:
    """Check what was given as ``names=`` in a map.

    Parameters
    ----------
    given : list or tuple of str, str, or callable
        One name for each child; a template with the names of mapped arguments, such as ``"{url}"``
        or ``"{host}-{map_index}"``; or a function that takes the child's own elements of the
        mapped arguments, in their order, as many as it has arguments for.
    task_name : str
        For errors.
    arguments : sequence of Argument
        Of the call.

    Raises
    ------
    TypeError, ValueError
        If it is something else, names twice the same, or looks at what is not mapped over.
    """
    where = f"{task_name}.map(names={given!r:.100})"
    mapped = [one.name for one in arguments if one.mapped and one.name is not None]
    if not any(one.mapped for one in arguments):
        raise ValueError(
            f"{where}: no argument is mapped over, so there are no children to name; leave "
            "names out"
        )
    if isinstance(given, str):
        return ChildNames(given, _fields(given, where, mapped))
    if isinstance(given, (list, tuple)):
        names = tuple(checked_name(name, f"{where}: a name") for name in given)
        refuse_doubles(names, task_name)
        return ChildNames(names)
    if not callable(given):
        raise TypeError(f"{where}: {_GIVE}")
    return ChildNames(given, _taken(given, where, mapped))


def refuse_doubles(names: Sequence[str], task_name: str) -> None:
    """Refuse names that two children would have.

    Examples
    --------
    >>> refuse_doubles(["a", "b", "a"], "fetch")
    Traceback (most recent call last):
    ...
    ValueError: children 0 and 2 of 'fetch' would both be called 'a'; make the names unique, like \
'{url}-{map_index}'
    """
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        first = seen.setdefault(name, index)
        if first != index:
            raise ValueError(
                f"children {first} and {index} of '{task_name}' would both be called {name!r}; "
                "make the names unique, like '{url}-{map_index}'"
            )


def _fields(template: str, where: str, mapped: Sequence[str]) -> tuple[str, ...]:
    try:
        found = [field for _, field, _, _ in string.Formatter().parse(template)]
    except ValueError as error:
        raise ValueError(f"{where} is no template: {error}. {_GIVE}") from None
    roots = [field.partition(".")[0].partition("[")[0] for field in found if field is not None]
    for root in roots:
        if root not in (*mapped, INDEX):
            raise ValueError(
                f"{where}: {{{root}}} is no argument that is mapped over. "
                f"It has {', '.join(f'{{{name}}}' for name in (*mapped, INDEX))}"
            )
    if not roots:
        raise ValueError(f"{where} would give all children one name. {_GIVE}")
    return tuple(dict.fromkeys(root for root in roots if root != INDEX))


def _taken(function: Callable[..., Any], where: str, mapped: Sequence[str]) -> tuple[str, ...]:
    try:
        parameters: Mapping[str, inspect.Parameter] = inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C, like str: it is given the first
        return tuple(mapped[:1])
    kinds = [one.kind for one in parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return tuple(mapped)
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    places = [one for one in parameters.values() if one.kind in by_place]
    required = [one for one in places if one.default is inspect.Parameter.empty]
    keywords = [
        one
        for one in parameters.values()
        if one.kind is inspect.Parameter.KEYWORD_ONLY and one.default is inspect.Parameter.empty
    ]
    if keywords or not places or len(required) > len(mapped):
        raise ValueError(
            f"{where}: the function is called with the child's own elements of "
            f"{', '.join(mapped) or 'nothing'}; let it take these, or the first of them"
        )
    return tuple(mapped[: len(places)])
