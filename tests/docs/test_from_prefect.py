"""Every row of the table for users of Prefect Core has its test, and the test is there."""

from __future__ import annotations

import re

from tests.docs.blocks import ROOT

PAGE = ROOT / "docs" / "from-prefect.md"


def rows():
    """Yield the cells of every row but the headings."""
    for text in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", text)[1:-1]]
        if cells and not set(cells[0]) <= {"-"} and cells[-1] != "shown by":
            yield cells


def test_every_row_names_a_test_that_is_there_or_says_why_there_is_none():
    wrong = []
    count = 0
    for feature, here, shown in rows():
        count += 1
        if not shown and here.startswith("not here: "):
            continue
        named = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", shown)
        for file, test in named:
            path = ROOT / "tests" / file
            if not path.exists() or (test and f"def {test}(" not in path.read_text("utf-8")):
                wrong.append(f"{feature}: {file}::{test}")
        if not named:
            wrong.append(f"{feature}: no test")
    assert not wrong, wrong
    assert count > 30
