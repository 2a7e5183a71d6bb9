"""What the README shows is run, in its order, and gives what it says."""

from __future__ import annotations

import re

import dask
import pytest

from tests.docs.blocks import ROOT, Block, blocks
from tests.examples.scripts import load

PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]


def test_every_python_block_runs_and_gives_the_values_it_shows(tmp_path):
    shown = []
    namespace = {"__name__": "readme"}
    with (
        dask.config.set({"temporary-directory": str(tmp_path)}),
        load("fibonacci_service").serve() as service,
    ):
        for block in blocks("README.md"):
            local = re.sub(r'^URL = ".*"$', f'URL = "{service.url}"', block.code, flags=re.M)
            shown += Block(block.file, block.line, local).run(namespace)
    assert [(where, value) for where, value, _ in shown] == [
        (where, found) for where, _, found in shown
    ]
    assert len(shown) >= 10


@pytest.mark.parametrize("page", PAGES)
def test_every_script_that_is_named_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for path in re.findall(r"\b(?:ci|examples|daskloop|tests)/[\w./]*\w", text):
        assert (ROOT / path).exists(), f"{page} names {path}"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_into_the_project_leads_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (ROOT / target).exists(), f"{page} links to {target}"
