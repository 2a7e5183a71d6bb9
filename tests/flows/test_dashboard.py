"""Loops in Dask's own dashboard, in a real browser, on real runs."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client

import daskloop
from daskloop import Flow, Parameter, task
from daskloop.engine.signals import LOOP
from tests.browser import Browser, open_browser, screenshot
from tests.dashboard.clusters import (
    address_of,
    cluster_with_dashboard,
    eventually,
    fetch,
    plugin_of,
)
from tests.dashboard.gate import gate
from tests.dashboard.loops_flow import CHILDREN, flow

COLUMNS = (
    "task children waiting ready under-way delayed paused done skipped failed cancelled "
    "iterations retries losses with-workers"
).split()


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A cluster of threads with a dashboard."""
    gate.clear()
    with cluster_with_dashboard() as cluster:
        yield cluster
        gate.set()


def open_loops(browser: Browser, cluster: Any) -> Any:
    """Open the page, once a run has put it there."""
    eventually(lambda: fetch(address_of(cluster))[0] == 200)
    browser.page.goto(address_of(cluster))
    browser.page.wait_for_selector(".run", timeout=30_000)
    return browser.page


def row(page: Any, name: str) -> dict[str, str]:
    """Read what the table of tasks says of one."""
    for text in page.locator(".slick-row").all_inner_texts():
        cells = text.split("\n")
        if cells[0] == name and len(cells) == len(COLUMNS):
            return dict(zip(COLUMNS, cells, strict=True))
    return {}


def said(page: Any, name: str, **wanted: object) -> dict[str, str]:
    """Wait until the table of tasks says so of a task; it may be drawn anew at any moment."""
    expected = {column.replace("_", "-"): str(value) for column, value in wanted.items()}

    def look() -> dict[str, str] | None:
        found = row(page, name)
        return found if found and expected.items() <= found.items() else None

    found: dict[str, str] = eventually(look)
    return found


def facts(page: Any) -> dict[str, str]:
    """Read what the page says of the run as a whole."""
    names = ("state", "iterations", "retries", "losses")
    found = {name: page.locator(f".run .{name}").inner_text() for name in names}
    return {name: text.split()[0] for name, text in found.items()}


@pytest.mark.parametrize("batch", [1, pytest.param("auto", marks=pytest.mark.slow)])
def test_q05_the_page_of_a_run_with_retries_and_failures_says_what_the_run_says(
    cluster: Any, batch: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "daskloop")
    with open_browser() as browser:
        run = flow.submit(executor=cluster, batch=batch)
        page = open_loops(browser, cluster)
        said(page, "reach", children=CHILDREN, failed=1)
        assert facts(page)["state"] == "Running"
        said(page, "reach", done=CHILDREN - 2, under_way=1)
        said(page, "total", waiting=1)
        screenshot(browser, f"loops-under-way-{batch}", tmp_path)
        gate.set()
        state = run.result()
        eventually(lambda: facts(page)["state"] == "Success")
        summary = re.search(r"(\d+) iterations, (\d+) retries, (\d+) losses", caplog.text)
        assert summary is not None
        found = facts(page)
        assert (found["iterations"], found["retries"], found["losses"]) == summary.groups()
        mapped = state.result[next(one for one in flow.tasks if one.name == "reach")]
        ended = Counter("failed" if one.is_failed() else "done" for one in mapped.map_states)
        counted = {"iterations": int(found["iterations"]) - 1, "retries": found["retries"]}
        said(page, "reach", **ended, **counted, with_workers=0, under_way=0)
        said(page, "total", done=1, iterations=1)
        assert "This run has ended" in page.locator(".note").last.inner_text()
        picture = screenshot(browser, f"loops-ended-{batch}", tmp_path)
        assert picture.stat().st_size > 20_000


@pytest.mark.slow
def test_q07_text_from_tasks_is_shown_as_text_and_cut(cluster: Any, tmp_path: Path) -> None:
    gate.set()
    flow.run(executor=cluster)
    with open_browser() as browser:
        page = open_loops(browser, cluster)
        assert "<i>loops</i> of all kinds" in page.locator(".run").inner_text()
        failed = page.locator(".slick-row", has_text="reach[3]")
        failed.wait_for()
        shown = failed.inner_text()
        assert "<script>alert('from a task')</script><b>bold</b>" in shown
        assert r"\x1b[31mred" in shown
        assert r"\u202eright" in shown
        assert "😀" in shown
        assert max(map(len, shown.split("\n"))) <= 200
        assert page.locator("script", has_text="from a task").count() == 0
        screenshot(browser, "loops-hostile", tmp_path)


@pytest.mark.slow
def test_q03_a_click_on_a_task_shows_its_children(cluster: Any) -> None:
    gate.set()
    flow.run(executor=cluster)
    with open_browser() as browser:
        page = open_loops(browser, cluster)
        chosen = page.locator("select").nth(1).locator("option:checked")
        assert eventually(chosen.inner_text) == "reach"
        page.locator(".slick-cell", has_text="total").first.click()
        eventually(lambda: chosen.inner_text() == "total")
        rows = page.locator(".slick-row")
        eventually(lambda: any(text.startswith("total\ndone") for text in rows.all_inner_texts()))
        assert page.locator(".slick-row", has_text="reach[3]").count() == 0


@pytest.mark.slow
def test_q04_runs_of_several_clients_are_side_by_side_and_one_is_chosen(cluster: Any) -> None:
    with (
        Client(cluster, set_as_default=False) as one,
        Client(cluster, set_as_default=False) as other,
        open_browser() as browser,
    ):
        first = flow.submit(executor=one)
        page = open_loops(browser, cluster)
        second = flow.submit(ns=[1, 2, 11], executor=other)
        eventually(lambda: second.name in page.locator(".run").inner_text())
        chooser = page.locator("select").first
        options = chooser.locator("option").all_inner_texts()
        assert sum(first.name in text or second.name in text for text in options) == 2
        label = next(text for text in options if first.name in text)
        chooser.select_option(label=label)
        eventually(lambda: first.name in page.locator(".run").inner_text())
        said(page, "reach", children=CHILDREN)
        gate.set()
        assert first.result().is_successful()
        assert second.result().is_successful()
        eventually(lambda: facts(page)["state"] == "Success")


@task
def count(n: int) -> int:
    """Loop twice."""
    done = daskloop.context.get("task_loop_count", 1)
    if done > 2:
        return n
    raise LOOP(f"at {done}", done)


with Flow("counts") as counts:
    count.map(Parameter("ns"))


@pytest.mark.slow
def test_q02_a_wide_map_is_shown_in_strips(cluster: Any, tmp_path: Path) -> None:
    counts.run(ns=list(range(3_000)), executor=cluster, batch="auto")
    with open_browser() as browser:
        page = open_loops(browser, cluster)
        said(page, "count", children=3_000, done=3_000, iterations=6_000)
        screenshot(browser, "loops-wide", tmp_path)


def test_q08_nothing_is_told_where_the_setting_says_so(cluster: Any) -> None:
    with dask.config.set({"daskloop.dashboard": False}):
        counts.run(ns=[1], executor=cluster)
    assert plugin_of(cluster) is None


def test_q08_a_setting_that_is_neither_true_nor_false_is_named(cluster: Any) -> None:
    with (
        dask.config.set({"daskloop.dashboard": "maybe"}),
        pytest.raises(ValueError, match=r"Config daskloop\.dashboard is 'maybe'"),
    ):
        counts.run(ns=[1], executor=cluster)


@pytest.mark.parametrize("kind", ["threads", pytest.param("processes", marks=pytest.mark.slow)])
def test_q08_a_cluster_for_one_run_has_a_dashboard_if_it_is_asked_for(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "daskloop.dashboard")
    gate.clear()
    with dask.config.set({"daskloop.dashboard": True}):
        run = flow.submit(ns=[11], executor=kind) if kind == "threads" else slow_one(kind)
        found = eventually(lambda: re.search(r"shown at (http://127.0.0.1:\d+/loops)", caplog.text))
    assert fetch(found[1])[0] == 200
    gate.set()
    run.cancel()
    run.result()


def slow_one(kind: str) -> Any:
    """Begin a run that goes on until it is cancelled, in other processes too."""
    return endless.submit(executor=kind, workers=1)


@task
def again_and_again() -> int:
    """Loop for ever."""
    raise LOOP("again", 1)


with Flow("endless") as endless:
    again_and_again()


def test_q08_a_cluster_for_one_run_has_none_otherwise(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "daskloop.dashboard")
    counts.run(ns=[1], executor="threads")
    assert not [one for one in caplog.records if one.name == "daskloop.dashboard"]


def test_q07_a_secret_is_not_shown(cluster: Any) -> None:
    @task
    def login(token: str) -> None:
        raise ValueError(f"401 for token {token}")

    with Flow("secret") as secret:
        login(Parameter("token", secret=True))

    secret.run(token="hunter22", executor=cluster)
    (held,) = plugin_of(cluster).shelf.runs()
    assert "401 for token •••" in repr(held.view)
    assert "hunter22" not in repr(held.view)
