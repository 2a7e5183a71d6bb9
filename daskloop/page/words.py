"""Text from users and their tasks, fit for a page: no secret in it, one line, of bounded size."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from daskloop.page.secret_texts import without_cut_ones
from daskloop.plain_text import hidden, one_line

__all__ = ["Words", "exact", "moment", "span"]

_PREVIEWED = 2_000  # signs of a text that may hold a value that was cut
_REMEMBERED = 10_000  # texts; most messages of a run are alike


class Words:
    """Makes texts fit to be shown.

    Parameters
    ----------
    secrets : sequence of str
        Texts that must not appear, the longest first.

    Examples
    --------
    >>> Words(["hunter22"]).line("401 for hunter22\\n\\x1b[31m", 80)
    '401 for ••• \\\\x1b[31m'
    """

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets = tuple(secrets)
        self._known: dict[tuple[str, int], str] = {}

    def line(self, text: str, width: int) -> str:
        """Show a text in one line of so many columns, and no more than twice as many bytes."""
        known = self._known.get((text, width))
        if known is not None:
            return known
        # Before it is cut: half a secret is none that can be found any more.
        bare = hidden(text, self._secrets)
        if self._secrets and len(bare) <= _PREVIEWED:
            bare = without_cut_ones(bare, self._secrets)
        shown = _within(one_line(bare, width), 2 * width)
        if len(self._known) < _REMEMBERED and len(text) < 4 * width:
            self._known[text, width] = shown
        return shown

    def block(self, text: str, lines: int, width: int) -> str:
        """Show the end of a long text, such as a traceback, line by line."""
        found = hidden(text, self._secrets).splitlines()
        cut = ["…"] if len(found) > lines else []
        return "\n".join(
            cut + [_indent(one, width) + self.line(one, width) for one in found[-lines:]]
        )


def _indent(text: str, width: int) -> str:
    return " " * min(len(text) - len(text.lstrip(" ")), width // 2)


def _within(text: str, size: int) -> str:
    """Cut a text that takes more bytes than its columns promise, such as one of many accents.

    Examples
    --------
    >>> len(_within("e" + 200 * "\\u0301", 12).encode())
    12
    """
    data = text.encode("utf-8", "replace")
    if len(data) <= size:
        return text
    return data[: size - 3].decode("utf-8", "ignore") + "…"


def span(seconds: float) -> str:
    """Say a duration briefly.

    Examples
    --------
    >>> span(0), span(0.0000042), span(0.0123), span(4.25), span(75), span(7260), span(200_000)
    ('0 s', '4.2 µs', '12.3 ms', '4.25 s', '1 min 15 s', '2 h 1 min', '2 d 7 h')
    """
    for size, unit, digits in ((1e-3, "µs", 1e6), (1.0, "ms", 1e3), (60.0, "s", 1.0)):
        if seconds < size:
            return f"{seconds * digits:.3g} {unit}" if seconds > 0 else "0 s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def moment(seconds: float) -> str:
    """Write a time in UTC; zero is none.

    Examples
    --------
    >>> moment(1.5), moment(0)
    ('1970-01-01 00:00:01 UTC', 'unknown')
    """
    if not seconds:
        return "unknown"
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def exact(seconds: float) -> float:
    """Round a duration to what a page shows of it.

    Examples
    --------
    >>> exact(1234.56789), exact(0.000123456789)
    (1234.57, 0.000123457)
    """
    return float(f"{seconds:.6g}")
