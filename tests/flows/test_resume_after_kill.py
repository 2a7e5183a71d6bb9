"""A driver that is killed at any moment: the next one goes on, and runs nothing recorded again."""

from __future__ import annotations

import json
import random
import re

import pytest

from daskloop.record.folder_journal import FolderJournal
from tests.flows import killed_flow
from tests.flows.killing import PROGRAM, Killed, started
from tests.flows.lasting_cluster import PROGRAM as CLUSTER
from tests.flows.lasting_cluster import traces_of_runs

EXECUTORS = ("inline", "threads", "processes")

# A driver that is killed while it starts its cluster leaves the cluster's folder behind.
pytestmark = pytest.mark.may_leave("files")


def kill_at_random(killed: Killed, seed: int, kills: int) -> None:
    """Kill the program at random moments, then let it end."""
    draw = random.Random(seed)
    said = None
    while said is None and killed.kills < kills:
        said = killed.life(starts=draw.randint(1, 10), delay=draw.uniform(0, 0.05))
    assert killed.kills
    killed.check_result(said or killed.life())
    killed.check_starts()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_driver_killed_at_random_moments_loses_nothing(tmp_path, executor):
    kill_at_random(Killed(tmp_path, executor), seed=EXECUTORS.index(executor), kills=4)


@pytest.mark.parametrize(
    "executor", ["inline", "threads", pytest.param("processes", marks=pytest.mark.slow)]
)
def test_b2_a_driver_killed_at_random_moments_loses_nothing_of_a_batch(tmp_path, executor):
    killed = Killed(tmp_path, executor, DASK_DASKLOOP__BATCH="auto")
    kill_at_random(killed, seed=20 + EXECUTORS.index(executor), kills=4)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_driver_killed_at_fifty_random_moments_loses_nothing(tmp_path, executor):
    total = seed = 0
    while total < 50:
        folder = tmp_path / str(seed)
        folder.mkdir()
        killed = Killed(folder, executor)
        kill_at_random(killed, seed=1000 + seed, kills=6)
        total += killed.kills
        seed += 1


POINTS = [
    f"{when} {point}"
    for point in ("record", "submit", "receipt", "release", "finish")
    for when in ("before", "after")
]


def kill_at_point(killed: Killed, point: str, count: int) -> None:
    killed.life(point, str(count))
    said = killed.life()
    killed.check_result(said)
    killed.check_starts()


@pytest.mark.parametrize("point", ["after record", "before submit", "after receipt"])
def test_a_driver_killed_at_one_of_its_steps_loses_nothing(tmp_path, point):
    kill_at_point(Killed(tmp_path, "threads"), point, 7)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", POINTS)
def test_a_driver_killed_at_each_of_its_steps_each_time_loses_nothing(tmp_path, point):
    for count in (1, 2, 3, 5, 8, 13) if "finish" not in point else (1,):
        folder = tmp_path / str(count)
        folder.mkdir()
        kill_at_point(Killed(folder, "threads"), point, count)


def test_a_driver_killed_on_a_cluster_that_lives_on_costs_nothing(tmp_path):
    with started(CLUSTER) as cluster:
        address = cluster.stdout.readline().strip()
        killed = Killed(tmp_path, address)
        kill_at_random(killed, seed=7, kills=3)
        assert killed.again() == {}
        assert traces_of_runs(address) == ([], [])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_driver_killed_fifteen_times_on_a_cluster_that_lives_on_costs_nothing(tmp_path):
    with started(CLUSTER) as cluster:
        address = cluster.stdout.readline().strip()
        killed = Killed(tmp_path, address, KILLED_FLOW="wide")
        draw = random.Random(15)
        while killed.kills < 15:
            assert killed.life(starts=draw.randint(20, 45)) is None, "it ended too early"
        said = killed.life()
        loops, iterations = killed_flow.WIDE
        assert json.loads(said) == ["Success", list(range(loops))]
        assert killed.again() == {}
        assert len(killed.starts()) == loops * iterations
        assert traces_of_runs(address) == ([], [])


def test_a_second_driver_on_the_same_run_is_refused_at_once(tmp_path):
    killed = Killed(tmp_path, "threads")
    arguments = ["threads", str(killed.journal), str(killed.trace)]
    with started(PROGRAM, *arguments) as first:
        while not killed.trace.exists():
            assert first.poll() is None
        (summary,) = FolderJournal(killed.journal).runs()
        with pytest.raises(Exception, match=re.escape(f"process {first.pid}")) as refused:
            killed_flow.flow.run(
                journal=killed.journal, resume=summary.header.run, executor="inline"
            )
        assert type(refused.value).__name__ == "RunLocked"
        said, _ = first.communicate(timeout=60)
    killed.check_result(said)
    killed.check_starts()
