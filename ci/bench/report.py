"""Write the tables of docs/performance.md, scaling.md and reliability.md from the raw figures.

python ci/bench/report.py

A place that has no raw figures yet stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from measuring import Figure, Row, Sample, table
from peers.beside.beside_table import beside_table
from peers.peers_table import peers_table

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_PLACE = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

_LAYOUTS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "peers": peers_table,
    "chaos-beside": beside_table,
}
"""By table; all others are of one form."""


def rows_of(raw: Mapping[str, Any]) -> Iterator[Row]:
    """Rebuild the rows of a raw file, however its measurements are grouped."""
    groups = [raw] if "rows" in raw else [raw[number] for number in sorted(raw)]
    for group in groups:
        for row in group["rows"]:
            theirs = row["raw"]
            yield Row(
                row["what"],
                row["where"],
                figure_of(row["ours"]),
                row["goal"],
                row["met"],
                None if theirs is None else figure_of(theirs),
                row["ratio"],
            )


def figure_of(plain: Mapping[str, Any]) -> Figure:
    """Rebuild a figure."""
    samples: Sequence[Sample] = [Sample(**one) for one in plain["samples"]]
    return Figure(plain["name"], plain["unit"], samples)


def filled(place: re.Match[str]) -> str:
    """Return a marked place of the page with its table."""
    path = _DOCS / "performance" / f"raw-{place[2]}.json"
    if not path.exists():
        return place[0]
    raw = json.loads(path.read_text())
    group = raw if "rows" in raw else next(iter(raw.values()))
    of = group["machine"]
    said = (
        f"{of['cores']} cores, {of['memory_gib']} GiB, {of['system']}, Python {of['python']}, "
        f"{versions(raw)}, {group['taken']}"
    )
    layout = _LAYOUTS.get(place[2])
    shown = layout(raw) if layout else table(list(rows_of(raw)))
    return f"{place[1]}\n{shown}\n\n{said}\n\n{place[3]}"


def versions(raw: Mapping[str, Any]) -> str:
    """Name the versions of what was measured."""
    if "rows" in raw and "machine" in raw and "distributed" not in raw["machine"]:
        cells = [cell for row in raw["rows"] for cell in row["cells"].values()]
        found = {both for cell in cells for both in cell["versions"].items()}
        # Some systems have one of their own, beside another system's.
        return ", ".join(f"{name} {text}" for name, text in sorted(found) if name != "python")
    group = raw if "rows" in raw else next(iter(raw.values()))
    return f"distributed {group['machine']['distributed']}"


def main() -> None:
    """Fill every marked place."""
    for name in ("performance.md", "scaling.md", "reliability.md"):
        page = _DOCS / name
        page.write_text(_PLACE.sub(filled, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
