"""Names of kept files with fields in them, like ``"{task_name}-{map_index}.pkl"``."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from daskloop.errors import ResultError

__all__ = ["AT_THE_END", "BEFORE", "Template", "parse_template"]

BEFORE = (
    "task_name",
    "task_full_name",
    "task_slug",
    "map_index",
    "flow_name",
    "run_id",
    "parameters",
    "date",
    "today",
)
"""Fields that every task has, known before it begins."""

AT_THE_END = ("task_loop_count", "task_run_count")
"""Fields that are known when the task has ended: for what is written and never looked for."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with fields.

    Examples
    --------
    >>> Template("{name}/{n:03d}.json", frozenset({"name", "n"})).render({"name": "a", "n": 7})
    'a/007.json'
    """

    text: str
    fields: frozenset[str]
    """First names of what stands in braces: ``parameters`` of ``{parameters[M]}``."""

    def render(self, values: Mapping[str, Any]) -> str:
        """Put values in.

        Raises
        ------
        ResultError
            If a value does not fit its format, or steps out of the folder.
        """
        try:
            text = string.Formatter().vformat(self.text, (), values)
        # A value formats itself, which may raise anything.
        except Exception as error:
            raise ResultError(
                f"The template {self.text!r} cannot be filled in: {type(error).__name__}: {error}"
            ) from error
        if _steps_up(text) > _steps_up(self.text) or "\0" in text:
            raise ResultError(
                f"The template {self.text!r} was filled in as {text!r:.300}, which is no path "
                "within its folder: a value must not hold '..' or a zero byte"
            )
        return text

    def items_of(self, field: str) -> list[str]:
        """List which items of a field are used: ``["M"]`` for ``{parameters[M]}``.

        Examples
        --------
        >>> Template("{p[a]}{p[b]:d}", frozenset({"p"})).items_of("p")
        ['a', 'b']
        """
        named = [name for name in _names(self.text) if name.startswith(f"{field}[")]
        return [name[len(field) + 1 :].partition("]")[0] for name in named]


def parse_template(
    text: object, what: str, has_input: Callable[[str], bool], *, at_the_end: bool
) -> Template:
    """Read a template, and refuse one that names what there is not.

    Parameters
    ----------
    text : str
        The template.
    what : str
        How to call it in an error, like ``"target"``.
    has_input : callable
        Tells whether the task has an input of a name.
    at_the_end : bool
        True if it is filled in only when the task has ended.

    Raises
    ------
    TypeError, ValueError
        Naming what is wrong.

    Examples
    --------
    >>> parse_template("{when}.pkl", "target", lambda name: False, at_the_end=False)
    Traceback (most recent call last):
    ...
    ValueError: target='{when}.pkl': there is no 'when'; it may name task_name, task_full_name, \
task_slug, map_index, flow_name, run_id, parameters, date, today and the inputs of the task
    """
    if not isinstance(text, str):
        raise TypeError(f"{what}={text!r}: give a text, like '{{task_name}}-{{map_index}}.pkl'")
    if not text or text.endswith("/") or "\0" in text:
        raise ValueError(f"{what}={text!r}: give the name of a file")
    try:
        fields = frozenset(_first(name) for name in _names(text))
    except ValueError as error:
        raise ValueError(f"{what}={text!r} cannot be read: {error}; write {{{{ for a {{") from None
    known = (*BEFORE, *AT_THE_END) if at_the_end else BEFORE
    for name in sorted(fields):
        if name in AT_THE_END and not at_the_end:
            raise ValueError(
                f"{what}={text!r}: '{name}' is not known when it is looked for, before the first "
                "iteration; leave it out, or write it as location= of result="
            )
        if name not in known and not (name and has_input(name)):
            raise ValueError(
                f"{what}={text!r}: there is no {name!r}; it may name {', '.join(known)} "
                "and the inputs of the task"
            )
    return Template(text, fields)


def _names(text: str | None) -> Iterator[str]:
    for _, name, spec, conversion in string.Formatter().parse(text or ""):
        if conversion not in (None, "s", "r", "a"):
            raise ValueError(f"'!{conversion}' is no conversion")
        if name is not None:
            yield name
            yield from _names(spec)  # fields may stand in a format: {x:{width}}


def _first(name: str) -> str:
    return name.partition("[")[0].partition(".")[0]


def _steps_up(text: str) -> int:
    return text.replace("\\", "/").split("/").count("..")
