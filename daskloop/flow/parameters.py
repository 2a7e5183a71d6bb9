"""The values of a run's parameters: what was given, what is missing, what nobody knows.

A value becomes the type that its parameter asks for here, before anything runs.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from daskloop.define.misfit import Misfit
from daskloop.define.parameter import REQUIRED, Parameter

__all__ = ["as_mapping", "parameter_values"]


def parameter_values(
    flow_name: str,
    parameters: Collection[Parameter],
    given: Mapping[str, Any] | None,
    keywords: Mapping[str, Any],
    options: Collection[str] = (),
    known: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Give every parameter of a flow its value for one run.

    Parameters
    ----------
    flow_name : str
        Name of the flow, for errors.
    parameters : collection of Parameter
        All parameters of the flow.
    given : mapping, optional
        Values by name, as in ``flow.run(parameters={...})``.
    keywords : mapping
        Values by name, as in ``flow.run(name=...)``.
    options : collection of str
        Names of the options of ``flow.run``, to guess what a misspelt word meant.
    known : mapping
        Values from the record of the run, for parameters that are given none.

    Returns
    -------
    dict
        A value for each parameter; defaults are copied deeply, so that no run sees what
        another did to them.

    Raises
    ------
    ValueError
        If a name is unknown or given twice, required parameters have no value, or values are not
        of the type that their parameters ask for: all of them are named.

    Examples
    --------
    >>> parameter_values("f", [Parameter("rate", default=[1])], None, {})
    {'rate': [1]}
    >>> parameter_values("f", [Parameter("rate")], None, {})
    Traceback (most recent call last):
    ...
    ValueError: Flow 'f' has no value for the parameter 'rate'. Pass it to flow.run(rate=...), \
or give Parameter a default
    """
    values = _merged(flow_name, as_mapping(given), keywords)
    _refuse_unknown(flow_name, [one.name for one in parameters], values, options)
    for one in parameters:
        if one.name in known and one.name not in values:
            values[one.name] = known[one.name]
    missing = [one.name for one in parameters if one.required and one.name not in values]
    if missing:
        call = ", ".join(f"{name}=..." for name in missing)
        word = "parameter" if len(missing) == 1 else "parameters"
        raise ValueError(
            f"Flow '{flow_name}' has no value for the {word} {_quoted(missing)}. "
            f"Pass {'it' if len(missing) == 1 else 'them'} to flow.run({call}), "
            "or give Parameter a default"
        )
    accepted = {one.name: _accepted(one, values) for one in parameters}
    misfits = [
        f"'{one.name}': {accepted[one.name].said(one.secret)}"
        for one in parameters
        if isinstance(accepted[one.name], Misfit)
    ]
    if misfits:
        raise ValueError(
            f"Flow '{flow_name}' has a value that its parameter does not take: "
            f"{'; '.join(misfits)}. Pass another one to flow.run, or change Parameter(type=...)"
        )
    return accepted


def _accepted(parameter: Parameter, values: Mapping[str, Any]) -> Any:
    """Return a parameter's value, or a `Misfit`."""
    if parameter.name not in values:
        return _default(parameter)
    try:
        return parameter.accept(values[parameter.name])
    except Misfit as misfit:
        return misfit


def as_mapping(given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the values of parameters that were given as one; raises TypeError if they were not."""
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"parameters={given!r}: give a dict of names and values")
    return given or {}


def _merged(
    flow_name: str, given: Mapping[str, Any], keywords: Mapping[str, Any]
) -> dict[str, Any]:
    twice = [name for name in given if name in keywords]
    if twice:
        raise ValueError(
            f"Flow '{flow_name}' got {_quoted(twice)} twice: in parameters={{...}} and as a "
            "keyword. Give each value once"
        )
    return {**given, **keywords}


def _refuse_unknown(
    flow_name: str, known: list[str], values: Mapping[str, Any], options: Collection[str]
) -> None:
    unknown = [name for name in values if name not in known]
    if not unknown:
        return
    hints = []
    for name in unknown:
        near = difflib.get_close_matches(str(name), [*known, *options], n=1)
        hints.append(f"'{name}'" + (f" (did you mean '{near[0]}'?)" if near else ""))
    has = f"it has {_quoted(known)}" if known else "it has none"
    word = "parameter" if len(unknown) == 1 else "parameters"
    raise ValueError(f"Flow '{flow_name}' has no {word} {', '.join(hints)}; {has}")


def _default(parameter: Parameter) -> Any:
    if parameter.default is REQUIRED:
        return None
    try:
        return copy.deepcopy(parameter.default)
    except Exception as error:  # the default is the user's: its copying may raise anything
        raise ValueError(
            f"The default of Parameter '{parameter.name}' cannot be copied for a run: {error!r}. "
            f"Pass the value to flow.run({parameter.name}=...)"
        ) from error


def _quoted(names: Collection[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
