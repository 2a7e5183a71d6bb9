"""Resources as they are written: what waits for the setup, what the cleanup waits for."""

from __future__ import annotations

import pytest

from daskloop import Flow, case, resource_manager, task
from daskloop.define.resource_manager import ResourceManager, resource_was_set_up
from daskloop.signals import SKIP, TRIGGERFAIL
from daskloop.states import Cancelled, Failed, Skipped, Success
from tests.define.writing import writing


@resource_manager
class Table:
    def __init__(self, name, size=1):
        self.name = name

    def setup(self):
        return self.name

    def cleanup(self, table):
        pass


@task
def use(x, y=None):
    return x


def names(tasks):
    return sorted(one.name for one in tasks)


def test_the_block_stands_between_setup_and_cleanup():
    with writing() as graph:
        before = use("before")
        with Table("a") as table:
            first = use(table)
            alone = use(before)
            second = use(first)
        after = use(second)
    (cleanup,) = graph.get_tasks(name="Table.cleanup")
    assert names(graph.upstream_tasks(first)) == ["Table.setup"]
    assert names(graph.upstream_tasks(alone)) == ["Table.setup", "use"]
    assert names(graph.upstream_tasks(second)) == ["use"]
    assert set(graph.upstream_tasks(cleanup)) >= {alone, second, table}
    assert first not in graph.upstream_tasks(cleanup)
    assert cleanup not in graph.upstream_tasks(after)


def test_what_comes_before_a_cleanup_decides_the_state_of_the_flow():
    with writing() as graph, Table("a") as table:
        last = use(use(table))
    (cleanup,) = graph.get_tasks(name="Table.cleanup")
    assert set(graph.reference_tasks()) == {last, cleanup}
    assert set(graph.terminal_tasks()) == {cleanup}


def test_the_inner_of_two_resources_is_put_away_first():
    with writing() as graph, Table("a") as outer, Table(outer) as inner:
        use(inner)
    first, second = graph.get_tasks(name="Table.cleanup")
    assert second in graph.upstream_tasks(first)
    assert names(graph.upstream_tasks(second)) == ["Table", "Table.setup", "use"]


def test_a_case_in_a_resource_waits_for_the_setup_and_a_resource_in_a_case_for_the_condition():
    with writing() as graph:
        condition = use(True)
        with Table("a"), case(condition, True):
            one = use("one")
        with case(condition, True), Table("b") as table:
            use(table)
    (compare,) = graph.upstream_tasks(one)
    assert names(graph.upstream_tasks(compare)) == ["Table.setup", "use"]
    made = graph.get_tasks(name="Table")[1]
    assert names(graph.upstream_tasks(made)) == ["case(True)"]


def test_the_cleanup_runs_if_there_is_something_to_put_away():
    with writing() as graph, Table("a") as table:
        use(table)
    (cleanup,) = graph.get_tasks(name="Table.cleanup")
    edges = {edge.key: edge for edge in graph.edges() if edge.downstream_task is cleanup}
    used = {edges["manager"]: Success(), edges[None]: Failed()}
    assert resource_was_set_up({**used, edges["resource"]: Success()})
    with pytest.raises(SKIP):
        resource_was_set_up({**used, edges["resource"]: Skipped()})
    for state in (Failed(), Cancelled()):
        with pytest.raises(TRIGGERFAIL):
            resource_was_set_up({**used, edges["resource"]: state})


def test_options_go_to_the_three_tasks():
    @resource_manager(
        name="db",
        init_task_kwargs={"tags": ["made"]},
        setup_task_kwargs={"max_retries": 2},
        cleanup_task_kwargs={"max_retries": 3},
    )
    class Database:
        def setup(self): ...
        def cleanup(self, database): ...

    with writing() as graph, Database():
        pass
    made = {one.name: one for one in graph.tasks}
    assert list(made) == ["db", "db.setup", "db.cleanup"]
    assert made["db"].tags == {"made"}
    assert [made[name].max_retries for name in ("db.setup", "db.cleanup")] == [2, 3]
    assert made["db.cleanup"].is_cleanup
    assert not made["db.setup"].is_cleanup


def test_a_block_that_raises_adds_nothing_more():
    with writing() as graph:
        with pytest.raises(ZeroDivisionError), Table("a"):
            use(1)
            raise ZeroDivisionError
        use(2)
    assert not graph.upstream_tasks(graph.get_tasks(name="use")[0])


def test_what_is_no_resource_is_refused():
    class Half:
        def setup(self): ...

    with pytest.raises(TypeError, match="Half has no method 'cleanup'"):
        resource_manager(Half)
    with pytest.raises(TypeError, match="marks a class"):
        ResourceManager(lambda: None)
    with pytest.raises(ValueError, match=r"Table\(...\) is a resource of a flow"):
        Table("a")
    with writing(), pytest.raises(TypeError, match="'Table' is called wrongly: it needs 'name'"):
        Table()
    flow = Flow("f")
    context = Table("a", flow=flow)
    outside = pytest.raises(ValueError, match=r"resource 'Table\.setup' stands outside a flow")
    with outside, context:
        pass
