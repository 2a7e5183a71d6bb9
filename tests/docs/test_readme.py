"""What the README shows is run, in its order, and gives what it says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys

import dask
import pytest

from daskloop.record.folder_journal import FolderJournal
from tests.docs.blocks import ROOT, Block, blocks
from tests.examples.scripts import load

PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]


def test_every_python_block_runs_and_gives_the_values_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
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


def test_kill_it_then_resume_it_goes_as_shown(tmp_path):
    (block,) = blocks("README.md", "console")
    first, second = re.split(r"^\$ ", block.code, flags=re.M)[1:]
    shutil.copy(ROOT / "examples" / "resume.py", tmp_path)
    words = shlex.split(first.splitlines()[0])[1:]
    with started(tmp_path, words) as process:
        journal = FolderJournal(tmp_path / ".daskloop")
        while not (found := journal.runs()) or found[0].iterations < 12:
            assert process.poll() is None, process.communicate()
        process.kill()
        said = process.communicate()[0] + "Killed\n"
    run = found[0].header.run
    assert f"$ {first}".splitlines()[1:] == shown_as(said, run)
    with started(tmp_path, ["resume", run]) as process:
        said = process.communicate()[0]
    assert process.returncode == 0
    assert second.splitlines()[1:] == shown_as(said, run)
    records = journal.read(run).records
    ended = [r for r in records if r.attempted]
    assert len({(r.address, r.run_count) for r in ended}) == len(ended) == 49


def started(folder, words):
    return subprocess.Popen(
        [sys.executable, "-m", "daskloop", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "DASK_TEMPORARY_DIRECTORY": str(folder)},
    )


def shown_as(said, run):
    return said.replace(run, "quiet-heron-7f3a9c12").splitlines()


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
