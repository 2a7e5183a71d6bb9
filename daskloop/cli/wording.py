"""How values, times and tables are written for a terminal."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Collection, Sequence
from datetime import datetime, timezone

__all__ = ["age", "iso", "line", "local", "plural", "table", "width"]

_GAP = "  "
_LEAST = 6  # columns that a cut cell keeps
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def line(text: str, longest: int = 200) -> str:
    """Make one line of any text: no control characters, no more than `longest` characters.

    Examples
    --------
    >>> line("two\\nlines and \\x1b[31mred"), line("abcdef", 4)
    ('two lines and ?[31mred', 'abc…')
    """
    whole = _CONTROL.sub("?", " ".join(text.split()))
    return whole if len(whole) <= longest else whole[: longest - 1] + "…"


def plural(number: int, noun: str) -> str:
    """Count something.

    Examples
    --------
    >>> plural(1, "iteration"), plural(2, "iteration")
    ('1 iteration', '2 iterations')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def width() -> int:
    """Return how many columns there are."""
    return max(40, shutil.get_terminal_size((80, 24)).columns)


def table(
    rows: Sequence[Sequence[str]], flexible: int, right: Collection[int] = (), most: int = 80
) -> list[str]:
    """Lay rows out in columns.

    Parameters
    ----------
    rows : sequence of sequence of str
        All of the same length; the first may be the headings.
    flexible : int
        The column that is cut if the lines would be too long.
    right : collection of int
        Columns of numbers.
    most : int
        Characters that a line may have.

    Examples
    --------
    >>> print("\\n".join(table([("a", "1"), ("a long name", "12")], 0, [1], most=12)))
    a          1
    a long …  12
    """
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - most
    if over > 0:
        widths[flexible] = max(_LEAST, widths[flexible] - over)
    lines = []
    for row in rows:
        cells = [line(cell, size) for cell, size in zip(row, widths, strict=True)]
        padded = [
            cell.rjust(size) if i in right else cell.ljust(size)
            for i, (cell, size) in enumerate(zip(cells, widths, strict=True))
        ]
        lines.append(_GAP.join(padded).rstrip())
    return lines


def iso(seconds: float) -> str:
    """Write a time in UTC, for programs.

    Examples
    --------
    >>> iso(0.25)
    '1970-01-01T00:00:00.250Z'
    """
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(seconds: float) -> str:
    """Write a time as clocks here show it."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def age(seconds: float, now: float | None = None) -> str:
    """Say how long ago something was.

    Examples
    --------
    >>> age(0, now=59), age(0, now=7500), age(0, now=200000)
    ('59 s', '2 h', '2 d')
    """
    passed = max(0, int((time.time() if now is None else now) - seconds))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if passed >= size:
            return f"{passed // size} {unit}"
    return f"{passed} s"
