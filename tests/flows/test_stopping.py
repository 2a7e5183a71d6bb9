"""Runs that are stopped, from inside and outside, or lose what they need: all go on later.

python test_stopping.py once|held|large EXECUTOR JOURNAL TRACE     a program for tests to kill
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import dask
import pytest

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP
from daskloop.errors import JournalError
from daskloop.executors.hold import open_hold
from daskloop.flow.begin import begin
from daskloop.flow.options import checked_options
from daskloop.record.folder_journal import FolderJournal
from tests import shared_clusters
from tests.flows.killing import started
from tests.flows.lasting_cluster import PROGRAM as CLUSTER
from tests.flows.test_submit import until
from tests.flows.traces import Trace, linger, on_clusters

PROGRAM = Path(__file__)
LARGE = 1_000_000_000  # bytes


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def trace(tmp_path):
    return Trace(tmp_path)


def begun(flow, **options):
    """Begin a run, and wait for it on a thread; call what is returned to have its state."""
    run = begin(flow, None, {}, checked_options(**options))
    found = []
    waiting = threading.Thread(target=lambda: found.append(run.result()))
    waiting.start()

    def result():
        waiting.join()
        return found[0]

    return run, result


def looping(trace, seconds=0.05):
    """Write a flow whose loop ends once somebody notes that it may."""

    @task
    def loop():
        count = context.get("task_loop_count", 1)
        assert context.get("task_loop_result", 0) == count - 1
        trace.note(count)
        linger(seconds)
        if ("end",) in trace.notes():
            return count
        raise LOOP(result=count)

    with Flow("looping") as flow:
        looped = loop()
    return flow, looped


def test_a_stop_request_stops_the_run_softly_and_it_can_be_resumed(executor, journal, trace):
    flow, looped = looping(trace)
    run, result = begun(flow, executor=executor, journal=journal)
    assert trace.wait_for(2)
    FolderJournal(journal).stop(run.name)
    state = result()  # it would loop until somebody notes that it may end
    assert state.is_cancelled() and "by request" in state.message
    count = state.result[looped].loop_count
    (summary,) = FolderJournal(journal).runs()
    assert summary.status == "stopped"
    before = trace.notes()
    assert len(before) == len(set(before))
    trace.note("end")
    state = flow.run(executor=executor, journal=journal, resume=True)
    # The loop that was asked to stop is not asked a second time.
    assert state.result[looped].result in (count, count + 1)
    after = [note for note in trace.notes()[len(before) :] if note != ("end",)]
    assert not set(before) & set(after)


@pytest.mark.parametrize("executor", ["inline"], indirect=True)
def test_a_run_that_is_not_there_cannot_be_asked_to_stop(executor, journal, trace):
    with pytest.raises(JournalError, match="no-such-run"):
        FolderJournal(journal).stop("no-such-run")


@on_clusters
def test_what_runs_when_a_run_is_stopped_may_end_and_is_recorded(executor, journal, trace):
    @task
    def work(x):
        trace.note("begun", x)
        assert trace.wait_for("go on")
        return x

    @task
    def after(values):
        trace.note("after")
        return values

    with Flow("ending") as flow:
        worked = work.map([1])
        ended = after(worked)
    run, result = begun(flow, executor=executor, journal=journal)
    assert trace.wait_for("begun", 1)
    run.stop("by the test")
    trace.note("go on")
    state = result()
    assert state.result[worked].result == [1]
    assert state.result[ended].is_cancelled()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[ended].result == [1]
    assert trace.notes() == [("begun", 1), ("go on",), ("after",)]


@on_clusters
def test_what_runs_when_a_run_is_stopped_at_once_is_run_again(executor, journal, trace):
    @task(max_retries=1)
    def work():
        trace.note("begun", context.task_run_count)
        assert trace.wait_for("go on")
        return 1

    with Flow("at-once") as flow:
        worked = work()
    run, result = begun(flow, executor=executor, journal=journal)
    assert trace.wait_for("begun", 1)
    run.stop("by the test", now=True)
    assert result().result[worked].is_cancelled()
    trace.note("go on")
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[worked].result == 1
    # Or it is not: its end was heard of.
    assert trace.notes().count(("begun", 1)) in (1, 2)
    assert ("begun", 2) not in trace.notes()


@on_clusters
def test_a_run_that_waits_for_a_retry_stops_at_once(executor, journal, trace):
    @task(max_retries=1, retry_delay=60)
    def fails():
        trace.note("tried")
        raise ValueError("no")

    with Flow("waiting") as flow:
        failed = fails()
    run, result = begun(flow, executor=executor, journal=journal)
    assert trace.wait_for("tried")
    begin_of_stop = time.monotonic()
    run.stop("by the test")
    assert result().result[failed].is_cancelled()
    assert time.monotonic() - begin_of_stop < 5
    assert trace.notes() == [("tried",)]


def test_claims_in_memory_go_with_the_run(processes_client, trace):
    flow, _ = looping(trace)
    run, result = begun(flow, executor=processes_client)
    assert trace.wait_for(2)
    place = Path("/dev/shm")
    if place.is_mount():
        assert (place / f"daskloop-{run.name}").is_dir()
    trace.note("end")
    assert result().is_successful()
    assert not (place / f"daskloop-{run.name}").exists()


@pytest.mark.may_leave("dask")
def test_a_run_whose_client_is_closed_can_be_resumed_elsewhere(threads_client, journal, trace):
    flow, looped = looping(trace)
    run, result = begun(flow, executor=threads_client, journal=journal)
    assert trace.wait_for(2)
    threads_client.close()
    state = result()
    assert state.is_cancelled()
    assert "closed" in state.message
    trace.note("end")
    state = flow.run(executor="inline", journal=journal, resume=run.name)
    # A closed client can tell the scheduler nothing, so the run still holds its keys there.
    open_hold(shared_clusters.threads.client(), run.name, 1).end()
    assert not shared_clusters.threads.leftover_tasks()
    assert state.is_successful()
    counts = [note[0] for note in trace.notes() if note != ("end",)]
    assert sorted(set(counts)) == list(range(1, state.result[looped].result + 1))
    assert len(counts) - len(set(counts)) <= 1


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.may_leave("dask", "threads")  # a client that looks for its scheduler
def test_a_run_whose_scheduler_is_killed_is_cancelled_and_resumed_elsewhere(
    journal, trace, threads_client
):
    flow, looped = looping(trace)
    with (
        started(CLUSTER) as cluster,
        dask.config.set({"daskloop.connect-timeout": "2s"}),
    ):
        address = cluster.stdout.readline().strip()
        run, result = begun(flow, executor=address, journal=journal)
        assert trace.wait_for(3)
        os.killpg(cluster.pid, signal.SIGKILL)
        state = result()
    assert state.is_cancelled()
    trace.note("end")
    state = flow.run(executor=threads_client, journal=journal, resume=run.name)
    assert state.is_successful()
    counts = [note[0] for note in trace.notes() if note != ("end",)]
    assert sorted(set(counts)) == list(range(1, state.result[looped].result + 1))
    assert len(counts) - len(set(counts)) <= 1


# A driver that is killed


def written(kind, trace):
    """Write the flow that a killed program drives."""
    if kind == "once":

        @task(at_most_once=True, max_retries=2)
        def work():
            trace.note("begun")
            trace.wait_for("go on", seconds=5)
            return "done"

    elif kind == "held":

        @task
        def work():
            payload = context.get("task_loop_result", 0)
            trace.note("begun", payload)
            if payload == 2:
                trace.wait_for("go on", seconds=60)
                return "done"
            raise LOOP(result=payload + 1)

    else:

        @task
        def work():
            count = context.get("task_loop_count", 1)
            payload = context.get("task_loop_result", b"")
            trace.note(count, len(payload), payload[:1], payload[-1:])
            if count == 3:
                return len(payload)
            raise LOOP(result=bytes([count]) * LARGE)

    with Flow("killed") as flow:
        worked = work()
    return flow, worked


def killed(kind, executor, journal, trace, ready):
    """Start the program, and kill its driver, and it alone, once it is ready to die."""
    arguments = [kind, executor, str(journal), str(trace.folder)]
    with started(PROGRAM, *arguments) as process:
        deadline = time.monotonic() + 60
        while not ready():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.001)
        process.kill()
        process.wait()


@pytest.mark.may_leave("files")
@pytest.mark.parametrize("place", ["inline", "processes"])
def test_what_is_at_most_once_is_crashed_when_its_driver_dies_and_not_run_again(
    place, journal, trace, processes_client
):
    killed("once", place, journal, trace, lambda: ("begun",) in trace.notes())
    flow, worked = written("once", trace)
    executor = "inline" if place == "inline" else processes_client
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[worked].is_crashed()
    assert "at_most_once" in state.result[worked].message
    assert trace.notes() == [("begun",)]


@pytest.mark.may_leave("files")
@pytest.mark.parametrize("place", ["inline", "threads", "processes"])
def test_ctrl_c_pressed_twice_in_a_program_ends_it_at_once_and_it_goes_on_later(
    place, journal, trace
):
    """As in a terminal, all processes of the program get the signal."""
    arguments = ["held", place, str(journal), str(trace.folder)]
    said = journal.with_name("said")
    patient = {**os.environ, "DASK_DASKLOOP__DRAIN": "60s"}
    with said.open("w") as out, started(PROGRAM, *arguments, stderr=out, env=patient) as process:
        assert trace.wait_for("begun", 2, seconds=60)
        os.killpg(process.pid, signal.SIGINT)
        if place != "inline":  # there the first one ends the run: nothing else is left to be done
            until(lambda: "stopping after the running iterations" in said.read_text())
            os.killpg(process.pid, signal.SIGINT)
        # Well before the minute that the task takes, and that it is given after one Ctrl-C.
        assert process.wait(timeout=25) == -signal.SIGINT
    assert "KeyboardInterrupt" in said.read_text()
    begun = trace.notes()
    trace.note("go on")
    flow, worked = written("held", trace)
    state = flow.run(executor="inline", journal=journal, resume=True)
    assert state.result[worked].result == "done"
    assert [one for one in trace.notes() if one != ("go on",)] == [*begun, ("begun", 2)]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.may_leave("files")
@pytest.mark.parametrize("size", [1, 300_000_000, 900_000_000])
def test_a_driver_killed_while_a_large_payload_is_written_leaves_no_half_of_it(
    journal, trace, size
):
    def half_written():
        found = list(journal.glob("*/payloads/.*.part"))
        try:
            return (2, LARGE, b"\1", b"\1") in trace.notes() and any(
                one.stat().st_size >= size for one in found
            )
        except FileNotFoundError:
            return False

    killed("large", "inline", journal, trace, half_written)
    flow, worked = written("large", trace)
    state = flow.run(executor="inline", journal=journal, resume=True)
    assert state.result[worked].result == LARGE
    notes = trace.notes()
    assert set(notes) == {(1, 0, b"", b""), (2, LARGE, b"\1", b"\1"), (3, LARGE, b"\2", b"\2")}
    assert notes.count((1, 0, b"", b"")) == 1


def main() -> None:
    kind, executor, journal, folder = sys.argv[1:]
    flow, _ = written(kind, Trace(Path(folder)))
    flow.run(executor=executor, journal=journal)


if __name__ == "__main__":
    main()
