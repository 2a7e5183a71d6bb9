"""What the tutorial and the how-to pages show is run, and gives what they say."""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack
from types import ModuleType

import dask
import pytest

from tests.docs.blocks import ROOT, Block, blocks
from tests.examples.scripts import EXAMPLES, load

HOW_TO = [f"docs/how-to/{one.name}" for one in sorted((ROOT / "docs/how-to").glob("*.md"))]
TUTORIAL = "docs/tutorial/index.md"
OTHERS = ["docs/notebook.md"]
WITHOUT_CODE = {"docs/how-to/index.md"}


@pytest.mark.parametrize("page", [TUTORIAL, *HOW_TO, *OTHERS])
def test_every_python_block_runs_and_gives_the_values_it_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)  # where its functions have their names from
    shown = []
    with ExitStack() as stack:
        kept = {"temporary-directory": str(tmp_path), "daskloop.notebook": True}
        stack.enter_context(dask.config.set(kept))  # and what a page sets is taken back
        for block in blocks(page):
            code = block.code
            if 'URL = "http' in code:
                url = stack.enter_context(load("fibonacci_service").serve()).url
                code = re.sub(r'^URL = ".*"$', f'URL = "{url}"', code, flags=re.M)
            shown += Block(block.file, block.line, code).run(vars(module))
    assert [(where, value) for where, value, _ in shown] == [
        (where, found) for where, _, found in shown
    ]
    assert shown or page in WITHOUT_CODE or page in OTHERS


@pytest.mark.parametrize("page", [TUTORIAL, "docs/index.md", *HOW_TO])
def test_every_picture_is_of_a_program_that_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in re.findall(r"^```\{(?:flow-picture|run-chart)\} (\w+)$", text, flags=re.M):
        places = (EXAMPLES, ROOT / "docs/_ext")
        assert any((folder / f"{name}.py").exists() for folder in places), name


def test_the_tutorial_is_that_of_the_readme():
    (ours,) = [one.code for one in blocks(TUTORIAL) if "def compute_large_fibonacci" in one.code]
    (theirs,) = [
        one.code for one in blocks("README.md") if "def compute_large_fibonacci" in one.code
    ]

    def code(text: str) -> list[str]:
        lines = (re.sub(r"\s*# .*", "", line) for line in text.splitlines())
        return [line for line in lines if line.strip()]

    assert code(theirs)[: len(code(ours))] == code(ours)
