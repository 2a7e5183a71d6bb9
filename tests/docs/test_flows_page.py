"""What docs/flows.md shows is run, in its order, and gives what it says."""

from __future__ import annotations

import sys
from types import ModuleType

import dask

from tests.docs.blocks import blocks


def test_every_python_block_runs_and_gives_the_values_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "graphviz", None)
    page = ModuleType("flows_page")
    monkeypatch.setitem(sys.modules, "flows_page", page)  # where its dataclass has its names from
    shown = []
    with dask.config.set({"temporary-directory": str(tmp_path), "daskloop.executor": "inline"}):
        for block in blocks("docs/flows.md"):
            shown += block.run(vars(page))
    assert [(where, value) for where, value, _ in shown] == [
        (where, found) for where, _, found in shown
    ]
    assert len(shown) == 11
    (drawn,) = blocks("docs/flows.md", "mermaid")
    assert (tmp_path / "sizes.mmd").read_text() == drawn.code
