"""The ways in which a secret value may turn up in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote_plus

from daskloop.plain_text import texts_to_hide

__all__ = ["spellings", "without_cut_ones"]

_SHORTEST = 4  # signs; shorter ones are in every other word
_PART = 250  # signs of a secret that can be left of it in a text that was cut
_CUT = re.compile(r"(\.{3}|…)")
_LINE = 8  # signs of a line of a secret of several, such as a key in a file


def spellings(values: Iterable[Any]) -> tuple[str, ...]:
    """List what must not be shown of secret values, the longest first.

    Parameters
    ----------
    values : iterable
        The values; of lists, tuples, sets and dicts each element too.

    Examples
    --------
    >>> {"p%26q%20r", "p%26q+r", "p&q r"} <= set(spellings(["p&q r"]))
    True
    >>> "hunter22" in spellings([["hunter22", 7]])
    True
    """
    found = {way for text in texts_to_hide(values) for way in _ways(text)}
    return tuple(sorted((one for one in found if len(one) >= _SHORTEST), key=_order))


def _order(text: str) -> tuple[int, str]:
    return -len(text), text


def _ways(text: str) -> Iterator[str]:
    yield from (text, text.strip())
    lines = text.splitlines()
    yield from (line.strip() for line in lines if len(lines) > 1 and len(line.strip()) >= _LINE)
    plain = text.encode("utf-8", "replace")
    yield quote_plus(plain)


def without_cut_ones(text: str, secrets: Iterable[str]) -> str:
    """Hide what is left of secrets that were cut, beside the dots that say so.

    Examples
    --------
    >>> without_cut_ones("token='hunt…", ["hunter22"]), without_cut_ones("a...er22'", ["hunter22"])
    ("token='•••…", "a...•••'")
    """
    if _CUT.search(text) is None:
        return text
    known = tuple(secrets)
    parts = _CUT.split(text)
    for number in range(0, len(parts) - 1, 2):
        parts[number] = _without_head(parts[number], known)
        parts[number + 2] = _without_tail(parts[number + 2], known)
    return "".join(parts)


def _without_head(text: str, secrets: Iterable[str]) -> str:
    """Hide the beginning of a secret that a text ends with."""
    for secret in secrets:
        for size in range(min(len(secret), len(text), _PART), _SHORTEST - 1, -1):
            if text.endswith(secret[:size]):
                return f"{text[:-size]}•••"
    return text


def _without_tail(text: str, secrets: Iterable[str]) -> str:
    """Hide the end of a secret that a text begins with."""
    for secret in secrets:
        for size in range(min(len(secret), len(text), _PART), _SHORTEST - 1, -1):
            if text.startswith(secret[-size:]):
                return f"•••{text[size:]}"
    return text
