"""What is not public in Dask: it is there, and where it is not, the run goes on."""

from __future__ import annotations

import asyncio
import base64
import logging
import sys
from types import SimpleNamespace
from typing import Any

import distributed.dashboard.core
import distributed.dashboard.scheduler
import pytest
from bokeh.client import pull_session

from daskloop import Flow, task
from daskloop.dashboard import dask_pages
from daskloop.dashboard import plugin as plugin_module
from daskloop.dashboard.plugin import LoopsPlugin
from daskloop.engine.signals import LOOP
from tests.dashboard.clusters import address_of, cluster_with_dashboard, fetch, plugin_of


@task
def twice() -> str:
    """Loop once."""
    import daskloop

    if "task_loop_count" not in daskloop.context:
        raise LOOP("once more", 1)
    return "done"


with Flow("twice") as flow:
    twice()


def start(scheduler: Any) -> LoopsPlugin:
    """Start the plugin by itself."""
    plugin = LoopsPlugin()
    asyncio.run(plugin.start(scheduler))
    return plugin


def test_q06_the_names_that_are_not_public_are_all_there() -> None:
    with cluster_with_dashboard() as cluster:
        scheduler = cluster.scheduler
        assert isinstance(scheduler.handlers, dict)
        assert isinstance(scheduler.task_groups, dict)
        assert isinstance(scheduler.http_application.applications, list)
        assert callable(distributed.dashboard.core.BokehApplication)
        assert isinstance(dask_pages.bar(scheduler)["pages"], list)


def test_q06_the_page_is_there_with_its_name_in_the_bar_of_all_pages_once() -> None:
    with cluster_with_dashboard() as cluster:
        assert fetch(address_of(cluster))[0] == 404
        for _ in range(3):
            assert flow.run(executor=cluster).is_successful()
        for page in ("loops", "status", "workers"):
            status, text = fetch(address_of(cluster, page))
            assert (status, text.count(">Loops</a>")) == (200, 1)
        paths = [
            getattr(one, "app_paths", ()) for one in cluster.scheduler.http_application.applications
        ]
        assert sum("/loops" in one for one in paths) == 1


def test_q06_the_page_is_under_the_prefix_of_a_dashboard_that_has_one() -> None:
    with cluster_with_dashboard(http_prefix="/some/where") as cluster:
        assert flow.run(executor=cluster).is_successful()
        assert fetch(address_of(cluster, "some/where/loops"))[0] == 200
        assert fetch(address_of(cluster))[0] == 404


def test_q06_a_page_that_is_fetched_and_not_opened_has_no_document() -> None:
    with cluster_with_dashboard() as cluster:
        assert flow.run(executor=cluster).is_successful()
        for _ in range(3):
            status, text = fetch(address_of(cluster))
            assert (status, text.count('id="daskloop-loops"')) == (200, 1)
        (loops,) = (
            one
            for one in cluster.scheduler.http_application.applications
            if "/loops" in getattr(one, "app_paths", ())
        )
        assert loops.get_sessions("/loops") == []
        with pull_session(url=address_of(cluster)) as session:
            assert len(loops.get_sessions("/loops")) == 1
            assert len(session.document.roots) == 1


def test_q06_the_page_takes_no_token_from_whoever_asks_for_it() -> None:
    token = base64.urlsafe_b64encode(b'{"session_id":"x"}').decode().rstrip("=")
    with cluster_with_dashboard() as cluster:
        assert flow.run(executor=cluster).is_successful()
        asked = f"{address_of(cluster)}?bokeh-token={token}.%3C/script%3E%3Cscript%3E"
        assert fetch(asked) == (403, "")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (distributed.dashboard.core, "BokehApplication"),
        (distributed.dashboard.scheduler, "template_variables"),
    ],
)
def test_q06_a_name_that_dask_has_moved_costs_the_page_and_not_the_run(
    module: Any, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "daskloop.dashboard")
    with cluster_with_dashboard() as cluster:
        with monkeypatch.context() as patch:
            patch.delattr(module, name)
            assert flow.run(executor=cluster).is_successful()
        assert fetch(address_of(cluster))[0] == 404
        assert not plugin_of(cluster).has_page
    assert f"no page about loops: AttributeError(\"module '{module.__name__}'" in caplog.text
    assert "shown at" not in caplog.text


def test_q06_a_scheduler_that_takes_no_calls_costs_the_page_and_not_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "daskloop.dashboard")

    def refuse(scheduler: Any, function: Any) -> None:
        raise AttributeError("'Scheduler' object has no attribute 'handlers'")

    monkeypatch.setattr(plugin_module, "add_handler", refuse)
    with cluster_with_dashboard() as cluster:
        assert flow.run(executor=cluster).is_successful()
        assert plugin_of(cluster) is None
    assert "no attribute 'handlers'" in caplog.text


@pytest.mark.parametrize(
    "scheduler",
    [
        SimpleNamespace(handlers={}),
        SimpleNamespace(handlers={}, http_application=SimpleNamespace()),
    ],
)
def test_q06_a_scheduler_without_a_web_server_of_the_known_kind_has_no_page(scheduler: Any) -> None:
    assert not start(scheduler).has_page


def test_q06_a_dashboard_that_was_not_asked_for_is_not_added_to() -> None:
    scheduler = SimpleNamespace(handlers={}, http_application=SimpleNamespace(applications=[]))
    assert not start(scheduler).has_page
    assert scheduler.http_application.applications == []


def test_q06_without_bokeh_there_is_no_page_and_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "daskloop.dashboard")
    for name in [name for name in sys.modules if name.startswith("daskloop.dashboard.")]:
        if name.rpartition(".")[2] in ("page", "charts", "tables"):
            monkeypatch.delitem(sys.modules, name)
    for name in ("bokeh", "bokeh.layouts", "bokeh.models"):
        monkeypatch.setitem(sys.modules, name, None)
    plugin = start(SimpleNamespace(handlers={}))
    assert not plugin.has_page
    assert caplog.text.count("no page about loops") == 1
    assert "bokeh" in caplog.text


def test_q06_futures_are_not_counted_where_dask_counts_otherwise() -> None:
    count = dask_pages.futures_with_workers
    assert count(SimpleNamespace(), "quiet-heron-7f3a9c12", ("a-1",)) == {}
    groups = {"a-1-7f3a9c12": SimpleNamespace(states={"processing": 3})}
    found = count(SimpleNamespace(task_groups=groups), "quiet-heron-7f3a9c12", ("a-1", "b-2"))
    assert found == {"a-1": 3, "b-2": 0}
