"""The error of a value that is not of the type that is wanted, and its words."""

from __future__ import annotations

import reprlib
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Misfit", "described", "within"]

_WORDS: dict[Any, str] = {
    type(None): "None",
    bool: "true or false (bool)",
    int: "a whole number (int)",
    float: "a number (float)",
    complex: "a number (complex)",
    str: "a text (str)",
    bytes: "bytes",
}

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80


class Misfit(ValueError):
    """A value that is not of the type that is wanted.

    Parameters
    ----------
    value : Any
        What does not fit: the whole, or the part of it at `path`.
    wanted : str
        In words.
    reason : str, optional
        What is wrong with it; may quote it.

    Examples
    --------
    >>> str(Misfit("x", "a whole number (int)"))
    "'x' is not a whole number (int)"
    >>> Misfit("x", "a whole number (int)").said(secret=True)
    'the value is not a whole number (int)'
    """

    def __init__(self, value: Any, wanted: str, reason: str = "") -> None:
        super().__init__(wanted)
        self.value = value
        self.wanted = wanted
        self.reason = reason
        self.path = ""
        """Where in the whole it is, like ``[3].rate``."""

    def __str__(self) -> str:
        return self.said()

    def said(self, secret: bool = False) -> str:
        """Say it; of a secret value nothing is quoted, and no key."""
        if secret:
            return f"the value is not {self.wanted}"
        why = f": {self.reason}" if self.reason else ""
        shown = _short.repr(self.value)
        if self.path:
            return f"its {self.path} is {shown}, not {self.wanted}{why}"
        return f"{shown} is not {self.wanted}{why}"


@contextmanager
def within(step: str) -> Iterator[None]:
    """Say of a misfit that it lies at this step inside the whole."""
    try:
        yield
    except Misfit as misfit:
        misfit.path = step + misfit.path
        raise


def described(kind: Any) -> str:
    """Name a type in words.

    Examples
    --------
    >>> described(int), described(list[int]), described(typing.Optional[int])
    ('a whole number (int)', 'list[int]', 'Optional[int]')
    """
    if isinstance(kind, type) and typing.get_origin(kind) is None:
        if kind in _WORDS:
            return _WORDS[kind]
        return f"{'an' if kind.__name__[0] in 'AEIOUaeiou' else 'a'} {kind.__name__}"
    return str(kind).replace("typing.", "")
