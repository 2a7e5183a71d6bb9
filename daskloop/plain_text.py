"""Text from users and their tasks, made safe to be shown: one line, and no wider than asked."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

__all__ = ["columns", "hidden", "one_line", "texts_to_hide"]

_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
"""Control signs, among them those that begin escape codes and those that turn the direction of
writing, halves of surrogate pairs, and what has no meaning yet."""

_SHORTEST = 4  # signs of a text that is hidden
_PARTS = 1_000  # of one value that are looked at

_JOINERS = frozenset({"\u200c", "\u200d"})
"""Invisible as well, but parts of words in some scripts, and of emoji."""


def one_line(text: object, width: int = 200) -> str:
    r"""Show a text in one line.

    Parameters
    ----------
    text : object
        Mostly a message; anything else is shown by ``str``.
    width : int
        Columns of a terminal at most; a longer text is cut and ends in "…".

    Returns
    -------
    str
        With white space as single blanks, and what is invisible shown by its number.

    Notes
    -----
    The cost depends on `width`, not on the length of the text. Signs that mean something in HTML
    are left as they are: whoever writes HTML escapes them.

    Examples
    --------
    >>> one_line("two\n lines, \x1b[31mred")
    'two lines, \\x1b[31mred'
    >>> one_line("日本語の長い文", width=8)
    '日本語…'
    """
    raw = str(text)
    if len(raw) <= width and raw.isascii() and raw.isprintable():  # as most are: 40 times as quick
        return " ".join(raw.split())
    read = raw[: 4 * width + 16]
    signs = [_shown(sign) for sign in " ".join(read.split())]
    used, last = 0, 0
    for number, sign in enumerate(signs):
        used += _columns(sign)
        if used > width:
            return "".join(signs[:last]) + "…"
        if used < width:
            last = number + 1
    return "".join(signs) if len(read) == len(raw) else "".join(signs[:last]) + "…"


def columns(text: str) -> int:
    """Count the columns that a line takes in a terminal.

    Examples
    --------
    >>> columns("abc"), columns("日本")
    (3, 4)
    """
    return len(text) if text.isascii() else sum(map(_columns, text))


def hidden(text: str, secrets: Iterable[str]) -> str:
    """Return a text with dots in place of what is secret.

    Examples
    --------
    >>> hidden("401 for token hunter22", ["hunter22"])
    '401 for token •••'
    """
    for secret in secrets:
        text = text.replace(secret, "•••")
    return text


def texts_to_hide(values: Iterable[object]) -> list[str]:
    """List the texts by which secret values would be recognized, the longest first.

    Parameters
    ----------
    values : iterable
        Secret values; of dicts, lists, tuples and sets, what is in them.

    Returns
    -------
    list of str
        As they are, and as Python, JSON and URLs write them; nothing of fewer than four signs,
        which is in every other word.

    Examples
    --------
    >>> texts_to_hide([{"user": "ann", "password": "hunter 22"}])
    ['hunter%2022', 'hunter 22']
    """
    found = {way for value in values for text in _texts(value) for way in _ways(text)}
    return sorted((text for text in found if len(text) >= _SHORTEST), key=lambda t: (-len(t), t))


def _texts(value: object) -> Iterator[str]:
    """Yield the texts that a value holds, at any depth; of a large one, some."""
    pending = [value]
    for _ in range(_PARTS):
        if not pending:
            return
        one = pending.pop()
        if isinstance(one, Mapping):
            pending.extend(one.values())
        elif isinstance(one, (list, tuple, set, frozenset)):
            pending.extend(one)
        elif isinstance(one, bytes):
            yield one.decode("utf-8", "replace")
        elif one is not None and not isinstance(one, bool):
            yield str(one)


def _ways(text: str) -> Iterator[str]:
    """Yield a text as it is, and as Python, JSON and URLs write it."""
    yield text
    bare = repr(f"{text}'\"")[1:-4]  # with both quotes in it, Python escapes the single one
    plain = bare.replace("\\'", "'")
    yield from (bare, plain, plain.replace('"', '\\"'))
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    yield quote(text, safe="", errors="surrogatepass")


def _shown(sign: str) -> str:
    if sign in _JOINERS or unicodedata.category(sign) not in _INVISIBLE:
        return sign
    number = ord(sign)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _columns(sign: str) -> int:
    if len(sign) > 1:
        return len(sign)
    if unicodedata.combining(sign) or sign in _JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1
