"""Tasks, edges, slugs and orders of a graph."""

import pytest

from daskloop.define.annotations import flatten, unmapped
from daskloop.define.decorator import FunctionTask, task
from daskloop.define.edge import Edge
from daskloop.define.graph import TaskGraph
from daskloop.define.order import in_order
from daskloop.define.parameter import Parameter
from daskloop.define.task import Task
from tests.define.writing import writing


@task
def give(x):
    return x


@task
def start():
    return 1


def names(tasks):
    return [one.name for one in tasks]


def test_tasks_stand_in_the_order_of_writing_and_are_sorted_by_need():
    a, b, c = (Task(name=name) for name in "abc")
    graph = TaskGraph("f")
    graph.add_edge(b, a)
    graph.add_task(c)
    assert names(graph.tasks) == ["a", "b", "c"]
    assert names(graph.sorted_tasks()) == ["b", "a", "c"]
    assert list(graph.upstream_tasks(a)) == [b]
    assert list(graph.downstream_tasks(b)) == [a]
    assert names(graph.root_tasks()) == ["b", "c"]
    assert names(graph.terminal_tasks()) == ["a", "c"]
    assert a in graph
    assert Task(name="a") not in graph


def test_edges_are_read_from_the_calls():
    with writing() as graph:
        p, s = Parameter("p"), start()
        one = give([p, {"k": s}], upstream_tasks=[s])
        two = give.map(flatten(one))
    assert graph.edges() == {
        Edge(p, one, "x"),
        Edge(s, one, "x"),
        Edge(s, one),
        Edge(one, two, "x", mapped=True, flattened=True),
    }


def test_calling_one_task_twice_makes_two_with_slugs_of_their_own():
    with writing() as graph:
        one, two = give(1), give(2)
    assert one is not two
    assert graph.slugs == {one: "give-1", two: "give-2"}


def test_slugs_never_collide_and_explicit_ones_stay_as_they_are():
    graph = TaskGraph("f")
    tasks = [Task(name="a"), Task(name="b", slug="a-2"), Task(name="a"), Task(name="a-1")]
    for one in tasks:
        graph.add_task(one)
    assert list(graph.slugs.values()) == ["a-1", "a-2", "a-3", "a-1-1"]


def test_f05_one_explicit_slug_twice_is_refused():
    marked = task(lambda: 1, name="marked", slug="one")
    with writing() as graph:
        marked()
        with pytest.raises(ValueError, match=r"slug 'one' already.*task_args"):
            marked()
        marked(task_args={"slug": "two"})
    assert list(graph.slugs.values()) == ["one", "two"]


def test_f05_two_parameters_of_one_name_are_refused_and_one_may_be_used_twice():
    with writing() as graph:
        p = Parameter("p", default=1)
        give(p)
        give(p)
        with pytest.raises(ValueError, match="'p' already"):
            Parameter("p", default=2)
    assert list(graph.parameters()) == [p]


def test_f05_a_task_bound_in_one_flow_is_refused_in_another_naming_both():
    with writing("first"):
        one = give(1)
    with writing("second") as second:
        for use in (
            lambda: give(one),
            lambda: give([one]),
            lambda: give(1, upstream_tasks=[one]),
            lambda: second.add_task(one),
            lambda: second.chain(one, Task(name="b")),
            lambda: give.map(unmapped(one)),
        ):
            with pytest.raises(ValueError, match=r"'give'.*'first'.*'second'"):
                use()
    assert not second.tasks


def test_f05_parameters_and_templates_may_be_shared_between_flows():
    p = Parameter("p")
    for name in ("first", "second"):
        with writing(name) as graph:
            give(p)
        assert list(graph.parameters()) == [p]


def test_f01_a_cycle_is_refused_where_it_is_closed_and_printed():
    with writing() as graph:
        a, b, c = (Task(name=name) for name in "abc")
        graph.chain(a, b, c)
        with pytest.raises(ValueError, match=r"cycle.*: a -> b -> c -> a"):
            c.set_downstream(a)
        with pytest.raises(ValueError, match="a -> a"):
            a.set_upstream(a)
    assert names(graph.sorted_tasks()) == ["a", "b", "c"]


def test_f01_a_cycle_among_given_tasks_is_printed():
    a, b, c, d = tasks = [Task(name=name) for name in "abcd"]
    upstream = {a: [], b: [a, d], c: [b], d: [c]}
    downstream = {a: [b], b: [c], c: [d], d: [b]}
    with pytest.raises(ValueError, match=r"cycle.*(b -> c -> d -> b|c -> d -> b -> c|d -> b -> c)"):
        in_order(tasks, upstream, downstream)


def test_a_required_argument_that_is_not_bound_is_named_before_a_run():
    with writing() as graph:
        one = give.copy()
        graph.add_task(one)
        start().set_downstream(one)
        with pytest.raises(ValueError, match=r"'f'.*'x' of task 'give'"):
            graph.validate()
        start().set_downstream(one, key="x")
        graph.validate()


def test_a_task_used_without_being_called_is_found_before_a_run():
    with writing() as graph:
        give(give)
    with pytest.raises(ValueError, match="'x' of task 'give'"):
        graph.validate()


def test_an_argument_is_bound_once():
    with writing():
        one = give(1)
        with pytest.raises(ValueError, match=r"'x' of task 'give' is bound already.*call it again"):
            one.set_upstream(start(), key="x")
        with pytest.raises(ValueError, match="bound already"):
            one.bind(2)


def test_an_edge_to_an_argument_that_is_not_there_is_refused():
    with writing():
        one = give(1)
        with pytest.raises(ValueError, match="no argument 'y'"):
            one.set_upstream(start(), key="y")
        with pytest.raises(ValueError, match="no argument 'y'"):
            Task(name="empty").set_upstream(one, key="y")
        with pytest.raises(TypeError, match="takes tasks, got 5"):
            one.set_downstream(5)


def test_a_parameter_waits_for_nothing():
    with writing():
        p, one = Parameter("p"), start()
        with pytest.raises(ValueError, match="Parameter 'p' has no inputs"):
            p.set_upstream(one)
        with pytest.raises(TypeError, match="Parameter 'p' has no inputs"):
            p(1)
        assert p() is p
        assert p.copy() is p


def test_dependencies_can_be_set_all_at_once():
    with writing() as graph:
        one, two, three = start(), start(), start()
        last = Task(name="last")
        middle = give.copy()
        middle.set_dependencies(
            upstream_tasks=[one, unmapped(two)],
            downstream_tasks=[last],
            keyword_tasks={"x": flatten(three)},
            mapped=True,
        )
    assert graph.edges() == {
        Edge(one, middle, mapped=True),
        Edge(two, middle),
        Edge(three, middle, "x", mapped=True, flattened=True),
        Edge(middle, last, mapped=True),
    }


def test_edges_can_be_added_to_a_task_after_its_flow_was_written():
    with writing() as graph:
        one, two = start(), start()
    two.set_upstream(one)
    assert graph.edges() == {Edge(one, two)}
    assert graph.add_edge(one, give.copy(), key="x", mapped=True).mapped


def test_f03_reference_tasks_are_the_terminal_ones_unless_chosen():
    with writing() as graph:
        one = start()
        two = give(one)
        other = give.copy()
    assert list(graph.reference_tasks()) == [two]
    graph.set_reference_tasks([one, one])
    assert graph.reference_tasks() == {one}
    with pytest.raises(ValueError, match=r"give.*not in flow 'f'.*what the call returned"):
        graph.set_reference_tasks([other])
    graph.set_reference_tasks([])
    assert list(graph.reference_tasks()) == [two]


def test_tasks_are_found_by_name_slug_and_tags():
    with writing() as graph:
        one = give(1, task_args={"tags": ["a", "b"]})
        two = give(2, task_args={"tags": ["a"]})
        three = start()
    assert graph.get_tasks(name="give") == [one, two]
    assert graph.get_tasks(slug="give-2") == [two]
    assert graph.get_tasks(tags=["a", "b"]) == [one]
    assert graph.get_tasks(name="start", tags=["a"]) == []
    assert graph.get_tasks(task_type=Parameter) == []
    assert graph.get_tasks(task_type=(FunctionTask, Parameter), tags=["a"]) == [one, two]
    with pytest.raises(TypeError, match=r"tags='a' is one text; give a list, like tags=\['a'\]"):
        graph.get_tasks(tags="a")
    assert graph.get_tasks() == [one, two, three]


def test_f03_one_task_as_reference_tasks_is_refused_with_what_to_write():
    with writing() as graph:
        one = give(1)
    with pytest.raises(TypeError, match=r"<FunctionTask: give>\): give a list of tasks"):
        graph.set_reference_tasks(one)


def test_a_refused_call_leaves_nothing_behind():
    with writing("other"):
        stranger = start()
    with writing() as graph:
        with pytest.raises(ValueError, match="other"):
            give([start.copy(), stranger])
        with pytest.raises(TypeError, match="it needs 'x'"):
            give()
    assert not graph.tasks


def test_things_that_are_no_tasks_are_refused():
    with pytest.raises(TypeError, match="takes tasks, got"):
        TaskGraph("f").add_task(lambda: 1)


def test_ten_thousand_tasks_are_sorted_without_recursion():
    graph = TaskGraph("long")
    tasks = [Task(name=f"t{index}") for index in range(10_000)]
    for one in tasks:
        graph.add_task(one)
    graph.chain(*tasks)
    assert graph.sorted_tasks() == tuple(tasks)
    assert len(graph.slugs) == 10_000
