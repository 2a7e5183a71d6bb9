"""Fixtures for every test: executors that share clusters, and nothing may be left behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest

from tests import shared_clusters
from tests.leaks import Standing, left_since

collect_ignore = ["typing"]  # for mypy alone

ROOT = Path(__file__).resolve().parent.parent

# Worker processes, of the shared cluster or of one that a run starts, import test modules.
os.environ["PYTHONPATH"] = os.pathsep.join(
    part for part in (str(ROOT), os.environ.get("PYTHONPATH")) if part
)

# A temporary folder of our own: other programs' files are not taken for leaks. What `tmp_path`
# makes stays where pytest keeps it, to be looked at after a failure.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
_TEMPORARY = tempfile.mkdtemp(prefix="test-session-")
os.environ["TMPDIR"] = tempfile.tempdir = _TEMPORARY


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marks mean."""
    config.addinivalue_line(
        "markers",
        "may_leave(*kinds): the test may leave 'threads', 'processes', 'dask' or 'files' behind",
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the shared clusters, whatever happened."""
    shared_clusters.threads.close()
    shared_clusters.processes.close()
    shutil.rmtree(_TEMPORARY, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Remember whether the test failed: a traceback keeps alive what the test held."""
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


_FAILED = pytest.StashKey[bool]()


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread, a child process, a client or a temporary file."""
    before = Standing.now()
    yield
    if request.node.stash.get(_FAILED, True):
        return
    marks = request.node.iter_markers("may_leave")
    left = left_since(before, frozenset(kind for mark in marks for kind in mark.args))
    if left:
        pytest.fail("the test left behind:\n  " + "\n  ".join(left), pytrace=False)


MODES = [
    "inline",
    "threads",
    "processes",
    "inline-auto",
    "threads-auto",
    pytest.param("processes-auto", marks=pytest.mark.slow),
]


@pytest.fixture(params=MODES)
def executor(request: pytest.FixtureRequest) -> Iterator[Any]:
    """What to pass as ``flow.run(executor=...)``: each kind in turn.

    "threads" and "processes" are clients of clusters that the whole session shares: one
    worker of 4 threads, 2 workers of one. With "-auto" the configuration asks for ``batch="auto"``
    while the test runs, so that one future may hold several attempts. A test that wants fewer
    kinds, or is about one attempt in one future, says so::

        @pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)

    A test that needs a cluster of its own, or one that a run starts, passes the word or a
    cluster itself.
    """
    kind, _, batch = request.param.partition("-")
    with dask.config.set({"daskloop.batch": batch or 1}):
        if kind == "inline":
            yield "inline"
            return
        cluster = getattr(shared_clusters, kind)
        yield cluster.client()
    left = cluster.leftover_tasks()
    if left and not request.node.stash.get(_FAILED, True):
        pytest.fail(f"the scheduler still holds {len(left)} task(s): {left[:5]}", pytrace=False)


@pytest.fixture
def threads_client() -> Any:
    """A client of the shared cluster of threads."""
    return shared_clusters.threads.client()


@pytest.fixture
def processes_client() -> Any:
    """A client of the shared cluster of two worker processes."""
    return shared_clusters.processes.client()
