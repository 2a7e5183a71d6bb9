"""What the engine adds to what the user says of priority and place."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from daskloop import again, loop_flow
from daskloop.define.decorator import task
from daskloop.define.graph import TaskGraph
from daskloop.executors.session import NO_DEMAND, Demand
from daskloop.plan.compile import compile_plan
from daskloop.run.placing import Placing, demands_of


def child(*, continuing: bool = False, stored: bool = False, **options: Any) -> Any:
    """Make as much of a child as counts here."""
    graph = TaskGraph("f")
    graph.add_task(task(lambda: None, name="work", **options))
    payload = SimpleNamespace(name="payload-1" if stored else None)
    return SimpleNamespace(
        node=SimpleNamespace(plan=compile_plan(graph).nodes[0]),
        continuing=continuing,
        worker="tcp://10.0.0.5:4040",
        progress=SimpleNamespace(payload=payload),
    )


@pytest.mark.parametrize(("said", "begins"), [(None, 0), (0, 0), (3, 6), (-1, -2)])
def test_w08_the_users_priority_decides_and_what_continues_goes_first_among_equals(said, begins):
    assert Placing().of(child(priority=said))[0] == begins
    assert Placing().of(child(priority=said, continuing=True))[0] == begins + 1


def test_w09_a_stored_payload_is_read_where_it_was_written_unless_the_user_says_where():
    preferred = Demand(workers=("tcp://10.0.0.5:4040",), allow_other_workers=True)
    placing = Placing()
    one = child(stored=True)
    assert placing.of(one)[1] == preferred
    one.progress.payload = None
    assert placing.of(one)[1] is NO_DEMAND
    assert Placing().of(child(stored=True, priority=1))[1] == preferred
    assert Placing().of(child(stored=True, workers="bob"))[1] == Demand(workers=("bob",))
    # Dask would take any worker, should the preferred one be gone.
    gpu = Demand((("GPU", 1.0),))
    assert Placing().of(child(stored=True, resources={"GPU": 1}))[1] == gpu
    assert Placing().of(child(stored=True, tags=["dask-resource:GPU=1"]))[1] == gpu


def test_tags_that_were_added_in_place_are_read_when_a_run_begins():
    graph = TaskGraph("f")
    work = graph.add_task(task(lambda: None, name="work"))
    graph.add_task(task(lambda: None, name="other"))
    work.tags.add("dask-resource:GPU=1")
    assert demands_of(compile_plan(graph)) == {"work-1": Demand((("GPU", 1.0),))}
    work.tags.add("dask-resource:GPU")
    with pytest.raises(ValueError, match="cannot be read"):
        demands_of(compile_plan(graph))


def test_g09_what_tasks_in_the_body_of_a_loop_flow_ask_for_is_known_before_a_run_begins():
    work = task(lambda n: n + 1, name="work", resources={"GPU": 1})

    @loop_flow
    def body(n=0):
        return again(n=work(n)).until(n >= 3, result=n)

    graph = TaskGraph("f")
    graph.add_task(body)
    assert demands_of(compile_plan(graph)) == {"body-1/work-1": Demand((("GPU", 1.0),))}
