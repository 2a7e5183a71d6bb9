"""Something of everything, for `ci/matrix`: needs the wheel, pytest and nothing of the checkout."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

import daskloop
from daskloop import Flow, Parameter, again, context, flatten, loop_flow, task, unmapped
from daskloop.engine.signals import LOOP
from daskloop.record.folder_journal import FolderJournal

EXECUTORS = ["inline", "threads", "processes"]


@task(max_retries=2, retry_delay=0.01)
def grow(number, limit):
    """Loop until a number is large enough; the second iteration fails once."""
    count = context.get("task_loop_count", 1)
    value = context.get("task_loop_result", number)
    if count == 2 and context.task_run_count == 1:
        raise ValueError("fails once")
    if value >= limit:
        return value
    raise LOOP(message=f"at {value}", result=2 * value)


@task
def pair(number):
    return [number, -number]


@task
def total(numbers):
    return sum(numbers)


@loop_flow
def gather(x, n=1, before=0):
    return again(n=n + 1, before=total([before, x])).until(n >= 3, result=total([before, x]))


def mixed():
    """Write a flow of maps, loops, retries, operators and a loop flow."""
    with Flow("mixed") as flow:
        grown = grow.map(Parameter("numbers"), unmapped(50))
        answer = total(flatten(pair.map(grown))) + gather(7)
    return flow, grown, answer


@pytest.mark.parametrize("batch", [1, "auto"])
@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_mixed_flow_ends_with_its_results(executor, batch):
    flow, grown, answer = mixed()
    state = flow.run(numbers=[1, 3, 60], executor=executor, batch=batch)
    assert state.is_successful(), state
    assert state.result[grown].result == [64, 96, 60]
    assert state.result[answer].result == 21


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_recorded_run_that_failed_is_resumed(executor, tmp_path):
    mark = tmp_path / "mark"
    noted = tmp_path / "noted"

    @task
    def turn(mark, noted):
        count = context.get("task_loop_count", 1)
        with open(noted, "a") as file:
            file.write(f"{count}\n")
        if count == 3 and not os.path.exists(mark):
            raise ValueError("not yet")
        if count < 4:
            raise LOOP(result=bytes(100_000))
        return count

    with Flow("resumed") as flow:
        end = turn(str(mark), str(noted))
    journal = tmp_path / "journal"
    assert flow.run(executor=executor, journal=journal).is_failed()
    mark.touch()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[end].result == 4
    assert noted.read_text().split() == ["1", "2", "3", "3", "4"]
    assert [one.status for one in FolderJournal(journal).runs()] == ["success"]


def test_a_lost_worker_costs_the_attempt_that_ran_on_it(tmp_path):
    mark = tmp_path / "mark"

    @task
    def die_once(mark):
        if not os.path.exists(mark):
            open(mark, "w").close()
            os._exit(3)
        return "alive"

    with Flow("lossy") as flow:
        end = die_once(str(mark))
    assert flow.run(executor="processes", workers=2).result[end].result == "alive"


def test_a_timeout_stops_the_call_on_a_worker_process():
    @task(timeout=0.5, max_retries=1)
    def late():
        if context.task_run_count == 1:
            import time

            time.sleep(60)
        return context.task_run_count

    with Flow("late") as flow:
        end = late()
    assert flow.run(executor="processes", workers=1).result[end].result == 2


def test_a_client_of_the_user_is_used_and_left_open():
    from distributed import Client

    flow, _, answer = mixed()
    with Client(
        processes=False, n_workers=1, dashboard_address="127.0.0.1:0", set_as_default=False
    ) as client:
        assert flow.run(numbers=[1], executor=client).result[answer].result == 21
        assert client.status == "running"


def test_the_hold_on_keys_is_there():
    """A name of Dask's that is not public: a run that is resumed finds what went on without it."""
    from distributed import Client

    from daskloop.executors.hold import open_hold

    with Client(
        processes=False, n_workers=1, dashboard_address="127.0.0.1:0", set_as_default=False
    ) as client:
        assert open_hold(client, "quiet-heron-7f3a9c12", 1) is not None


def test_the_command_line_runs_and_resumes(tmp_path):
    file = tmp_path / "squares.py"
    file.write_text(
        "from daskloop import Flow, Parameter, task\n"
        "@task\n"
        "def square(x):\n"
        "    return x * x\n"
        "with Flow('squares') as flow:\n"
        "    squares = square.map(Parameter('xs'))\n"
    )

    def daskloop_says(*words):
        command = [sys.executable, "-m", "daskloop", *words]
        found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr
        return found.stdout

    assert "[1, 4, 9]" in daskloop_says("run", "squares.py", "-p", "xs=[1, 2, 3]")
    assert "success" in daskloop_says("runs")


@pytest.mark.skipif("MATRIX" not in os.environ, reason="ci/matrix makes an environment for it")
def test_daskloop_comes_from_the_wheel_and_no_extra_is_there():
    assert "site-packages" in daskloop.__file__
    assert not [name for name in ("bokeh", "rich", "apprise") if importlib.util.find_spec(name)]
