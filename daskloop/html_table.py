"""Tables as HTML for notebooks: plain, without scripts and style sheets, any text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from daskloop.plain_text import one_line

__all__ = ["Cell", "heading", "note", "table"]

_WIDTH = 120  # columns of a text in a cell
_PADDING = "padding:2px 10px 2px 0"
_FAINT = "border-bottom:1px solid rgba(128,128,128,.35)"


class Cell(NamedTuple):
    """One cell of a table."""

    text: str
    """Anything; shown in one line, and cut."""
    colour: str | None = None
    """Of a mark before the text, like ``#009e73``."""
    is_number: bool = False
    """True for the right side of its column."""
    share: float | None = None
    """From 0 to 1: a bar after the text, of how much is done."""


def table(headings: Sequence[str], rows: Iterable[Sequence[Cell]], title: str) -> str:
    """Write a table.

    Parameters
    ----------
    headings : sequence of str
        Of the columns.
    rows : iterable of sequences of Cell
        As many cells each as there are headings.
    title : str
        What it is a table of, for those who hear it read.

    Examples
    --------
    >>> print(table(["Task"], [[Cell("<b>")]], "Tasks"))  # doctest: +ELLIPSIS
    <table ...<td style='...'>&lt;b&gt;</td></tr></tbody></table>
    """
    listed = [list(row) for row in rows]
    right = [
        bool(listed) and all(row[at].is_number for row in listed) for at in range(len(headings))
    ]
    head = "".join(
        f"<th scope='col' style='{_PADDING};{_side(is_right)}'>{_text(one)}</th>"
        for one, is_right in zip(headings, right, strict=True)
    )
    body = "".join(f"<tr style='{_FAINT}'>{''.join(map(_cell, row))}</tr>" for row in listed)
    return (
        f"<table aria-label='{_text(title)}' style='border-collapse:collapse;margin:4px 0'>"
        f"<thead><tr style='{_FAINT}'>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def heading(word: str, colour: str | None, text: str) -> str:
    """Write a line that begins with a word in bold.

    Examples
    --------
    >>> heading("Failed", None, "1 < 2")
    '<div><b>Failed</b> 1 &lt; 2</div>'
    """
    return f"<div>{_mark(colour)}<b>{_text(word)}</b> {_text(text)}</div>"


def note(text: str) -> str:
    """Write a faint line.

    Examples
    --------
    >>> note("3 more")
    "<div style='opacity:.7'>3 more</div>"
    """
    return f"<div style='opacity:.7'>{_text(text)}</div>"


def _cell(cell: Cell) -> str:
    mark = _mark(cell.colour)
    bar = (
        ""
        if cell.share is None
        else f" <progress value='{cell.share:.3f}' style='width:6em'></progress>"
    )
    return f"<td style='{_PADDING};{_side(cell.is_number)}'>{mark}{_text(cell.text)}{bar}</td>"


def _mark(colour: str | None) -> str:
    return "" if colour is None else f"<span style='color:{escape(colour)}'>&#9632;</span> "


def _side(is_right: bool) -> str:
    return f"text-align:{'right' if is_right else 'left'}"


def _text(text: str) -> str:
    return escape(one_line(text, _WIDTH))
