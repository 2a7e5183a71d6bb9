"""Hold what the tests go through against docs/coverage.md: ci/covered.py REPORT

REPORT is what `coverage json` wrote. The page says the floor, and for each file with misses
why it has them. What is below the floor, and a file without a reason, fail.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "coverage.md"
_FLOOR = re.compile(r"^Floor: ([\d.]+) %", re.MULTILINE)
_ROW = re.compile(r"^\| `(daskloop/[\w/]+\.py)` \| (\S.*?) *\|$", re.MULTILINE)


def said_in(page: str) -> tuple[float, dict[str, str]]:
    """Read the floor, and the reason of each file, from the text of the page."""
    floor = _FLOOR.search(page)
    if floor is None:
        raise ValueError(f"{PAGE.name} has no line 'Floor: NUMBER %'")
    return float(floor[1]), dict(_ROW.findall(page))


def missing(summary: Mapping[str, Any]) -> int:
    """Count the lines and branches of a file that no test goes through."""
    return int(summary["missing_lines"] + summary["missing_branches"])


def wrong(report: Mapping[str, Any], page: str) -> Iterator[str]:
    """Say in what the report is worse than the page, or the page out of date."""
    floor, reasons = said_in(page)
    total = report["totals"]["percent_covered"]
    if total < floor:
        yield f"{total:.2f} % is covered, less than the floor of {floor:g} %"
    missed = {name: missing(one["summary"]) for name, one in report["files"].items()}
    for name, count in missed.items():
        if count and name not in reasons:
            yield f"{name} misses {count} lines and branches: test them, or say why not in {PAGE}"
    for name in reasons:
        if name not in missed:
            yield f"{name}, of which {PAGE} speaks, is not there"


def main() -> int:
    """Check a report, and return 1 if something is wrong."""
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = list(wrong(report, PAGE.read_text(encoding="utf-8")))
    print("\n".join(found) or f"{report['totals']['percent_covered']:.2f} % of lines and branches")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
