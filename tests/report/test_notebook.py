"""A notebook, executed by a real kernel, and what a browser shows of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser import open_browser, screenshot

CELLS = {
    "flow": """
import daskloop
from daskloop import Flow, Parameter, task
from daskloop.engine.signals import LOOP

@task(max_retries=1)
def reach(limit, token):
    n = daskloop.context.get("task_loop_result", 1)
    if n == 2 and daskloop.context.task_run_count == 1:
        raise ConnectionError("<script>alert('from a task')</script>")
    if limit == 9:
        raise ValueError(f"no {token} <b>bold</b>")
    if n == limit:
        return n
    raise LOOP(f"at {n} with {token}", n + 1)

with Flow("reach <i>all</i>") as flow:
    reached = reach.map(Parameter("limits"), daskloop.unmapped(Parameter("token", secret=True)))

flow
""",
    "run": "state = flow.run(limits=[1, 2, 3, 9], token='hunter22', executor='inline')",
    "state": "state",
    "map": "state.result[reached]",
    "submit": """
import os, tempfile, time

@task
def gated(token, gate):
    while not os.path.exists(gate):
        time.sleep(0.01)
    return 7

with Flow("gated") as gated_flow:
    opened = gated(Parameter("token", secret=True), Parameter("gate"))

folder = tempfile.TemporaryDirectory()
gate = os.path.join(folder.name, "open")
run = gated_flow.submit(token='hunter22', gate=gate, executor='inline')
""",
    "result": "open(gate, 'w').close(); ended = run.result(); folder.cleanup()",
    "submitted": "run",
    "picture": "flow.visualize(state)",
}


@pytest.fixture(scope="module")
def outputs() -> dict[str, list[dict[str, Any]]]:
    """Execute the cells; return the data of each one's outputs."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    cells = [nbformat.v4.new_code_cell(code) for code in CELLS.values()]
    book = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    return {
        name: [dict(output["data"]) for output in cell.outputs if "data" in output]
        for name, cell in zip(CELLS, book.cells, strict=True)
    }


@pytest.fixture
def page(outputs, tmp_path) -> Path:
    """Put what the cells show into one page, as a notebook does."""
    parts = [
        f"<section id='{name}'>{one['text/html']}</section>"
        for name, shown in outputs.items()
        for one in shown
        if "text/html" in one
    ]
    path = tmp_path / "notebook.html"
    path.write_text("<!doctype html><meta charset='utf-8'>" + "\n".join(parts), encoding="utf-8")
    return path


def cells_of(table: Any) -> dict[str, list[str]]:
    """Read a table by the first column of its rows."""
    rows = [row.locator("td").all_inner_texts() for row in table.locator("tbody tr").all()]
    return {row[0]: [re.sub("■", "", text).strip() for text in row[1:]] for row in rows}


def test_each_cell_shows_one_thing(outputs):
    assert {name: len(shown) for name, shown in outputs.items()} == {
        "flow": 1,
        "run": 1,
        "state": 1,
        "map": 1,
        "submit": 1,
        "result": 0,
        "submitted": 1,
        "picture": 1,
    }
    assert re.fullmatch("run [a-z]+-[a-z]+-[0-9a-f]{8} of flow .*", outputs["run"][0]["text/plain"])


def test_n01_the_table_of_an_earlier_cell_is_kept_up_to_date(outputs):
    assert outputs["result"] == []
    assert "<b>Success</b> gated" in outputs["submit"][0]["text/html"]


def test_n01_n03_a_browser_shows_the_flow_the_run_and_its_states(page, tmp_path):
    with open_browser(900, 1200) as browser:
        browser.page.goto(page.as_uri())
        drawn = browser.page.locator("#flow svg")
        assert drawn.locator("text").all_text_contents() == [
            "limit",
            "token",
            "limits",
            "token",
            "reach",
        ]
        live = browser.page.locator("#run")
        assert live.locator("b").inner_text() == "Failed"
        done, failed, iterations, retries, waiting, message = cells_of(live)["reach"]
        assert (done, failed, iterations, retries) == ("4 of 4", "1", "6", "3")
        assert (waiting, message) == ("", "Unexpected error: ValueError('no ••• <b>bold</b>')")
        assert "reach[3] failed: " in live.inner_text()
        told = cells_of(browser.page.locator("#state"))
        assert told["reach"][:2] == ["1 Failed, 3 Success", "7"]
        assert told["token"][2] == "•••"
        children = cells_of(browser.page.locator("#map"))
        assert [row[:3] for row in children.values()] == [
            ["Success", "1", "1"],
            ["Success", "2", "2"],
            ["Success", "3", "3"],
            ["Failed", "1", ""],
        ]
        assert browser.page.locator("#submit b").inner_text() == "Success"
        assert cells_of(browser.page.locator("#submit"))["gated"][:3] == ["1 of 1", "", "1"]
        assert cells_of(browser.page.locator("#submitted"))["gated"][:3] == ["Success", "1", "7"]
        assert "reach x4" in browser.page.locator("#picture svg").text_content()
        assert browser.page.locator("script, section i").count() == 0
        assert screenshot(browser, "notebook", tmp_path).stat().st_size > 10_000


def test_n03_a_secret_is_nowhere_in_what_is_shown(outputs):
    assert "hunter22" not in str(outputs)
