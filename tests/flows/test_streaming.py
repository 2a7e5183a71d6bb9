"""Maps that grow with a loop: a child for each item that it emits, before the loop has ended."""

from __future__ import annotations

import numpy as np
import pytest

from daskloop import Flow, Parameter, again, apply_map, emitted, flatten, loop_flow, task, unmapped
from daskloop.engine.signals import LOOP, SKIP, SUCCESS
from tests.flows.traces import Trace, on_clusters


@task
def double(x):
    return 2 * x


@task
def total(xs):
    return sum(xs)


@task
def count(n=0, to=3):
    return again(n=n + 1, emit=n) if n < to else "done"


def test_e01_a_map_has_a_child_for_each_item_and_what_follows_grows_with_it(executor):
    with Flow("streamed") as flow:
        loop = count(to=5)
        doubled = double.map(emitted(loop))
        again_doubled = double.map(doubled)
        end = total(again_doubled)
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert state.result[loop].result == "done" and state.result[loop].loop_count == 6
    assert state.result[doubled].result == [0, 2, 4, 6, 8]
    assert state.result[again_doubled].result == [0, 4, 8, 12, 16]
    assert state.result[end].result == 40


@on_clusters
def test_e01_children_begin_before_the_loop_has_ended(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def loop(n=0):
        if n == 2:
            assert trace.wait_for("saved", 0) and trace.wait_for("noted", 1)
            return "done"
        return again(n=n + 1, emit=n)

    @task
    def save(n):
        trace.note("saved", n)
        return n

    @task
    def note(n):
        trace.note("noted", n)

    with Flow("streamed") as flow:
        end = loop()
        note.map(save.map(emitted(end)))
    assert flow.run(executor=executor).is_successful()


def test_e01_signals_emit_several_and_with_the_last_iteration_too(executor):
    @task
    def pages():
        from daskloop import context

        n = context.get("task_loop_result") or 0
        if n < 2:
            raise LOOP("on", result=n + 1, emit=f"page {n}")
        raise SUCCESS(result="all", emit=None, emit_all=("last", "very last"))

    @task
    def same(x, y):
        return x, y

    with Flow("streamed") as flow:
        loop = pages()
        found = same.map(emitted(loop), unmapped([1]))
    state = flow.run(executor=executor)
    items = ["page 0", "page 1", None, "last", "very last"]
    assert state.result[found].result == [(item, [1]) for item in items]
    assert state.result[loop].result == "all"


def test_e02_items_of_a_mapped_loop_come_in_the_order_of_their_iterations(executor):
    with Flow("streamed") as flow:
        loops = count.map(to=[1, 4, 2])
        doubled = double.map(emitted(loops))
    state = flow.run(executor=executor)
    assert sorted(state.result[doubled].result) == sorted([0, 0, 2, 4, 6, 0, 2])


def test_e01_loop_flows_emit_and_what_is_in_a_body_may_grow(executor):
    @loop_flow
    def rounds(n=1):
        inner = double.map(emitted(count(to=2)))
        return again(n=n + 1, emit=total(inner) * n).until(n >= 3, result=n)

    with Flow("streamed") as flow:
        end = rounds()
        doubled = double.map(emitted(end))
    state = flow.run(executor=executor)
    assert state.result[end].result == 3
    assert state.result[doubled].result == [4, 8, 12]


@pytest.mark.parametrize("to", [0, 3])
def test_e03_a_loop_that_emits_nothing_leaves_an_empty_map(to):
    @task
    def silent(n=0):
        return again(n=n + 1) if n < to else None

    with Flow("streamed") as flow:
        doubled = double.map(emitted(silent()))
        end = total(double.map(doubled))
    state = flow.run(executor="inline")
    assert state.result[doubled].is_mapped() and state.result[doubled].result == []
    assert state.result[end].result == 0


def test_e03_a_loop_that_is_skipped_or_fails_at_once_leaves_what_it_leaves_any_map():
    @task
    def skipped():
        raise SKIP("not today")

    @task
    def failed():
        raise ValueError("no")

    with Flow("streamed") as flow:
        of_skipped = double.map(emitted(skipped()))
        of_failed = double.map(emitted(failed()))
        after = total(of_failed)
    state = flow.run(executor="inline")
    assert state.result[of_skipped].is_skipped()
    assert state.result[of_failed].is_failed() and not state.result[of_failed].is_mapped()
    assert "'failed' has no result to map over" in state.result[of_failed].message
    assert state.result[after].is_trigger_failed()


def test_e05_an_attempt_that_fails_emits_nothing_and_a_retry_does_not_emit_twice(
    executor, tmp_path
):
    trace = Trace(tmp_path)

    @task(max_retries=1)
    def flaky(n=0):
        if n == 1 and trace.first("breaks"):
            raise ValueError("once")
        return again(n=n + 1, emit=n) if n < 3 else None

    with Flow("streamed") as flow:
        doubled = double.map(emitted(flaky()))
    assert flow.run(executor=executor).result[doubled].result == [0, 2, 4]


@pytest.mark.parametrize("size", [1, 200_000], ids=["inline", "stored"])
def test_e05_a_resumed_run_has_the_same_children_and_runs_none_again(executor, tmp_path, size):
    trace = Trace(tmp_path)

    @task
    def loop(n=0):
        if n == 3 and trace.first("loop"):
            raise ValueError("the first time")
        return again(n=n + 1, emit=bytes([n]) * size) if n < 5 else None

    @task
    def save(item):
        trace.note(item[0])
        if item[0] == 1 and trace.first("save"):
            raise ValueError("the first time")
        return item[0], len(item)

    with Flow("streamed") as flow:
        saved = save.map(emitted(loop()))
    journal = tmp_path / "journal"
    assert flow.run(executor=executor, journal=journal).is_failed()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[saved].result == [(n, size) for n in range(5)]
    assert sorted(trace.notes()) == [(0,), (1,), (1,), (2,), (3,), (4,)]


def test_e05_what_a_child_emits_again_counts_once_when_it_is_taken_back(tmp_path):
    trace = Trace(tmp_path)

    @task
    def loop(n=0):
        return again(n=n + 1, emit=n if trace.notes().count((9,)) < 4 else -n) if n < 4 else None

    @task
    def save(item):
        trace.note(9)
        return item

    with Flow("streamed") as flow:
        saved = save.map(emitted(loop()))
    journal = tmp_path / "journal"
    assert flow.run(executor="inline", journal=journal).result[saved].result == [0, 1, 2, 3]
    options = {"journal": journal, "resume": True, "only": "loop", "from_iteration": 3}
    state = flow.run(executor="inline", **options)
    assert state.result[saved].result == [0, 1, -2, -3]


def test_e05_a_run_that_was_stopped_goes_on_growing(executor, tmp_path):
    def stop(task, state):
        if state.loop_count == 2 and Trace(tmp_path).first("stopped"):
            run.cancel()

    with Flow("streamed") as flow:
        loop = task(count.run, on_loop=stop, name="count")(to=4)
        doubled = double.map(emitted(loop))
    journal = tmp_path / "journal"
    run = flow.submit(executor=executor, journal=journal)
    assert run.result().is_cancelled()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[doubled].result == [0, 2, 4, 6]


def test_e06_what_cannot_mean_anything_is_refused_where_it_is_written():
    with Flow("bad"):
        loop = count()
        for write, says in (
            (lambda: double(emitted(loop)), "mapped over, item by item"),
            (lambda: double.map(flatten(emitted(loop))), "emit_all="),
            (lambda: double.map(unmapped(emitted(loop))), "mapped over, item by item"),
            (lambda: double.map(emitted([1, 2])), r"emitted\(\[1, 2\]\): give the task that loops"),
            (lambda: double.map(emitted(Parameter("p"))), "give the task that loops"),
            (lambda: count.map(n=emitted(loop), to=[1, 2]), "mapped over 'n', 'to'"),
            (lambda: double.map(emitted(loop), names="{x}"), "children have numbers only"),
        ):
            with pytest.raises((TypeError, ValueError), match=says):
                write()


def test_e06_apply_map_grows_too(executor):
    def twice(x):
        return double(double(x))

    with Flow("streamed") as flow:
        found = apply_map(twice, emitted(count()))
    assert flow.run(executor=executor).result[found].result == [0, 4, 8]


def test_e06_what_cannot_be_emitted_fails_the_iteration():
    @task
    def bad(n=0):
        return again(n=n + 1, emit_all=5)

    with Flow("streamed") as flow:
        loop = bad()
        double.map(emitted(loop))
    state = flow.run(executor="inline")
    assert state.result[loop].is_failed() and "emit_all" in state.result[loop].message


def test_e01_arrays_may_be_emitted_element_by_element(executor):
    @task
    def once():
        raise SUCCESS(emit_all=np.array([3, 4]))

    @loop_flow
    def rounds(xs, n=1):
        return again(n=n + 1, emit_all=xs).until(n >= 2, result=n)

    with Flow("streamed") as flow:
        found = [double.map(emitted(one)) for one in (once(), rounds(np.array([1, 2])))]
    state = flow.run(executor=executor)
    assert [state.result[one].result for one in found] == [[6, 8], [2, 4, 2, 4]]
