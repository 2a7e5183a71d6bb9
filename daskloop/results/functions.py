"""Read what a function computes: the code that is executed, and what it holds on to.

Seen are the function and what wraps it, its defaults, the variables around it, and, as far as they
are of its own module, the functions that it names and theirs and the plain values that these take.
Not seen are other modules, classes, and objects that a module keeps.
"""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Iterator
from typing import Any

from daskloop.errors import ResultError
from daskloop.results.content import token

__all__ = ["FUNCTIONS", "PLAIN", "Reader"]

FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)
"""What a reader reads; all else is told apart by its content."""

PLAIN = frozenset(
    [type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset]
)
"""What is read of a module or class, beside functions."""


class Reader:
    """Writes down functions and what they hold, each function once.

    Parameters
    ----------
    exact : bool
        True if what cannot be told by its content is an error; else only its class counts.

    Examples
    --------
    >>> one, same, other = (Reader(True).value(lambda x, by=by: x + by) for by in (1, 1, 2))
    >>> one == same, one == other
    (True, False)
    """

    def __init__(self, exact: bool) -> None:
        self._exact = exact
        self._module: str | None = None
        self._seen: list[types.FunctionType] = []

    def value(self, value: Any) -> bytes:
        """Write down something that a function holds."""
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return self.value(value.__func__) + self.value(value.__self__)
        if isinstance(value, functools.partial):
            return b"partial " + b",".join(
                self.value(one)
                for one in (value.func, *value.args, *sorted(value.keywords.items()))
            )
        if isinstance(value, (type, types.BuiltinFunctionType, types.ModuleType)):
            return f"{getattr(value, '__module__', '')}.{value.__name__}".encode()
        try:
            return token(value).encode()
        except ResultError:
            if self._exact:
                raise
            return f"{type(value).__module__}.{type(value).__qualname__}".encode()

    def _function(self, function: types.FunctionType) -> bytes:
        if function in self._seen:  # it calls itself
            return b"function %d" % self._seen.index(function)
        self._seen.append(function)
        self._module = self._module or function.__module__
        held = [*(function.__defaults__ or ()), *sorted((function.__kwdefaults__ or {}).items())]
        parts = [_code(function.__code__), *map(self.value, held)]
        parts += [self.value(one) for one in _around(function)]
        for name, one in _named(function) if function.__module__ == self._module else ():
            # What a module keeps is of all kinds, and most functions that name it do not read it.
            with contextlib.suppress(ResultError):
                parts.append(name.encode() + b"=" + self.value(one))
        return b"(" + b"|".join(parts) + b")"


def _around(function: types.FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a variable without a value yet
            yield None


def _named(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield what a function takes from its module, if it is plain or a function of it."""
    for name in sorted(set(_names(function.__code__))):
        found = function.__globals__.get(name)
        if isinstance(found, types.FunctionType):
            if found.__module__ == function.__module__:
                yield name, found
        elif name in function.__globals__ and type(found) in PLAIN:
            yield name, found


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            yield from _names(one)


def _code(code: types.CodeType) -> bytes:
    parts = [code.co_code, repr((code.co_names, code.co_varnames, code.co_freevars)).encode()]
    parts.append(getattr(code, "co_exceptiontable", b""))
    return b"\0".join([*parts, *(_constant(one) for one in code.co_consts)])


def _constant(one: Any) -> bytes:
    if isinstance(one, types.CodeType):
        return _code(one)
    if isinstance(one, frozenset):  # of no order that all processes share
        return b"{" + b",".join(sorted(map(_constant, one))) + b"}"
    return f"{type(one).__name__} {one!r}".encode("utf-8", "backslashreplace")
