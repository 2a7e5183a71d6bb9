"""The ways in which a secret value may turn up in a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

__all__ = ["spellings"]

_SHORTEST = 4  # signs; shorter ones are in every other word
_MOST = 10_000  # parts of secret values
_LINE = 8  # signs of a line of a secret of several, such as a key in a file


def spellings(values: Iterable[Any]) -> tuple[str, ...]:
    """List what must not be shown of secret values, the longest first.

    Parameters
    ----------
    values : iterable
        The values; of lists, tuples, sets and dicts each element too.

    Examples
    --------
    >>> spellings(["p&q r"])
    ('p%26q%20r', 'p%26q+r', 'p&q r')
    >>> "hunter22" in spellings([["hunter22", 7]])
    True
    """
    found = {way for part in _parts(values) for way in _ways(part)}
    return tuple(sorted((one for one in found if len(one) >= _SHORTEST), key=_order))


def _order(text: str) -> tuple[int, str]:
    return -len(text), text


def _parts(values: Iterable[Any]) -> Iterator[Any]:
    pending, count = list(values), 0
    while pending and count < _MOST:
        one = pending.pop()
        count += 1
        yield one
        if isinstance(one, Mapping):
            pending += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple, set, frozenset)):
            pending += one


def _ways(value: Any) -> Iterator[str]:
    if isinstance(value, (bytes, bytearray)):
        yield repr(bytes(value))[2:-1]
        value = bytes(value).decode("utf-8", "replace")
    text = str(value)
    yield text
    yield repr(text)[1:-1]
    yield text.strip()
    lines = text.splitlines()
    yield from (line.strip() for line in lines if len(lines) > 1 and len(line.strip()) >= _LINE)
    plain = text.encode("utf-8", "replace")
    yield quote(plain, safe="")
    yield quote_plus(plain)
