"""Which texts may name a task, a flow, a parameter, a tag."""

from __future__ import annotations

import unicodedata

__all__ = ["checked_name"]

LONGEST = 255


def checked_name(value: object, what: str) -> str:
    """Return `value` if it may be a name.

    Parameters
    ----------
    value : object
        What the user gave.
    what : str
        How the thing is called in the error, like ``"Flow name"``.

    Raises
    ------
    TypeError
        If it is not a text.
    ValueError
        If it is empty, longer than 255 characters, or holds control characters (they forge
        log lines) or halves of characters (they cannot be sent to a worker).

    Examples
    --------
    >>> checked_name("fibonacci", "Flow name")
    'fibonacci'
    >>> checked_name("", "Flow name")
    Traceback (most recent call last):
    ...
    ValueError: Flow name is empty; give a text of 1 to 255 characters
    """
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a text, got {value!r} ({type(value).__name__})")
    if not value.strip():
        raise ValueError(f"{what} is empty; give a text of 1 to {LONGEST} characters")
    if len(value) > LONGEST:
        raise ValueError(
            f"{what} {value[:20]!r}... has {len(value)} characters; give at most {LONGEST}"
        )
    for character in value:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise ValueError(
                f"{what} {value!r} holds the character {character!r}; "
                "leave out control characters and unpaired surrogates"
            )
    return value
