"""What docs/run-page.md shows is run, in its order, and gives what it says."""

from __future__ import annotations

from daskloop.page import rows
from tests.docs.blocks import ROOT, blocks


def test_every_python_block_runs_and_gives_the_values_it_shows(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    namespace = {}
    shown = [one for block in blocks("docs/run-page.md") for one in block.run(namespace)]
    assert [(where, value) for where, value, _ in shown] == [
        (where, found) for where, _, found in shown
    ]
    assert len(shown) == 1


def test_the_bounds_are_those_that_the_page_has():
    text = (ROOT / "docs/run-page.md").read_text(encoding="utf-8")
    assert f"{rows.MOST_ROWS:,} have a row" in text
    assert f"{rows._CELLS:,} in all" in text
    assert f"cut to {rows._NARROWEST} to {rows._WIDEST} columns" in text
