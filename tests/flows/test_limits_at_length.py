"""Limits over many children, and under killed workers: what they allow, counted."""

from __future__ import annotations

import os
import signal
import threading
import time

import psutil
import pytest

from daskloop import Flow, again, context, task
from daskloop.engine.signals import LOOP
from tests.flows.test_throttles import most_in_a_second
from tests.flows.traces import Trace


@pytest.mark.slow
@pytest.mark.parametrize("where", ["threads", "processes"])
def test_l17_fifty_a_second_over_500_children_and_50_retries(tmp_path, capsys, where):
    trace = Trace(tmp_path)

    @task(rate="50/s", max_retries=1)
    def asked(number):
        trace.note(time.time())
        if number % 10 == 0 and context.task_run_count == 1:
            raise ValueError("once")
        return number

    with Flow("polite") as flow:
        numbers = asked.map(list(range(500)))
    assert flow.run(executor=where).result[numbers].result == list(range(500))
    times = [at for (at,) in trace.notes()]
    took, most = max(times) - min(times), most_in_a_second(times)
    with capsys.disabled():
        print(f"\n{where}: {len(times)} attempts in {took:.2f} s, at most {most} in a second")
    assert len(times) == 550
    assert took == pytest.approx(549 / 50, rel=0.05)
    assert most <= 55


@pytest.mark.slow
def test_l16_never_four_at_once_while_workers_are_killed(tmp_path, capsys):
    trace, deaths = Trace(tmp_path), Trace(tmp_path, "deaths")

    @task(max_running=3, max_worker_losses=50)
    def loop(number):
        count = context.get("task_loop_count", 1)
        trace.note(time.time(), os.getpid(), 1)
        time.sleep(0.05)
        trace.note(time.time(), os.getpid(), -1)
        if count < 8:
            raise LOOP(result=count)
        return number

    with Flow("narrow") as flow:
        loops = loop.map(list(range(12)))
    over = threading.Event()

    def kill():
        while not over.wait(0.6):
            alive = {pid for _, pid, _ in trace.notes()[-6:] if psutil.pid_exists(pid)}
            for pid in sorted(alive)[:1]:
                os.kill(pid, signal.SIGKILL)
                deaths.note(time.time(), pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        state = flow.run(executor="processes", workers=4)
    finally:
        over.set()
        killer.join()
    assert state.result[loops].result == list(range(12))
    died = {pid: at for at, pid in deaths.notes()}
    running, most = {}, 0
    for at, pid, change in sorted(trace.notes()):
        running[pid] = change > 0
        most = max(most, sum(on and died.get(one, at) >= at for one, on in running.items()))
    with capsys.disabled():
        print(f"\n{len(died)} workers killed, at most {most} attempts at once")
    assert len(died) >= 3 and most <= 3


@pytest.mark.slow
@pytest.mark.parametrize("where", ["threads", "processes"])
def test_l20_500_pollers_wait_on_two_slots_and_keep_both_free(tmp_path, capsys, where):
    trace = Trace(tmp_path)

    @task
    def poll(number):
        return number if context.get("task_loop_count", 1) == 4 else again(after="1s")

    @task
    def work(number):
        trace.note(number, time.time())
        return number

    @task
    def begin():
        time.sleep(1.5)
        return list(range(20))

    with Flow("poll") as flow:
        polled = poll.map(list(range(500)))
        worked = work.map(begin())
    began = time.time()
    state = flow.run(executor=where, workers=2)
    took = time.time() - began
    assert state.result[polled].result == list(range(500))
    assert state.result[worked].result == list(range(20))
    times = [at for _, at in trace.notes()]
    with capsys.disabled():
        print(
            f"\n{where}: 500 pollers of 3 waits of 1 s on two slots took {took:.1f} s; "
            f"20 other tasks ran within {max(times) - min(times):.2f} s beside them"
        )
    # One after the other the waits would take 750 s on two slots.
    assert took < 30
