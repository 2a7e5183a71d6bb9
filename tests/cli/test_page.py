"""``daskloop page``, and ``--report``."""

from __future__ import annotations

import json
import re
import stat

import pytest

from daskloop.record.folder_journal import open_journal
from tests.cli.commands import daskloop, run_named


def began(*more):
    result = daskloop("run", "fib.py", "-p", "ms=[10, 100, 1000]", "--executor", "inline", *more)
    return run_named(result.output), result


def counts(text):
    return dict(re.findall(r'data-count="(\w+)">([^<]*)<', text))


def test_a_page_says_what_show_says(folder):
    run, result = began("-p", "breaks=5")
    assert result.exit_code == 1
    shown = json.loads(daskloop("show", run, "--json").stdout)
    result = daskloop("page", run)
    assert result.exit_code == 0
    assert re.fullmatch(rf"{run}\.html  \d+ kB\n", result.stdout)
    path = folder / f"{run}.html"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    found = counts(text)
    assert found["iterations"] == str(sum(task["iterations"] for task in shown["tasks"]))
    assert found["attempts"] == str(shown["attempts"])
    assert found["failed"] == str(len(shown["failed"])) == "2"
    assert found["retries"] == "2"
    assert "Broken: no number 5" in text
    assert f"daskloop resume {run}" in text
    assert 'aria-label="Flow fibs, drawn: 4 boxes"' in text
    assert len(re.findall('<path class="arrow', text)) == 3


def test_a_page_goes_where_it_is_asked_to(folder):
    run, _ = began()
    (folder / "pages").mkdir()
    assert daskloop("page", run, "-o", "pages/a.html").stdout.startswith("pages/a.html  ")
    assert counts((folder / "pages/a.html").read_text())["children"] == "4"


def test_a_run_and_a_resumed_one_write_their_page(folder):
    run, result = began("-p", "breaks=5", "--report", "a.html")
    assert result.exit_code == 1
    assert counts((folder / "a.html").read_text())["failed"] == "2"
    (folder / "mended").touch()
    result = daskloop("resume", run, "--executor", "inline", "--report", "b.html")
    assert result.exit_code == 0
    text = (folder / "b.html").read_text()
    assert counts(text)["failed"] == "0"
    assert "2 times" in text
    assert daskloop("page", run).exit_code == 0
    assert counts((folder / f"{run}.html").read_text()) == counts(text)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["page", "no-such-run"], 3, "no-such-run"),
        (["page", "RUN", "-o", "nowhere/a.html"], 2, "there is no folder"),
        (["page", "RUN", "-o", "."], 2, "--output '.': that is a folder"),
        (["page", "RUN", "-p", "other=x"], 2, "has no such parameter; it has: breaks, ms"),
        (["page", "RUN", "-p", "ms"], 2, "write NAME=VALUE"),
        (["run", "fib.py", "-p", "ms=[1]", "--report", "nowhere/a"], 2, "--report 'nowhere/a'"),
    ],
)
def test_what_cannot_be_is_said(words, code, says, folder):
    run, _ = began()
    result = daskloop(*(run if word == "RUN" else word for word in words))
    assert (result.exit_code, says in result.stderr) == (code, True)
    assert not list(folder.glob("*.html"))


def test_nothing_of_the_journal_is_opened_for_it(folder, monkeypatch):
    run, _ = began()

    def refused(*_):
        raise AssertionError("a pickle was opened")

    monkeypatch.setattr("pickle.loads", refused)
    monkeypatch.setattr("cloudpickle.loads", refused)
    monkeypatch.setattr("daskloop.record.pickling.thaw", refused)
    monkeypatch.setattr("daskloop.record.sealed.thaw", refused)
    assert daskloop("page", run).exit_code == 0


def test_a_secret_that_is_given_again_is_hidden(folder):
    (folder / "leak.py").write_text(LEAK)
    (folder / "token.txt").write_text("hunter22\n")
    asked = ("run", "leak.py", "--executor", "inline", "-p", "token=@token.txt")
    run = run_named(daskloop(*asked, "--report", "a.html").output)
    text = (folder / "a.html").read_text()
    assert "401 for •••" in text
    assert "hunter22" not in text
    daskloop("page", run, "-o", "b.html", "-p", "token=@token.txt")
    assert "hunter22" not in (folder / "b.html").read_text()
    daskloop("page", run, "-o", "c.html")
    assert "Values of secret parameters are not recorded" in (folder / "c.html").read_text()


LEAK = """
from daskloop import Flow, Parameter, task


@task
def login(token):
    raise ValueError(f"401 for {token.strip()}")


with Flow("leak") as flow:
    login(Parameter("token", secret=True))
"""


def test_a_damaged_journal_is_refused_by_name(folder):
    run, _ = began()
    path = folder / ".daskloop" / run / "run.sqlite"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    (summary,) = open_journal(".daskloop").runs()
    result = daskloop("page", run)
    assert (result.exit_code, "damaged" in result.stderr) == (3, True), summary
