"""Deep chains, wide maps and long loops in the machine alone; times are printed, not judged."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from daskloop.define.graph import TaskGraph
from daskloop.run.turn import Came
from daskloop.signals import SKIP
from daskloop.states import Failed, Skipped, TriggerFailed
from tests.run.driven import Driven, Plain
from tests.run.lives import entry

DEEP = 10_000  # ten times the recursion limit


@contextmanager
def noted(what: str) -> Iterator[None]:
    """Print what something takes; shown by ``pytest -s``."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    yield
    seconds = time.process_time() - begun
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    print(f"\n{what}: {seconds:.2f} s of CPU, {more:.0f} MiB more at the most")


def chain(length: int) -> Driven:
    """Start a chain of tasks."""
    graph = TaskGraph("chain")
    task = Plain(name="t0").bind(flow=graph)
    for n in range(1, length):
        task = Plain(name=f"t{n}").bind(task, flow=graph)
    return Driven(graph).start()


@pytest.mark.parametrize(("kind", "wanted"), [("skipped", Skipped), ("failed", TriggerFailed)])
def test_a_chain_of_ten_thousand_tasks_ends_without_recursion(kind: str, wanted: type):
    run = chain(DEEP)
    with noted(f"{DEEP} tasks {wanted.__name__}"):
        run.come("t0", kind=kind, value=SKIP("not today"))
    assert run.machine.finished
    assert {type(node.state) for node in run.machine.standing.nodes[1:]} == {wanted}
    longest = max(len(node.state.message or "") for node in run.machine.standing.nodes)
    assert longest < 500, "a message that grows with the chain"


def test_a_chain_of_maps_over_a_failed_one_ends_with_messages_of_bounded_length():
    graph = TaskGraph("chain")
    task = Plain(name="t0").bind(flow=graph)
    for n in range(1, 1_000):
        task = Plain(name=f"t{n}").map(task, flow=graph)
    run = Driven(graph).start()
    run.come("t0", kind="failed")
    assert run.machine.finished
    states = [node.state for node in run.machine.standing.nodes[1:]]
    assert {type(state) for state in states} == {Failed}
    assert max(len(state.message or "") for state in states) < 2_000


def test_a_chain_of_maps_is_gone_through_without_recursion():
    graph = TaskGraph("chain")
    task = Plain(name="t0").map([1, 2], flow=graph)
    for n in range(1, 2_000):
        task = Plain(name=f"t{n}").map(task, flow=graph)
    run = Driven(graph).start()
    run.come("t0", 0, "failed")
    run.come("t0", 1, "skipped", SKIP("not today"))
    assert run.machine.finished
    last = run.machine.standing.nodes[-1]
    assert [type(child.state) for child in last.children] == [TriggerFailed, Skipped]


@pytest.mark.slow
def test_a_map_of_fifty_thousand_runs_in_a_bounded_window():
    graph = TaskGraph("wide")
    above = Plain(name="m").map(list(range(50_000)), flow=graph)
    below = Plain(name="n").map(above, flow=graph)
    Plain(name="r").bind(below, flow=graph)
    run = Driven(graph)
    ended = entry("success", 1)
    most = 0
    with noted("50,000 children twice and a reduce"):
        run.start()
        while not run.machine.finished:
            most = max(most, len(run.machine.flying))
            run.take(*(Came(key, ended) for key in list(run.machine.flying)))
            run.records.clear()
            run.events.clear()
    assert most == 2 * 4 + 32
    assert len(run.state("m").map_states) == 50_000


@pytest.mark.slow
def test_l12_a_loop_of_a_hundred_thousand_iterations_grows_nothing():
    run = Driven(_one()).start()
    looped = entry("looped", {"n": 1})
    with noted("100,000 iterations"):
        for _ in range(100_000):
            run.take(Came(run.key("t"), looped))
            run.records.clear()
            run.events.clear()
            run.released.clear()
    run.come("t", value="end")
    assert run.state("t").loop_count == 100_001 and run.machine.counts.iterations == 100_000
    assert run.machine.next_due is None and not run.machine.flying


def _one() -> TaskGraph:
    graph = TaskGraph("one")
    Plain(name="t").bind(flow=graph)
    return graph
