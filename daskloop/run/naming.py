"""Name the children of a map when it opens, from the elements as far as they are known here."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from daskloop.define.child_names import ChildNames, refuse_doubles
from daskloop.define.names import checked_name
from daskloop.errors import MapError
from daskloop.plan.plan import Constant
from daskloop.record.sealed import Sealed, unseal
from daskloop.run.standing import Child, Element, NodeStanding, Standing

__all__ = ["names_of"]

_WHOLE = 200  # characters from which on a preview may be a part
_PLAIN = (str, int, float, bool, type(None))


def names_of(standing: Standing, node: NodeStanding) -> tuple[str, ...] | None:
    """Name the children of a map whose elements are there.

    Parameters
    ----------
    standing : Standing
        All nodes.
    node : NodeStanding
        The map, with `spread` filled in.

    Returns
    -------
    tuple of str or None
        A name for each child, by its index. Children that go on from those of a map with names
        have the same names, unless names were given; else None.

    Raises
    ------
    MapError
        If an element is not known here, or the names are not unique, or too few or too many.
    """
    width = min(len(found) for _, found, _ in node.spread)
    rule = node.plan.names
    if rule is None:
        return _inherited(standing, node, width)
    task = node.plan.name
    if isinstance(rule.given, tuple) and len(rule.given) != width:
        raise MapError(
            f"'{task}' is mapped over {width} elements, and names= holds {len(rule.given)}; give "
            "one for each"
        )
    sources = {str(one.name): found for one, found, _ in node.spread}
    taken = [(name, sources[name]) for name in rule.arguments]
    names = tuple(_name(rule, index, taken, task) for index in range(width))
    try:
        refuse_doubles(names, task)
    except ValueError as error:
        raise MapError(f"cannot map '{task}': {error}") from None
    return names


def _inherited(standing: Standing, node: NodeStanding, width: int) -> tuple[str, ...] | None:
    for one, _, origins in node.spread:
        if origins and not one.flattened and origins[0] is not None:
            above = origins[0].node.names
            if above is not None:
                return tuple(above[:width])
    return None


def _name(
    rule: ChildNames, index: int, taken: Sequence[tuple[str, Sequence[Element]]], task: str
) -> str:
    elements = [_known(found[index], f"'{name}' of '{task}'") for name, found in taken]
    try:
        made = rule.made(index, elements)
        text = str(made) if type(made) is int else made
        return checked_name(text, "it")
    # A function of the user's, or the formatting of a user's object, may raise anything.
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
    raise MapError(f"cannot map '{task}': names= gives no name for child {index}: {why}")


def _known(element: Element, what: str) -> Any:
    """Return the value of an element; those that a task returned are closed, and opened here."""
    if isinstance(element, Constant):
        if element.secret:
            raise MapError(f"names= looks at the argument {what}, which is secret; use another one")
        return element.value
    if isinstance(element, Sealed):
        return _opened(element, what)
    if isinstance(element, Child):
        other = f"the map '{element.node.plan.name}', whose children have yet to run"
        hint = "give names= there, and its children's names are taken on"
    else:
        other, hint = "tasks that have yet to run", "give a list of names"
    raise MapError(f"names= looks at the argument {what}, which comes from {other}; {hint}")


def _opened(element: Sealed, what: str) -> Any:
    if element.data is not None:
        try:
            return unseal(element, None)
        # A pickle, which runs code of its classes; these may not be here.
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
        raise MapError(f"names= looks at the argument {what}, which cannot be opened here: {why}")
    if len(element.preview) < _WHOLE:
        try:
            value = ast.literal_eval(element.preview)
        except (ValueError, SyntaxError):
            value = ...
        if type(value) in _PLAIN:
            return value
    raise MapError(
        f"names= looks at the argument {what}, whose elements take more than a megabyte and so lie "
        "in the payload store, which the driver does not read; map over short texts or numbers "
        "beside it and name by these, or give a list of names"
    )
