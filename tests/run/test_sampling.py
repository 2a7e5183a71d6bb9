"""A look at a run says how every child stands, whatever their number, at a bounded size."""

from __future__ import annotations

import time
from typing import Any

import pytest

from daskloop.dashboard.standings import Standing
from daskloop.dashboard.views import CELLS, TASKS, TaskView, pack
from daskloop.define.graph import TaskGraph
from daskloop.define.parameter import Parameter
from daskloop.run.mishaps import Mishaps
from daskloop.run.sampling import Sampler
from tests.dashboard.samples import view
from tests.run.driven import Driven, Plain, graph_of


def wide(width: int, **options: Any) -> Driven:
    """Start a flow of one map."""
    graph = TaskGraph("wide")
    Plain(name="m", **options).map(list(range(width)), flow=graph)
    return Driven(graph).start()


def look(run: Driven, slugs: Any = None, redact: Any = str) -> dict[str, TaskView]:
    """Look at a run, and give its tasks by name."""
    mishaps = Mishaps()
    for event in run.events:
        mishaps.hear(event)
    views, _ = Sampler(mishaps, redact).tasks(run.machine.standing.nodes, slugs)
    return {one.name: one for one in views}


def test_q05_every_child_is_counted_by_how_it_stands() -> None:
    run = wide(6, max_retries=1, retry_delay=5)
    run.come("m", 0, kind="looped")
    run.come("m", 0, kind="success")
    run.come("m", 1, kind="failed", message="oh")
    run.come("m", 2, kind="skipped")
    run.come("m", 3, kind="looped", message="one down")
    task = look(run)["m"]
    assert task.width == 6
    assert sum(task.counts) == 6
    assert task.counts[Standing.DONE] == 1
    assert task.counts[Standing.RETRYING] == 1
    assert task.counts[Standing.SKIPPED] == 1
    assert task.counts[Standing.UNDER_WAY] == 3
    assert (task.iterations, task.retries) == (3, 1) == (run.machine.counts.iterations, 1)
    assert task.cells is not None
    assert task.cells.iterations == (2, 1, 1, 2, 1, 1)
    assert task.cells.failed == [(1, 1)]
    assert task.cells.standings[1] == Standing.RETRYING


def test_q05_children_worth_a_look_have_a_line_with_what_they_said() -> None:
    run = wide(5, max_retries=1, retry_delay=5)
    run.come("m", 1, kind="failed", message="oh\nno")
    run.come("m", 2, kind="looped", message="one down")
    lines = {line.name: line for line in look(run)["m"].lines}
    retrying = lines["m[1]"]
    assert (retrying.standing, retrying.iteration) == (Standing.RETRYING, 1)
    assert (retrying.attempt, retrying.attempts) == (2, 2)
    assert retrying.until == pytest.approx(run.now + 5)
    assert retrying.message == "Retrying after 5 s: oh no"
    assert lines["m[2]"].message == "one down"
    run.take(after=6)
    run.come("m", 1, kind="failed", message="for good")
    failed = look(run)["m"].lines[0]
    assert (failed.name, failed.standing, failed.message) == ("m[1]", Standing.FAILED, "for good")


def test_q05_a_map_of_yet_unknown_width_says_so() -> None:
    def write(graph: TaskGraph) -> None:
        first = Plain(name="first").bind(flow=graph)
        Plain(name="then").map(first, flow=graph)

    tasks = look(Driven(graph_of(write)).start())
    assert tasks["then"].width is None
    assert tasks["first"].width == 1


def test_q05_parameters_are_not_among_the_tasks() -> None:
    def write(graph: TaskGraph) -> None:
        Plain(name="t").bind(Parameter("p"), flow=graph)

    assert list(look(Driven(graph_of(write), {"p": 1}).start())) == ["t"]


def test_q03_only_tasks_that_somebody_looks_at_show_their_children() -> None:
    def write(graph: TaskGraph) -> None:
        for name in "ab":
            Plain(name=name).map([1, 2], flow=graph)

    tasks = look(Driven(graph_of(write)).start(), {"a-1"})
    assert tasks["a"].cells is not None
    assert tasks["b"].cells is None
    assert tasks["b"].lines == ()
    assert sum(tasks["b"].counts) == 2


def test_q03_a_task_that_has_closed_is_looked_at_once_from_far_and_once_from_near() -> None:
    run = wide(2)
    run.come("m", 0)
    run.come("m", 1)
    sampler, nodes = Sampler(Mishaps()), run.machine.standing.nodes
    (far,), _ = sampler.tasks(nodes, ())
    assert sampler.tasks(nodes, ())[0][0] is far
    (near,), _ = sampler.tasks(nodes, {"m-1"})
    assert near.cells is not None
    assert sampler.tasks(nodes, ())[0][0] is near


def test_q02_a_wide_map_is_counted_in_strips_and_stays_small() -> None:
    run = wide(100_000)
    run.come("m", 0, kind="looped", message="x" * 1_000_000)
    run.come("m", 1, kind="failed", message="y" * 1_000_000)
    began = time.perf_counter()
    task = look(run)["m"]
    print(f"a look at 100,000 children takes {time.perf_counter() - began:.3f} s")
    assert task.cells is None
    assert len(task.strips) == 200
    assert sum(sum(strip.counts) for strip in task.strips) == 100_000
    assert sum(task.counts) == 100_000
    assert max(len(line.message) for line in task.lines) == 200
    data = pack(view("a", tasks=(task,)))
    print(f"and is told in {len(data):,} bytes")
    assert len(data) < 50_000


def test_q02_the_widest_map_that_is_shown_child_by_child_stays_small() -> None:
    run = wide(CELLS)
    assert len(pack(view("a", tasks=(look(run)["m"],)))) < 30_000


def test_q02_of_very_many_tasks_those_that_are_under_way_are_shown() -> None:
    def write(graph: TaskGraph) -> None:
        for number in range(TASKS + 20):
            Plain(name=f"t{number}").bind(flow=graph)

    run = Driven(graph_of(write), slots=1_000).start()
    for number in range(15):
        run.come(f"t{number}")
    views, more = Sampler(Mishaps()).tasks(run.machine.standing.nodes, None)
    assert more == 20
    assert len(views) == TASKS
    assert not {f"t{number}" for number in range(15)} & {one.name for one in views}


def test_q07_secrets_do_not_get_into_messages() -> None:
    run = wide(1)
    run.come("m", 0, kind="looped", message="401 for hunter22")
    lines = look(run, redact=lambda text: text.replace("hunter22", "•••"))["m"].lines
    assert lines[0].message == "401 for •••"


def test_q02_marks_of_failed_attempts_are_bounded() -> None:
    from daskloop.events import AttemptFailed
    from daskloop.keys import Place

    mishaps = Mishaps()
    for number in range(5_000):
        address = (Place("m-1", number, 1),)
        mishaps.hear(AttemptFailed("r", 0.0, address, "m", 1, 1, "", ""))
    assert len(mishaps.failed("m-1")) == 2_000
    assert mishaps.failed("other") == ()
