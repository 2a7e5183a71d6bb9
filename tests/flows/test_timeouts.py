"""Timeouts on worker processes: a call that takes too long is stopped, wherever it is (L15)."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter

import psutil
import pytest
from distributed import Client, LocalCluster

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP
from daskloop.executors.local_cluster import start_processes
from daskloop.record.last_words import LastWords
from tests.flows.traces import Trace, attempt, on_processes
from tests.shared_clusters import PATIENCE

FOREVER = 3600


def block(how="sleep"):
    """Never return; with "pause", hold the interpreter in C code meanwhile."""
    if how == "sleep":
        time.sleep(FOREVER)
    ctypes.PyDLL(None).pause()


def are_gone(pids):
    """Tell whether processes end within some seconds."""
    deadline = time.monotonic() + PATIENCE
    while any(map(is_alive, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_alive(pid):
    """Tell whether a process runs."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@on_processes
@pytest.mark.parametrize("how", ["sleep", "pause"])
def test_l15_a_blocked_attempt_is_stopped_and_its_retry_succeeds(executor, tmp_path, how):
    trace = Trace(tmp_path)

    @task(timeout=0.4, max_retries=1)
    def work(number):
        trace.note(number, context.task_run_count, os.getpid())
        if number == 2 and context.task_run_count == 1:
            block(how)
        return number

    with Flow("blocked") as flow:
        ended = work.map([0, 1, 2, 3])
    assert flow.run(executor=executor).result[ended].result == [0, 1, 2, 3]
    pids = {(number, tried): pid for number, tried, pid in trace.notes()}
    assert are_gone([pids[2, 1]])
    assert pids[2, 2] != pids[2, 1]


@on_processes
def test_l15_c58_a_loop_blocked_at_iteration_2_goes_on_from_its_payload(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(timeout=0.4, max_retries=1)
    def loop():
        trace.note(*attempt(), context.get("task_loop_result"))
        if attempt() == (2, 1):
            context.task_loop_result.append("spoilt")
            block("pause")
        if context.get("task_loop_count", 1) < 4:
            raise LOOP(result=[*context.get("task_loop_result", []), attempt()[0]])
        return context.task_loop_result

    with Flow("loop") as flow:
        end = loop()
    assert flow.run(executor=executor).result[end].result == [1, 2, 3]
    assert trace.notes() == [
        (1, 1, None),
        (2, 1, [1]),
        (2, 2, [1]),
        (3, 1, [1, 2]),
        (4, 1, [1, 2, 3]),
    ]


@on_processes
def test_l15_attempts_with_a_timeout_share_their_futures_and_process(executor):
    @task(timeout=20)
    def count(number):
        if context.get("task_loop_count", 1) < 5:
            raise LOOP(result=os.getpid())
        return context.task_loop_result

    with Flow("count") as flow:
        pids = count.map(list(range(10)))
    assert len(set(flow.run(executor=executor).result[pids].result)) <= 2


def run_blocked(executor, children, timeout):
    """Run children that all block; return how long it took, and check that no worker was lost."""

    @task(timeout=timeout)
    def blocked(number):
        if number % 2:  # nothing of this module, which a child imports in a second
            ctypes.PyDLL(None).pause()
        time.sleep(3600)

    @task
    def healthy(number):
        return os.getpid()

    with Flow("healthy") as beside:
        pids = healthy.map(list(range(16)))
    with Flow("blocked") as flow:
        ended = blocked.map(list(range(children)))
    before = set(beside.run(executor=executor).result[pids].result)
    began = time.monotonic()
    state = flow.run(executor=executor)
    seconds = time.monotonic() - began
    timed_out = [child.is_timed_out() for child in state.result[ended].map_states]
    assert timed_out == [True] * children
    after = set(beside.run(executor=executor).result[pids].result)
    assert len(after | before) <= len(executor.ncores())
    return seconds


@pytest.mark.parametrize("executor", ["processes"], indirect=True)
def test_l15_children_that_all_block_leave_every_worker_alive(executor):
    run_blocked(executor, children=12, timeout=0.3)


@pytest.mark.slow
def test_l15_a_hundred_children_that_block_cost_their_timeouts_and_no_more():
    cluster = start_processes(4)
    try:
        with Client(cluster.for_client, set_as_default=False) as client:
            # 25 rounds of four, a second each, and a fifth more.
            seconds = run_blocked(client, children=100, timeout=1)
            assert seconds <= 25 * 1.2
    finally:
        cluster.close()


CAUSES = {
    2: r"\bexit\w*\b.*\b7\b",
    5: r"SIGKILL|signal 9",
    6: r"SIGSEGV|signal 11|segmentation",
}


def test_r08_what_ends_its_process_costs_a_worker_with_a_timeout_too(tmp_path):
    trace = Trace(tmp_path)

    @task(timeout=20, max_worker_losses=0)
    def work(number):
        trace.note(number, context.task_run_count)
        if number == 2:
            os._exit(7)
        if number in (5, 6):
            signal.raise_signal(signal.SIGKILL if number == 5 else signal.SIGSEGV)
        return number

    with Flow("poison") as flow:
        ended = work.map(list(range(8)))
    children = flow.run(executor="processes", workers=2).result[ended].map_states
    assert {n for n, child in enumerate(children) if child.is_crashed()} == set(CAUSES)
    for number, child in enumerate(children):
        if number in CAUSES:
            assert re.search(CAUSES[number], child.message, re.IGNORECASE), child.message
            assert f"work[{number}]" in child.message
        else:
            assert child.result == number
    assert Counter(trace.notes()) == {(number, 1): 1 for number in range(8)}


@pytest.mark.slow
def test_r11_at_most_once_holds_with_a_timeout(tmp_path):
    trace = Trace(tmp_path)

    @task(timeout=20, at_most_once=True)
    def pay(number):
        trace.note(number)
        if number == 1:
            os._exit(7)
        return number

    with Flow("once") as flow:
        paid = pay.map([0, 1, 2])
    children = flow.run(executor="processes", workers=2).result[paid].map_states
    assert [child.is_crashed() for child in children] == [False, True, False]
    assert sorted(trace.notes()) == [(0,), (1,), (2,)]


@pytest.mark.slow
def test_r08_a_killed_worker_takes_the_process_of_its_attempt_along(tmp_path):
    trace = Trace(tmp_path)

    @task(timeout=60)
    def work():
        if trace.first():
            keeper = psutil.Process().parent()
            trace.note(keeper.ppid(), keeper.pid, os.getpid())
            block("pause")
        return "end"

    def kill():
        deadline = time.monotonic() + 6 * PATIENCE
        while not trace.notes() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(trace.notes()[0][0], signal.SIGKILL)

    with Flow("killed") as flow:
        end = work()
    killer = threading.Thread(target=kill)
    killer.start()
    state = flow.run(executor="processes", workers=1)
    killer.join()
    assert state.result[end].result == "end"
    assert are_gone(trace.notes()[0])


@pytest.mark.slow
def test_l15_at_the_end_of_a_run_no_process_is_left(tmp_path):
    trace = Trace(tmp_path)

    @task(timeout=0.5)
    def work(number):
        process = subprocess.Popen(["sleep", str(FOREVER)])
        trace.note(process.pid, os.getpid(), os.getppid())
        if number == 1:
            block()
        return number

    with Flow("left") as flow:
        ended = work.map([0, 1])
    children = flow.run(executor="processes", workers=2).result[ended].map_states
    assert [child.is_timed_out() for child in children] == [False, True]
    assert are_gone([pid for pids in trace.notes() for pid in pids])


def test_l15_a_module_that_is_uploaded_again_is_the_new_one(tmp_path, processes_client):
    module = tmp_path / "uploaded_for_timeouts.py"

    @task(timeout=20)
    def ask():
        import uploaded_for_timeouts

        return uploaded_for_timeouts.VALUE

    with Flow("upload") as flow:
        values = [ask() for _ in range(4)]
    for value in (1, 22):
        module.write_text(f"VALUE = {value}\n")
        processes_client.upload_file(str(module))
        state = flow.run(executor=processes_client)
        assert [state.result[one].result for one in values] == [value] * 4


@pytest.mark.parametrize("threads", [1, 2])
def test_l15_a_call_is_stopped_on_a_worker_of_one_thread_and_abandoned_on_others(
    tmp_path, threads, monkeypatch
):
    # The worker is in this process, which is not to leave any.
    monkeypatch.setattr(LastWords, "listen", lambda self, who: None)
    trace = Trace(tmp_path)

    @task(timeout=0.3)
    def work():
        trace.note(os.getpid())
        trace.wait_for("go on")
        trace.note("late")

    with Flow("outside") as flow:
        end = work()
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=threads,
            processes=False,
            protocol="tcp",
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        state = flow.run(executor=client)
        assert state.result[end].is_timed_out()
        assert state.result[end].message == "work ran longer than its timeout of 0.3 s"
        ((pid,),) = trace.notes()
        trace.note("go on")
        assert trace.wait_for("late", seconds=PATIENCE if threads == 2 else 0.2) is (threads == 2)
    assert (pid == os.getpid()) is (threads == 2)


@on_processes
def test_l15_a_body_with_a_timeout_is_told_what_every_body_is_told(executor):
    @task(timeout=20, max_retries=1)
    def ask(number):
        if context.task_run_count == 1 and number == 1:
            raise ValueError("once")
        context.logger.info("hello")
        keys = ("task_full_name", "map_index", "task_run_count", "flow_name", "colour")
        return [context[key] for key in keys], dict(context.parameters)

    with Flow("told") as flow:
        told = ask.map([0, 1])
    state = flow.run(executor=executor, context={"colour": "blue"})
    assert state.result[told].result == [
        ([f"ask[{n}]", n, n + 1, "told", "blue"], {}) for n in range(2)
    ]
