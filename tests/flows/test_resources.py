"""Resources are set up before the tasks that use them and put away after them, come what may."""

from __future__ import annotations

import threading
import time

import pytest

from daskloop import Flow, Parameter, case, context, resource_manager, task
from daskloop.engine.signals import LOOP
from daskloop.engine.state import Cancelled, Failed, Skipped, Success, TriggerFailed
from daskloop.flow.begin import begin
from daskloop.flow.options import checked_options
from daskloop.record.folder_journal import FolderJournal
from tests.flows.traces import Trace


@pytest.fixture
def trace(tmp_path):
    return Trace(tmp_path)


@resource_manager
class Room:
    """A resource that notes who enters and who leaves."""

    def __init__(self, trace, name="room", broken=False):
        self.trace, self.name, self.broken = trace, name, broken

    def setup(self):
        if self.broken:
            raise OSError("no room")
        self.trace.note("open", self.name)
        return self.name

    def cleanup(self, room):
        self.trace.note("close", room)


@task
def use(trace, room, fails=False):
    trace.note("use", room)
    if fails:
        raise ValueError("spilled")
    return room


def cleanup_of(state):
    (found,) = [ended for one, ended in state.result.items() if one.name == "Room.cleanup"]
    return found


@pytest.mark.parametrize("fails", [False, True])
def test_a_resource_is_put_away_after_its_tasks_also_when_they_fail(executor, trace, fails):
    with Flow("room") as flow, Room(trace) as room:
        used = use(trace, room, fails)
        again = use(trace, used)
    state = flow.run(executor=executor)
    wanted = [("open", "room"), ("use", "room")]
    wanted += [] if fails else [("use", "room")]
    assert trace.notes() == [*wanted, ("close", "room")]
    assert type(state.result[again]) is (TriggerFailed if fails else Success)
    assert type(cleanup_of(state)) is Success
    # That it was put away does not make up for the failure.
    assert state.is_failed() is fails


def test_what_was_not_set_up_is_not_put_away(trace):
    with Flow("broken") as flow, Room(trace, broken=True) as room:
        used = use(trace, room)
    state = flow.run(executor="inline")
    assert not trace.notes()
    assert [type(state.result[one]) for one in (room, used)] == [Failed, TriggerFailed]
    assert type(cleanup_of(state)) is TriggerFailed


def test_a_resource_in_a_branch_that_is_not_taken_is_skipped(trace):
    with Flow("branch") as flow, case(Parameter("on"), True), Room(trace) as room:
        used = use(trace, room)
    state = flow.run(on=False, executor="inline")
    assert not trace.notes()
    assert [type(state.result[one]) for one in (room, used)] == [Skipped, Skipped]
    assert type(cleanup_of(state)) is Skipped
    assert state.is_successful()
    flow.run(on=True, executor="inline")
    assert trace.notes() == [("open", "room"), ("use", "room"), ("close", "room")]


def test_the_inner_resource_is_put_away_before_the_outer(executor, trace):
    with Flow("rooms") as flow, Room(trace, "outer") as outer, Room(trace, "inner") as inner:
        mapped = use.map([trace, trace], [outer, inner])
    assert flow.run(executor=executor).result[mapped].result == ["outer", "inner"]
    notes = trace.notes()
    assert notes[-2:] == [("close", "inner"), ("close", "outer")]
    assert sorted(notes[:2]) == [("open", "inner"), ("open", "outer")]


# Runs that are stopped


def looping(trace):
    """Write a flow whose task in a room loops until somebody notes that it may end."""

    @task
    def loop(room):
        count = context.get("task_loop_count", 1)
        trace.note("loop", count)
        if ("end",) in trace.notes():
            return room
        trace.wait_for("go on", count, seconds=20)
        raise LOOP(result=count)

    with Flow("looping") as flow, Room(trace) as room:
        before = use(trace, room)
        looped = loop(before)
    return flow, looped


def stopped(trace, executor, now=False, **options):
    """Begin the looping flow, stop it at its second iteration, and return its state."""
    flow, looped = looping(trace)
    run = begin(flow, None, {}, checked_options(executor=executor, **options))
    found = []
    waiting = threading.Thread(target=lambda: found.append(run.result()))
    waiting.start()
    trace.note("go on", 1)
    assert trace.wait_for("loop", 2)
    run.stop("by the test", now=now)
    trace.note("go on", 2)
    waiting.join()
    return found[0], looped


def words(trace):
    return [note for note in trace.notes() if note[0] in ("open", "use", "close")]


def test_a_resource_is_put_away_when_the_run_is_stopped(trace, threads_client):
    state, looped = stopped(trace, threads_client)
    assert state.is_cancelled()
    assert type(state.result[looped]) is Cancelled
    assert type(cleanup_of(state)) is Success
    assert words(trace) == [("open", "room"), ("use", "room"), ("close", "room")]


def test_a_resource_is_put_away_when_the_run_is_stopped_while_it_rests(trace, threads_client):
    """What puts it away was due already, and not sent since the run was paused."""

    @task
    def stays(room):
        trace.note("use", room)
        trace.wait_for("go on", seconds=20)
        return room

    with Flow("resting") as flow, Room(trace) as room:
        stayed = stays(room)
    run = flow.submit(executor=threads_client)
    assert trace.wait_for("use", "room")
    run.pause()
    trace.note("go on")
    ends = time.monotonic() + 20
    while not isinstance(run.states[stayed], Success) and time.monotonic() < ends:
        time.sleep(0.01)
    assert words(trace) == [("open", "room"), ("use", "room")]
    run.cancel()
    state = run.result(timeout=30)
    assert state.is_successful()  # nothing else had been left to do
    assert type(cleanup_of(state)) is Success
    assert words(trace) == [("open", "room"), ("use", "room"), ("close", "room")]


def test_a_run_that_is_stopped_at_once_puts_nothing_away(trace, threads_client):
    state, _ = stopped(trace, threads_client, now=True)
    assert type(cleanup_of(state)) is Cancelled
    assert words(trace) == [("open", "room"), ("use", "room")]


def test_a_resumed_run_sets_up_again_what_the_stop_had_put_away(trace, threads_client, tmp_path):
    stopped(trace, threads_client, journal=tmp_path / "runs")
    trace.note("end")
    flow, looped = looping(trace)
    state = flow.run(executor="inline", journal=tmp_path / "runs", resume=True)
    assert state.is_successful()
    assert state.result[looped].result == "room"
    assert state.result[looped].loop_count == 3
    # What had ended in the room keeps its result.
    once = [("open", "room"), ("use", "room"), ("close", "room")]
    assert words(trace) == [*once, ("open", "room"), ("close", "room")]
    # And once all is done, nothing is opened any more.
    (summary,) = FolderJournal(tmp_path / "runs").runs()
    again = summary.header.run
    flow.run(executor="inline", journal=tmp_path / "runs", resume=again)
    assert words(trace).count(("open", "room")) == 2


def test_a_resumed_run_sets_up_again_what_a_failure_had_put_away(trace, tmp_path):
    @task
    def work(room):
        trace.note("work", room)
        if trace.first("failed"):
            raise ValueError("the first time")

    def written():
        with Flow("fails") as flow, Room(trace) as room:
            use(trace, room)
            work(room)
        return flow

    assert written().run(executor="inline", journal=tmp_path / "runs").is_failed()
    first = len(trace.notes())
    state = written().run(executor="inline", journal=tmp_path / "runs", resume=True)
    assert state.is_successful()
    assert trace.notes()[first:] == [("open", "room"), ("work", "room"), ("close", "room")]


def test_what_was_never_put_away_is_not_set_up_again(trace, threads_client, tmp_path):
    stopped(trace, threads_client, now=True, journal=tmp_path / "runs")
    trace.note("end")
    flow, _ = looping(trace)
    state = flow.run(executor="inline", journal=tmp_path / "runs", resume=True)
    assert state.is_successful()
    assert words(trace) == [("open", "room"), ("use", "room"), ("close", "room")]
