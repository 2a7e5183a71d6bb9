"""Before a run: who has what installed, and who shares a folder."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import daskloop
from daskloop import Flow
from daskloop.errors import DaskloopError, JournalError, StoreError
from daskloop.executors import preflight as module
from daskloop.executors import probe as probe_module
from daskloop.executors.preflight import ClusterFacts, MarkerError, preflight, shares
from daskloop.executors.probe import PACKAGES, probe
from daskloop.record.folder_journal import FolderJournal

OURS = probe(None, None, None)


class _Client:
    """A client of a cluster whose nodes give the answers that a test wants."""

    def __init__(self, workers: dict[str, Any], scheduler: Any = OURS) -> None:
        self.workers = workers
        self.scheduler = scheduler

    async def run(self, function: Any, question: str, on_error: str) -> dict[str, Any]:
        return self.workers

    async def run_on_scheduler(self, function: Any, question: str) -> Any:
        if isinstance(self.scheduler, Exception):
            raise self.scheduler
        return self.scheduler

    def sync(self, function: Any, callback_timeout: float) -> Any:
        return asyncio.run(function())

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.workers, 2)


def _with(**changes: Any) -> dict[str, Any]:
    return {**OURS, **changes}


def test_the_workers_and_their_threads_are_known(threads_client: Any) -> None:
    facts = preflight(threads_client)
    assert facts == ClusterFacts(tuple(threads_client.nthreads()), 4, False, ())


@pytest.mark.parametrize("kind", ["threads_client", "processes_client"])
def test_a_folder_on_this_machine_is_shared_and_left_as_it_was(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    client = request.getfixturevalue(kind)
    client.wait_for_workers(1, timeout=30)
    facts = preflight(client, tmp_path)
    assert facts.shares_folder
    assert os.listdir(tmp_path) == []


def test_a_folder_that_workers_do_not_see_is_not_shared(
    processes_client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = module._question
    monkeypatch.setattr(
        module, "_question", lambda marker, *rest: question(marker and f"{marker}-not", *rest)
    )
    assert not preflight(processes_client, tmp_path).shares_folder
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="names folders by /proc")
def test_a_folder_behind_a_link_that_workers_do_not_have_is_not_shared(
    processes_client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told the name of the link, not what it leads to here."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    assert preflight(processes_client, tmp_path / "runs").shares_folder
    assert not preflight(processes_client, "/proc/self/cwd/runs").shares_folder
    assert os.listdir(tmp_path / "runs") == []


def test_a_folder_of_the_same_name_elsewhere_is_not_shared(
    processes_client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = module._question
    monkeypatch.setattr(module, "_question", lambda marker, _, trace: question(marker, "x", trace))
    assert not preflight(processes_client, tmp_path).shares_folder


def test_a_folder_that_only_some_workers_share_is_not_shared(tmp_path: Path) -> None:
    client = _Client({"tcp://a": _with(reads=True, wrote=str(tmp_path)), "tcp://b": OURS})
    assert not preflight(client, tmp_path).shares_folder  # type: ignore[arg-type]


def test_a_folder_that_cannot_be_written_is_an_error_of_its_own(threads_client: Any) -> None:
    with pytest.raises(OSError, match="no-such-folder"):
        preflight(threads_client, "/no-such-folder")


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with room for files, and none for what is in them."""

    def write_text(path: Path, content: str) -> None:
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as from write(): without a path

    monkeypatch.setattr(module.Path, "write_text", write_text)


@pytest.mark.usefixtures("full")
def test_on_a_full_disk_the_error_says_where_and_nothing_stays(tmp_path: Path) -> None:
    with pytest.raises(MarkerError, match=f"No space left on device: '{tmp_path}/") as caught:
        preflight(_Client({"tcp://a": OURS}), tmp_path)  # type: ignore[arg-type]
    assert caught.value.errno == errno.ENOSPC
    assert not shares(_Client({"tcp://a": OURS}), tmp_path)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    ("recorded", "kind", "helps"),
    [
        (True, JournalError, r"Free some space there .* the run can then be resumed\.$"),
        (False, StoreError, r"Free some space there, or choose another place with store=\."),
    ],
)
def test_a_run_on_a_full_disk_says_where_how_full_and_what_to_do(
    tmp_path: Path, recorded: bool, kind: type[Exception], helps: str
) -> None:
    with Flow("full") as flow:
        daskloop.task(lambda: 1, name="one")()
    journal = tmp_path / "runs" if recorded else None
    said = (
        r"Cannot look whether the workers share .*: No space left on device \(\d+ bytes are free\)"
    )
    with pytest.raises(kind, match=said) as caught:
        flow.run(executor="threads", journal=journal)
    assert re.search(helps, str(caught.value)) and ".daskloop-" in str(caught.value)
    if journal is not None:
        (run,) = FolderJournal(journal).runs()
        with pytest.raises(kind, match=said):
            flow.run(executor="threads", journal=journal, resume=run.header.run)


def test_r73_a_cluster_without_workers_is_no_error_and_no_hang(tmp_path: Path) -> None:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        assert preflight(client, tmp_path) == ClusterFacts((), 0, False, ())


def test_the_probe_says_what_is_installed_here() -> None:
    assert OURS["python"] == platform.python_version()
    assert OURS["daskloop"] == daskloop.__version__
    assert all(OURS[package] for package in PACKAGES)


def test_the_probe_says_what_is_installed_and_not_imported_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "cloudpickle", raising=False)
    monkeypatch.delitem(sys.modules, "dask", raising=False)
    monkeypatch.setattr(probe_module, "PACKAGES", ("cloudpickle", "dask", "nothing-of-the-kind"))
    found = probe(None, None, None)
    assert found["cloudpickle"] == version("cloudpickle") and found["dask"] == version("dask")
    assert found["nothing-of-the-kind"] is None


def test_r72_the_question_is_text_that_is_answered_where_daskloop_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "daskloop", None)
    answer = eval(module._question(None, None, None), {})
    assert set(answer) == set(OURS)
    assert answer["daskloop"] is None
    assert "ModuleNotFoundError" in answer["daskloop_error"]


@pytest.fixture
def missing() -> dict[str, Any]:
    return _with(daskloop=None, daskloop_error="ModuleNotFoundError: No module named 'daskloop'")


def test_r72_a_worker_without_daskloop_is_refused_with_a_table(missing: dict[str, Any]) -> None:
    client = _Client({"tcp://a": missing, "tcp://b": OURS})
    with pytest.raises(DaskloopError) as caught:
        preflight(client)  # type: ignore[arg-type]
    text = str(caught.value)
    assert "daskloop cannot be imported on worker tcp://a (ModuleNotFoundError" in text
    table = [line.split() for line in text.splitlines() if line.startswith("  ")]
    assert table[0] == ["node", "python", "daskloop", *PACKAGES]
    assert table[1][:4] == ["driver,", "worker", "tcp://b,", "scheduler"]
    assert "missing" in table[2]


def test_r72_a_scheduler_without_daskloop_is_refused(missing: dict[str, Any]) -> None:
    with pytest.raises(DaskloopError, match="cannot be imported on scheduler"):
        preflight(_Client({"tcp://a": OURS}, missing))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"daskloop": "0.0.1"}, "another version of daskloop is installed on worker tcp://a"),
        ({"python": "3.9.1"}, "another Python runs on worker tcp://a"),
    ],
)
def test_r72_a_different_daskloop_or_python_is_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(DaskloopError, match=text):
        preflight(_Client({"tcp://a": _with(**change)}))  # type: ignore[arg-type]


@pytest.mark.parametrize("package", [*PACKAGES, "python"])
def test_r72_another_difference_is_a_warning_with_a_table(
    package: str, caplog: pytest.LogCaptureFixture
) -> None:
    version = f"{platform.python_version()}.1" if package == "python" else "1.2"
    client = _Client({f"tcp://{i}": _with(**{package: version}) for i in range(5)})
    with caplog.at_level(logging.WARNING, "daskloop"):
        facts = preflight(client)  # type: ignore[arg-type]
    assert facts.threads == 10
    (problem,) = facts.problems
    assert problem.startswith(f"{package} differs on worker tcp://0")
    assert problem.endswith("and 2 more")
    assert version in caplog.text


def test_a_worker_that_dies_meanwhile_is_left_out() -> None:
    client = _Client({"tcp://a": OURS, "tcp://b": OSError("connection lost")})
    assert preflight(client).workers == ("tcp://a",)  # type: ignore[arg-type]


def test_a_worker_that_cannot_answer_is_named() -> None:
    client = _Client({"tcp://a": SyntaxError("what?")})
    with pytest.raises(DaskloopError, match=r"Worker tcp://a cannot be used: SyntaxError"):
        preflight(client)  # type: ignore[arg-type]


def test_a_scheduler_that_lets_nobody_run_anything_is_not_asked_further() -> None:
    client = _Client({"tcp://a": OURS}, ValueError("handler is blocked"))
    assert preflight(client).problems == ()  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_marker_in_the_working_directory() -> Iterator[None]:
    yield
    assert not [name for name in os.listdir() if name.startswith(".daskloop")]
