"""The names of a map's children in a journal: they lie with the record that the map was opened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from daskloop.keys import is_inside
from daskloop.record.entries import Recorded
from daskloop.record.sealed import Sealed

__all__ = ["as_parts", "index_of", "names_by_slug"]

_NUMBER = re.compile("[0-9]{1,18}")
_NAMES = 0
"""Where names lie among the parts of a result: a map has no result of its own to be cut."""


def as_parts(names: Sequence[str] | None) -> Mapping[int, tuple[Sealed, ...] | str]:
    """Put names into the form in which the record of a map has them.

    Examples
    --------
    >>> as_parts(["a", "b"]), as_parts(None)
    ({0: '["a", "b"]'}, {})
    """
    return {} if names is None else {_NAMES: json.dumps(list(names))}


def names_by_slug(records: Iterable[Recorded]) -> dict[str, Sequence[str]]:
    """Read the names of the children of each map that has some."""
    found: dict[str, Sequence[str]] = {}
    for record in records:
        packed = record.parts.get(_NAMES)
        is_map = record.width is not None and not is_inside(record.address)
        if is_map and isinstance(packed, str):
            found[record.address[-1].slug] = [str(name) for name in json.loads(packed)]
    return found


def index_of(label: str, names: Sequence[str]) -> int | None:
    """Find a child by what stands between its brackets: its name, else its number.

    Examples
    --------
    >>> index_of("b", ["a", "b"]), index_of("1", ["1", "0"]), index_of("1", []), index_of("x", [])
    (1, 0, 1, None)
    """
    if label in names:
        return list(names).index(label)
    return int(label) if _NUMBER.fullmatch(label) else None
