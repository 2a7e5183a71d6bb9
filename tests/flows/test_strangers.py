"""Another client of the cluster cancels, releases or restarts what a run has there."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, Future, LocalCluster

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP
from daskloop.record.folder_journal import FolderJournal
from tests.chaos.audit import judge
from tests.chaos.notes import FOLDER, Note, noted, read_notes

CHILDREN, LAST = 6, 15
WANTED = {f"walk-1[{n}]@{turn}" for n in range(CHILDREN) for turn in range(1, LAST + 1)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where attempts note what they do."""
    return tmp_path_factory.mktemp("notes")


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[LocalCluster]:
    """Two worker processes with nannies, which take the place for notes from here."""
    patch = pytest.MonkeyPatch()
    patch.setenv(FOLDER, str(folder))
    with (
        # Else it gives up workers that take longer to come back, for good, if that happens twice.
        dask.config.set({"distributed.deploy.lost-worker-timeout": "10 minutes"}),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
        ) as made,
    ):
        yield made
    patch.undo()


def _known(dask_scheduler: Any) -> list[Any]:
    states = ("processing", "memory", "queued", "no-worker")
    return [key for key, one in dask_scheduler.tasks.items() if one.state in states]


def futures(stranger: Client) -> list[Future]:
    """Take futures of all that the scheduler is asked for, as whoever knows their keys can."""
    return [Future(key, stranger) for key in stranger.run_on_scheduler(_known)]


def cancel(stranger: Client) -> int:
    found = futures(stranger)
    stranger.cancel(found, force=True)
    return len(found)


def release(stranger: Client) -> int:
    found = futures(stranger)
    for one in found:
        one.release()
    return len(found)


def restart(stranger: Client) -> int:
    found = len(stranger.run_on_scheduler(_known))
    stranger.restart(timeout=60)
    return found


def _is_left(note: Note, restarted: list[tuple[float, set[int]]]) -> bool:
    return any(note.at > at and note.process in processes for at, processes in restarted)


@pytest.mark.may_leave("threads", "processes", "dask")  # the cluster is the module's
@pytest.mark.timeout(300)
@pytest.mark.parametrize("batch", [1, "auto"])
@pytest.mark.parametrize(
    ("meddle", "times"),
    [(cancel, 10), (release, 10), pytest.param(restart, 2, marks=pytest.mark.slow)],
)
def test_what_strangers_do_to_futures_costs_no_retry_and_nothing_that_is_recorded(
    cluster: LocalCluster,
    folder: Path,
    tmp_path: Path,
    meddle: Callable[[Client], int],
    times: int,
    batch: Any,
) -> None:
    @task
    def walk(number):
        with noted(greedy=False, synced=False):
            time.sleep(0.05)
            count = context.get("task_loop_count", 1)
            if count < LAST:
                raise LOOP(result=count)
            return number * count

    with Flow("meddled with") as flow:
        walked = walk.map(list(range(CHILDREN)))
    journal = FolderJournal(tmp_path / "runs")
    states: list[Any] = []

    def notes() -> int:
        names = [one.header.run for one in journal.runs()]
        return len(read_notes(folder, names[0])) if names else 0

    with (
        Client(cluster, set_as_default=False) as client,
        Client(cluster.scheduler_address, set_as_default=False) as stranger,
    ):
        run = threading.Thread(
            target=lambda: states.append(flow.run(executor=client, journal=journal, batch=batch))
        )
        run.start()
        touched = 0
        restarted: list[tuple[float, set[int]]] = []
        for number in range(1, times + 1):
            while notes() < number * (2 * len(WANTED) // (times + 2)):
                assert run.is_alive(), states
                time.sleep(0.01)
            if meddle is restart:
                processes = set(stranger.run(os.getpid).values())
                restarted.append((time.time(), processes))
            touched += meddle(stranger)
        run.join()
    print(f"{meddle.__name__}, batch={batch}: {touched} futures")
    assert touched
    (state,) = states
    assert state.is_successful(), state.result
    assert state.result[walked].result == [number * LAST for number in range(CHILDREN)]
    (summary,) = journal.runs()
    records = journal.read(summary.header.run).records
    every = read_notes(folder, summary.header.run)
    # Dask lets a worker that it restarts live on for seconds. What had passed its gate there goes
    # on, a future of several iterations to its next ones too, and nobody waits for it any more.
    lived_on = [one for one in every if one.what == "begun" and _is_left(one, restarted)]
    made = [one for one in every if one not in lived_on]
    found = judge(summary.header.run, records, made, WANTED)
    print(f"{found.begun} attempts began, {found.again} again; {len(lived_on)} on old workers")
    assert found.wrong == ()
    assert (found.failed, found.charged) == (0, 0)
    assert not [one for one in records if one.state == "Retrying"]


def test_an_attempt_that_crossed_a_restart_on_its_way_does_not_stay_on_the_scheduler():
    @task(resources={"later": 1})
    def once():
        raise AssertionError("no worker offers what it needs, so it waits on the scheduler")

    with Flow("crossed") as flow:
        made = once()
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        run = flow.submit(executor=client)
        (first,) = _come(client, lambda keys: len(keys) == 1)
        # What the client is told when the attempt was on its way while the scheduler restarted.
        client.loop.add_callback(client._handle_restart)
        (second,) = _come(client, lambda keys: len(keys) == 1 and first not in keys)
        assert second != first
        run.cancel(now=True)
        assert run.result(60).result[made].is_cancelled()


def _come(client: Client, wanted: Callable[[list[Any]], bool]) -> list[Any]:
    """Wait until the scheduler has such attempts."""
    ends = time.monotonic() + 20
    while True:
        keys = [key for key in client.run_on_scheduler(_known_or_waiting) if "once" in str(key)]
        if wanted(keys):
            return keys
        assert time.monotonic() < ends, keys
        time.sleep(0.02)


def _known_or_waiting(dask_scheduler: Any) -> list[Any]:
    return list(dask_scheduler.tasks)
