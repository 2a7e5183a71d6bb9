"""SystemExit, KeyboardInterrupt and their like in user code (rules R9, R12)."""

from __future__ import annotations

import os

import pytest

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP
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
