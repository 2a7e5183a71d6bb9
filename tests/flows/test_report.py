"""``report=``: a page about the run, written when it ends."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import stat
import threading
from collections import Counter

import pytest

import daskloop
from daskloop import Flow, Parameter, again, loop_flow, task, unmapped
from daskloop.engine.signals import LOOP


@task(max_retries=2, retry_delay=0.01)
def reach(n, token):
    done = daskloop.context.get("task_loop_result") or 0
    if n == 3 and done == 2:
        raise ValueError(f"401 for {token}")
    if (n + done) % 5 == 4 and daskloop.context.get("task_run_count") == 1:
        raise OSError("connection reset by peer")
    if done >= n:
        return done
    raise LOOP(f"at {done}", done + 1)


@task
def half(x):
    return x / 2


with Flow("loops") as flow:
    reached = reach.map(Parameter("ns"), unmapped(Parameter("token", secret=True)))
    halves = half.map(reached)

NS = list(range(8))


def counts(text):
    return {key: int(found) for key, found in re.findall(r'data-count="(\w+)">(\d+)<', text)}


def data(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


@pytest.mark.parametrize("recorded", [False, True])
def test_the_page_says_what_the_states_and_the_log_say(executor, recorded, tmp_path, caplog):
    caplog.set_level(logging.INFO, "daskloop")
    path = tmp_path / "run.html"
    journal = tmp_path / "runs" if recorded else None
    state = flow.run(
        ns=NS, token="hunter22", executor=executor, report=path, journal=journal or False
    )
    assert state.is_failed()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    found = counts(text)
    iterations, retries, losses = re.search(
        r"(\d+) iterations, (\d+) retries, (\d+) losses", caplog.text
    ).groups()
    children = [*state.result[reached].map_states, *state.result[halves].map_states]
    done = sum(child.loop_count or 0 for child in children if child.is_successful())
    assert found["children"] == len(children) == 16
    assert found["iterations"] == done + 2  # of child 3, which failed at its third one
    logged = (int(iterations), int(retries), int(losses))
    assert (found["iterations"], found["retries"], found["losses"]) == logged
    assert found["attempts"] == int(iterations) + int(retries) + 1  # the one that failed for good
    assert found["failed"] == 1
    columns, texts = data(text)["columns"], data(text)["texts"]
    states = Counter(texts[number] for number in columns["state"])
    assert states == Counter(type(child).__name__ for child in children)
    assert columns["cells"][:5] == ["d", "gd", "ggD", "gGF", "Ggggd"]
    assert "401 for •••" in text
    assert "hunter22" not in text
    assert str(path) in caplog.text


def test_a_submitted_run_writes_its_page_before_it_is_done(tmp_path):
    path = tmp_path / "run.html"

    async def awaited():
        return await flow.submit(ns=[1], token="t", report=str(path), executor="inline")

    assert asyncio.run(awaited()).is_successful()
    assert counts(path.read_text())["iterations"] == 3


def test_a_stopped_run_has_a_page_and_the_resumed_one_tells_of_both(tmp_path):
    path = tmp_path / "run.html"

    begun = threading.Event()
    runs, stops = [], []

    def stop(task, old, new):
        if new.is_looped() and not stops:
            assert begun.wait(30)
            stops.append(runs[0].cancel())

    @task(state_handlers=[stop])
    def endless():
        done = daskloop.context.get("task_loop_result") or 0
        if done == 3:
            return done
        raise LOOP("again", done + 1)

    with Flow("endless") as stopped:
        endless()
    run = stopped.submit(executor="inline", report=path, journal=tmp_path / "runs")
    runs.append(run)
    begun.set()
    assert run.result().is_cancelled()
    assert 'class="status stopped"' in path.read_text()
    assert (
        f"journal=&#39;{tmp_path / 'runs'}&#39;, resume=&#39;{run.name}&#39;)" in path.read_text()
    )
    before = counts(path.read_text())["iterations"]
    run = stopped.submit(executor="inline", report=path, journal=tmp_path / "runs", resume=run.name)
    run.result()
    assert counts(path.read_text())["iterations"] > before


def test_a_page_that_cannot_be_written_costs_the_run_nothing(tmp_path, caplog, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()

    @task
    def remove():
        folder.rmdir()
        return 7

    with Flow("f") as gone:
        removed = remove()
    state = gone.run(executor="inline", report=folder / "run.html")
    assert state.result[removed].result == 7
    (said,) = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert re.search(r"no page was written to .*run\.html: FileNotFoundError", said)


def test_a_page_asked_for_keeps_no_states_of_iterations(tmp_path):
    state = flow.run(ns=[2], token="t", executor="inline", report=tmp_path / "a.html")
    (child,) = state.result[reached].map_states
    assert len(child.loop_states) == 0


def test_names_of_children_are_on_the_page(tmp_path):
    with Flow("named") as named:
        half.map([2, 4], names="x is {x}")
    named.run(executor="inline", report=tmp_path / "a.html")
    found = data((tmp_path / "a.html").read_text())
    assert [found["texts"][n] for n in found["columns"]["label"]] == ["x is 2", "x is 4"]


@pytest.mark.slow
def test_a_lost_worker_is_on_the_page(tmp_path, caplog):
    caplog.set_level(logging.INFO, "daskloop")
    once = tmp_path / "once"

    @task
    def fragile(n):
        if n == 1 and not once.exists():
            once.touch()
            os._exit(7)
        return n

    with Flow("fragile") as fragile_flow:
        fragile.map([0, 1, 2])
    path = tmp_path / "a.html"
    state = fragile_flow.run(executor="processes", workers=2, report=path)
    assert state.is_successful()
    text = path.read_text()
    losses = int(re.search(r"(\d+) losses", caplog.text)[1])
    assert counts(text)["losses"] == losses == 1
    assert data(text)["columns"]["losses"] == [0, 1, 0]
    assert '<h2 id="losses-title">Lost workers</h2>' in text


@task(max_retries=1)
def improve(x):
    if x == 5 and daskloop.context.get("task_run_count") == 1:
        raise ConnectionError("now and then")
    if x == 100:
        raise ValueError("too large")
    return x / 2


@loop_flow
def refine(x, steps=1):
    better = improve(x)
    return again(x=better, steps=steps + 1).until(better < 1, result=steps)


@pytest.mark.parametrize("recorded", [False, True])
def test_what_happens_in_the_body_of_a_loop_flow_counts_for_it(recorded, tmp_path, caplog):
    caplog.set_level(logging.INFO, "daskloop")
    with Flow("refined") as refined:
        refine.map([1, 10, 100])
    path = tmp_path / "a.html"
    refined.run(executor="inline", report=path, journal=tmp_path / "runs" if recorded else False)
    text = path.read_text()
    retries = int(re.search(r"(\d+) retries", caplog.text)[1])
    assert counts(text)["retries"] == retries == 2
    assert data(text)["columns"]["cells"] == ["d", "gGgd", "F"]
    assert all(seconds > 0 for seconds in data(text)["columns"]["seconds"])
    assert "refine[1]@2/improve-1@1" in text
