"""What each column of a run file may hold, told from the tables: SQLite itself lets in anything."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from daskloop.record.schema import TABLES

__all__ = ["check_kinds"]

_COLUMN = re.compile(
    r"^    (\w+)(?: (INTEGER|REAL|TEXT|BLOB))?( NOT NULL| PRIMARY KEY)?,? --", re.MULTILINE
)
_KINDS: Mapping[str | None, frozenset[type]] = {
    "INTEGER": frozenset({int}),
    "REAL": frozenset({float}),
    "TEXT": frozenset({str, bytes}),  # bytes for a text that is no Unicode
    "BLOB": frozenset({bytes}),
    None: frozenset({str, bytes}),
}


@functools.cache
def _columns(table: str) -> Mapping[str, frozenset[type]]:
    return {
        name: _KINDS[kind or None] | (frozenset() if filled else {type(None)})
        for name, kind, filled in _COLUMN.findall(TABLES[table])
    }


@functools.lru_cache(maxsize=1024)  # rows of one kind after another: this is asked once for all
def _misfit(table: str, columns: str, kinds: tuple[type, ...]) -> str | None:
    known = _columns(table)
    names = columns.split(", ") if columns else [name for name in known if name != "checksum"]
    pairs = zip(names, kinds, strict=True)
    return next((name for name, kind in pairs if kind not in known[name]), None)


def check_kinds(table: str, row: Sequence[Any], columns: str = "") -> None:
    """Refuse a row in which a number is a text, bytes are a number, or what must be there is not.

    Parameters
    ----------
    table : str
        The table that the row is from.
    row : sequence
        Its values.
    columns : str
        Which columns those are; by default all but the checksum.

    Raises
    ------
    TypeError
        Naming the column.
    ValueError
        If there are more or fewer values than columns.
    """
    name = _misfit(table, columns, tuple(map(type, row)))
    if name is not None:
        raise TypeError(f"its column {name!r} holds what does not belong there")
