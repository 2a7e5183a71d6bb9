"""Turn what was typed behind ``-p`` into the values of parameters."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from daskloop.cli.exit_codes import Usage
from daskloop.define.expression import Output
from daskloop.define.misfit import Misfit
from daskloop.define.parameter import REQUIRED, Parameter
from daskloop.flow.flow import Flow

__all__ = ["coerced", "parameter_values", "texts_of", "wanted"]

_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list as JSON, like [10, 100]",
    dict: 'a dict as JSON, like {"n": 1}',
}
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "1"), True),
    **dict.fromkeys(("false", "no", "0"), False),
}


def parameter_values(flow: Flow, given: Sequence[str]) -> dict[str, Any]:
    """Read the values of parameters.

    Parameters
    ----------
    flow : Flow
        Whose parameters they are; names that it does not know are left for it to refuse.
    given : sequence of str
        ``NAME=VALUE``, or ``NAME=@FILE`` for the text that is in a file.

    Raises
    ------
    Usage
        If one is no pair, is given twice, or is not of the type that is wanted.
    """
    parameters = {one.name: one for one in flow.parameters()}
    values: dict[str, Any] = {}
    for name, text in texts_of(given).items():
        parameter = parameters.get(name)
        if parameter is not None and parameter.type is not None:
            values[name] = _typed(flow, parameter, text)
            continue
        kind = None if parameter is None else wanted(flow, parameter)
        try:
            values[name] = coerced(text, kind)
        except ValueError as error:
            secret = parameter is not None and parameter.secret
            shown = "the value" if secret else repr(text if len(text) < 80 else text[:79] + "…")
            raise Usage(f"Parameter '{name}' of flow '{flow.name}': {shown} is {error}") from None
    return values


def texts_of(given: Sequence[str]) -> dict[str, str]:
    """Read the texts that were typed for parameters, by name; those of files from these.

    Raises
    ------
    Usage
        If one is no pair, or is given twice.

    Examples
    --------
    >>> texts_of(["M=1000", "url=a=b"])
    {'M': '1000', 'url': 'a=b'}
    """
    texts: dict[str, str] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise Usage(f"-p {pair!r}: write NAME=VALUE, like -p M=1000")
        if name in texts:
            raise Usage(f"-p {name}=...: this parameter was given twice. Give it once")
        texts[name] = _file_text(name, text[1:]) if text.startswith("@") else text
    return texts


def _typed(flow: Flow, parameter: Parameter, text: str) -> Any:
    """Make a value of the type that a parameter asks for: of the text, else of it as JSON."""
    try:
        return parameter.accept(text)
    except Misfit as misfit:
        found = misfit
    try:
        return parameter.accept(coerced(text, None))
    except Misfit as misfit:
        # Of a text that looks like JSON, what is wrong inside it says more.
        found = misfit if text.lstrip()[:1] in ("[", "{") else found
    said = found.said(parameter.secret)
    raise Usage(f"Parameter '{parameter.name}' of flow '{flow.name}': {said}")


def _file_text(name: str, path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Usage(f"-p {name}=@{path}: the file cannot be read: {reason}") from error


def coerced(text: str, kind: type | None) -> Any:
    """Make a value of a text.

    Parameters
    ----------
    text : str
        What was typed.
    kind : type or None
        int, float, bool, str, list or dict; None takes JSON, and else the text itself.

    Raises
    ------
    ValueError
        If it is not of that type.

    Examples
    --------
    >>> coerced("10", float), coerced("no", bool), coerced("[1, 2]", None), coerced("north", None)
    (10.0, False, [1, 2], 'north')
    """
    if kind is str:
        return text
    try:
        value = _read(text, kind)
    except (ValueError, RecursionError):
        if kind is None:
            return text
        value = None
    if kind is not None and type(value) is not kind:
        raise ValueError(f"not {_WORDS[kind]}")
    return value


def _read(text: str, kind: type | None) -> Any:
    if kind is bool:
        return _BOOLEANS.get(text.strip().lower())
    return kind(text) if kind in (int, float) else json.loads(text)


def wanted(flow: Flow, parameter: Parameter) -> type | None:
    """Tell of which type the value of a parameter is to be; None if that is not known.

    Its default says it, else the annotation of the argument that it goes to, if all arguments
    that it goes to have the same.
    """
    if parameter.default is not REQUIRED:
        kinds: set[Any] = {type(parameter.default)}
    else:
        kinds = set(_annotations(flow, parameter))
    known = [kind for kind in (*_WORDS, str) if kinds == {kind}]
    return known[0] if known else None


def _annotations(flow: Flow, parameter: Parameter) -> list[Any]:
    found: list[Any] = []
    for task in flow.tasks:
        for argument in flow.call_of(task).arguments:
            if argument.name is None or argument.expression != Output(parameter):
                continue
            if argument.flattened:
                found.append(None)
            elif argument.mapped:
                found.append(list)  # each child takes an element of it
            else:
                found.append(_hints(task.run).get(argument.name))
    return found


def _hints(function: Any) -> Mapping[str, Any]:
    try:
        hints = typing.get_type_hints(function)
    # Annotations are the user's code; one that cannot be evaluated here says nothing.
    except Exception:
        return {}
    # A plain `list[int]` is a list.
    return {name: typing.get_origin(hint) or hint for name, hint in hints.items()}
