"""Each child is a trace, each attempt a span in it, and the run is what they are linked to."""

from __future__ import annotations

import os
import signal

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP, PAUSE
from daskloop.report.tracing import Tracing


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield Tracing(provider)
    provider.shutdown()


@task(max_retries=1)
def count_down(n):
    left = context.get("task_loop_result", n)
    if left == 1 and context.task_run_count == 1:
        raise ConnectionError("once \x1b[31m")
    if left < 0:
        raise ValueError("for good")
    if left == 0:
        return "done"
    raise LOOP(f"{left} left", left - 1)


def trace_of(exporter, name):
    """Return the span of a child and those of its attempts, in the order of their beginning."""
    spans = exporter.get_finished_spans()
    (root,) = [span for span in spans if span.name == name]
    same = [span for span in spans if span.context.trace_id == root.context.trace_id]
    inside = sorted((span for span in same if span is not root), key=lambda span: span.start_time)
    assert {span.parent.span_id for span in inside} == {root.context.span_id}
    return root, inside


@pytest.mark.parametrize("executor", ["inline", "threads", "processes"], indirect=True)
def test_a_child_is_a_trace_with_a_span_for_each_attempt(executor, exporter, tracing):
    with Flow("counts") as flow:
        count_down.map([2, 0, -1])
    flow.run(executor=executor, notify=[tracing])
    root, inside = trace_of(exporter, "count_down[0]")
    assert [span.name for span in inside] == [
        "iteration 1, try 1",
        "iteration 2, try 1",
        "iteration 2, try 2",
        "iteration 3, try 1",
    ]
    assert [span.attributes["daskloop.ended"] for span in inside] == [
        "looped",
        "failed",
        "looped",
        "success",
    ]
    assert inside[1].status.status_code is StatusCode.ERROR
    assert "once \\x1b[31m" in inside[1].status.description
    assert root.attributes["daskloop.state"] == "Success"
    assert root.attributes["daskloop.map_index"] == 0
    assert [event.name for event in root.events] == ["retry scheduled"]
    assert root.start_time <= inside[0].start_time and inside[-1].end_time <= root.end_time
    assert all(span.start_time <= span.end_time for span in inside)
    failed, tries = trace_of(exporter, "count_down[2]")
    assert failed.status.status_code is StatusCode.ERROR and len(tries) == 2
    (run,) = [one for one in exporter.get_finished_spans() if one.name == "run counts"]
    assert {link.context.span_id for one in (root, failed) for link in one.links} == {
        run.context.span_id
    }
    assert run.attributes["daskloop.retries"] == 2
    assert run.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("executor", ["inline-auto"], indirect=True)
def test_iterations_that_went_ahead_in_one_future_are_one_span(executor, exporter, tracing):
    @task
    def loop():
        done = context.get("task_loop_result", 0)
        if done == 9:
            return done
        raise LOOP("on", done + 1)

    with Flow("ahead") as flow:
        loop()
    flow.run(executor=executor, notify=[tracing])
    _, inside = trace_of(exporter, "loop")
    done = sum(span.attributes.get("daskloop.iterations", 1) for span in inside)
    assert done == 10 and len(inside) < 10


def test_two_runs_do_not_mix_and_a_child_that_never_ran_has_no_trace(exporter, tracing):
    @task
    def after(x):
        return x

    with Flow("fails") as flow:
        after(count_down(-1))
    runs = [flow.submit(executor="inline", notify=[tracing]) for _ in range(2)]
    names = {run.name for run in runs if run.result(20)}
    spans = exporter.get_finished_spans()
    assert {span.attributes["daskloop.run"] for span in spans} == names
    assert sorted(span.name for span in spans if "iteration" not in span.name) == [
        "count_down",
        "count_down",
        "run fails",
        "run fails",
    ]


def test_opentelemetry_has_a_name():
    with Flow("named") as flow:
        count_down(0)
    assert flow.run(executor="inline", notify=["opentelemetry"]).is_successful()


@task(max_worker_losses=1)
def dies(number):
    if number:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_child_of_which_all_attempts_were_lost_is_a_trace_too(exporter, tracing):
    with Flow("losses") as flow:
        dies.map([0, 1])
    flow.run(executor="processes", workers=2, notify=[tracing])
    (root,) = [span for span in exporter.get_finished_spans() if span.name == "dies[1]"]
    assert root.attributes["daskloop.state"] == "Crashed"
    assert root.status.status_code is StatusCode.ERROR
    assert [event.name for event in root.events] == ["attempt lost", "attempt lost"]
    assert all(event.attributes["daskloop.charged"] for event in root.events)
    assert "SIGKILL" in root.events[0].attributes["daskloop.reason"]
    root, inside = trace_of(exporter, "dies[0]")
    assert root.attributes["daskloop.state"] == "Success" and len(inside) == 1


@task
def asks(number):
    if not context.get("resume"):
        raise PAUSE("may I?", after="10ms" if number == 0 else None)
    return number


def test_a_pause_is_noted_in_the_trace_and_a_child_that_still_waits_ends_with_the_run(
    exporter, tracing
):
    with Flow("pauses") as flow:
        asked = asks.map([0, 1])
    run = flow.submit(executor="threads", workers=1, notify=[tracing])
    ended = next(iter(run.as_completed()))
    assert (ended.map_index, ended.state.result) == (0, 0)
    assert run.states[asked].map_states[1].message == "may I?"
    run.cancel()
    run.result(timeout=60)
    for number in (0, 1):
        root, inside = trace_of(exporter, f"asks[{number}]")
        assert [event.name for event in root.events] == ["paused"]
        assert root.events[0].attributes["daskloop.message"] == "may I?"
        assert len(inside) == 2 - number and root.end_time >= inside[-1].end_time
