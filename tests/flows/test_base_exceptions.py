"""SystemExit, KeyboardInterrupt and their like in user code (rules R9, R12)."""

from __future__ import annotations

import os

import dask
import pytest

from daskloop import Flow, context, task
from daskloop.engine.results import FileResult
from daskloop.engine.serializers import PickleSerializer
from daskloop.engine.signals import LOOP
from daskloop.record.folder_journal import FolderJournal
from tests.flows.one_failure import check_that_only_this_failed, fine
from tests.flows.traces import Trace, on_clusters


def test_r09_c42_ctrl_c_in_a_body_propagates_out_of_an_inline_run(tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=3)
    def interrupted():
        trace.note("ran")
        raise KeyboardInterrupt

    with Flow("ctrl-c") as flow:
        interrupted()
    with pytest.raises(KeyboardInterrupt):
        flow.run(executor="inline")
    assert trace.notes() == [("ran",)]


def ctrl_c(*_arguments, **_named):
    """Stand for the moment in which somebody presses it."""
    raise KeyboardInterrupt


class Interrupted(Exception):
    """Is failed with; one of its methods is what takes long enough to be interrupted."""


class SlowToPickle(Interrupted):
    __reduce__ = ctrl_c


class SlowToSay(Interrupted):
    __str__ = ctrl_c


class SlowToShow(Interrupted):
    __repr__ = ctrl_c


class SlowToFormat(Interrupted):
    __notes__ = property(ctrl_c)


class SlowToOpen(PickleSerializer):
    deserialize = ctrl_c


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (SlowToPickle, {}),
        (SlowToSay, {}),
        (SlowToShow, {}),
        (SlowToFormat, {}),
        (Interrupted, {"retry_if": ctrl_c, "max_retries": 1}),
        (Interrupted, {"cache_for": True, "cache_key": ctrl_c}),
        (Interrupted, {"target": "there", "result": SlowToOpen()}),
    ],
    ids=["pickle", "str", "repr", "traceback", "retry_if", "cache_key", "kept"],
)
def test_r09_ctrl_c_while_an_attempt_is_made_ready_or_judged_ends_an_inline_run(
    error, options, tmp_path
):
    """It is meant for the run, and no failure of the task that it happens to come to."""
    (tmp_path / "there").write_bytes(b"kept before")
    if "result" in options:
        options = {**options, "result": FileResult(tmp_path, serializer=options["result"])}

    @task(**options)
    def fail():
        raise error("failed")

    with Flow("ctrl-c") as flow:
        fail()
    with dask.config.set({"daskloop.cache": str(tmp_path / "cache")}):
        with pytest.raises(KeyboardInterrupt):
            flow.run(executor="inline", journal=tmp_path / "runs")
        (run,) = FolderJournal(tmp_path / "runs").runs()
        assert run.status == "interrupted"
        assert FolderJournal(tmp_path / "runs").read(run.header.run).records == ()


class SlowToUnpickle:
    def __reduce__(self):
        return ctrl_c, ()


def test_r09_ctrl_c_while_an_argument_is_opened_ends_an_inline_run(tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=3)
    def take(x):
        trace.note("taken")

    with Flow("ctrl-c") as flow:
        take(SlowToUnpickle())
    with pytest.raises(KeyboardInterrupt):
        flow.run(executor="inline")
    assert trace.notes() == []


@on_clusters
@pytest.mark.parametrize(
    "raised",
    [
        "SystemExit(3)",
        "SystemExit(0)",
        "KeyboardInterrupt()",
        "asyncio.CancelledError()",
        "concurrent.futures.CancelledError()",
        "StopIteration('over')",
        "StopAsyncIteration()",
        "GeneratorExit()",
        "BaseException('base')",
        "Own('mine')",
    ],
)
def test_r12_any_base_exception_on_a_cluster_is_an_ordinary_failure(executor, tmp_path, raised):
    trace = Trace(tmp_path)

    @task(max_retries=1)
    def end():
        import asyncio
        import concurrent.futures

        class Own(BaseException):
            pass

        trace.note(context.task_run_count, os.getpid())
        names = {"asyncio": asyncio, "concurrent": concurrent, "Own": Own}
        raise eval(raised, names)

    @task
    def fine():
        return "fine"

    with Flow("ends") as flow:
        ended = end()
        beside = fine()
    state = flow.run(executor=executor)
    failed = state.result[ended]
    assert type(failed).__name__ == "Failed"
    assert raised.split("(")[0].split(".")[-1] in failed.message
    assert isinstance(failed.result, BaseException)
    assert state.result[beside].result == "fine"
    assert [tried for tried, _ in trace.notes()] == [1, 2]
    pids = {pid for _, pid in trace.notes()}
    for pid in pids:
        os.kill(pid, 0)  # the worker still lives


@on_clusters
def test_r12_sys_exit_is_named_as_what_it_was(executor):
    @task
    def leave():
        raise SystemExit(3)

    with Flow("leave") as flow:
        left = leave()
    assert "SystemExit(3)" in flow.run(executor=executor).result[left].message.replace(
        "sys.exit(3)", "SystemExit(3)"
    )


def leave(*_):
    """Raise what ends a program."""
    raise SystemExit("leaving")


class LeavesWhenTaken:
    """Ends whoever takes it apart."""

    __reduce__ = leave


class LeavesWhenOpened:
    """Ends whoever rebuilds it."""

    def __reduce__(self):
        return leave, ()


class LeavesWhenShown(Exception):
    """Ends whoever shows it."""

    __str__ = __repr__ = leave


@on_clusters
@pytest.mark.parametrize(
    "where",
    [
        "payload taken",
        "payload opened",
        "result taken",
        "argument opened",
        "exception taken",
        "exception shown",
        "retry_if",
    ],
)
def test_r12_system_exit_out_of_a_value_is_an_ordinary_failure_too(executor, where):
    class Tiresome(Exception):
        __reduce__ = leave

    @task(max_retries=1, retry_if=leave if where == "retry_if" else None)
    def body(argument):
        if where == "payload taken":
            raise LOOP(result=LeavesWhenTaken())
        if where == "payload opened" and "task_loop_count" not in context:
            raise LOOP(result=LeavesWhenOpened())
        if where == "result taken":
            return LeavesWhenTaken()
        if where == "exception taken":
            raise Tiresome("tiresome")
        if where == "exception shown":
            raise LeavesWhenShown("shown")
        if where == "retry_if":
            raise ValueError("judge this")
        return "came through"

    with Flow("leaving") as flow:
        bad = body(LeavesWhenOpened() if where == "argument opened" else 1)
        beside = fine()
    check_that_only_this_failed(flow, bad, executor, beside=beside)
