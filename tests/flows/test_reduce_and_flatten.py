"""Reduces take a map's list, flattening takes one level of nesting away."""

from __future__ import annotations

import pytest

from daskloop import Flow, Parameter, context, flatten, task, unmapped
from daskloop.engine.signals import LOOP, SKIP
from daskloop.engine.state import Failed, Skipped, Success, TriggerFailed
from daskloop.triggers import all_finished, all_successful, any_failed, any_successful
from tests.flows.maps_notes import Notes


@task
def give(value):
    return value


@task
def double(x):
    return 2 * x


@task
def total(xs):
    return sum(xs)


@task
def divide(x):
    return 1 / x


@task
def skip_one(x):
    if x == 1:
        raise SKIP("not one")
    return x


@task(trigger=all_finished, skip_on_upstream_skip=False)
def kinds(xs):
    return [type(x).__name__ for x in xs]


def test_m06_a_plain_task_on_a_mapped_one_gets_the_list_in_order(executor):
    with Flow("r") as flow:
        doubled = double.map([1, 2, 3])
        listed = give(doubled)
        reduced = total(doubled)
    state = flow.run(executor=executor)
    assert state.result[listed].result == [2, 4, 6]
    assert type(state.result[listed].result) is list
    assert state.result[reduced].result == 12


def test_m06_a_reduce_runs_once_and_after_every_child(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def child(x):
        notes.write("child", x)
        return x

    @task
    def reduce(xs):
        notes.write("reduce", len(xs))

    with Flow("r") as flow:
        reduce(child.map(range(5)))
    assert flow.run(executor=executor).is_successful()
    assert notes.read()[-1] == ("reduce", 5)
    assert len(notes.read()) == 6


def test_m06_one_failed_child_fails_the_trigger_of_the_reduce(executor):
    with Flow("r") as flow:
        reduced = total(divide.map([1, 0, 2]))
        after = give(reduced)
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert type(state.result[reduced]) is TriggerFailed
    assert type(state.result[after]) is TriggerFailed


def test_m06_a_reduce_that_runs_anyway_gets_the_exception_in_its_place(executor):
    with Flow("r") as flow:
        reduced = kinds(divide.map([1, 0, 2]))
    state = flow.run(executor=executor)
    assert state.result[reduced].result == ["float", "ZeroDivisionError", "float"]
    assert state.is_successful()


def test_m06_the_trigger_of_a_reduce_sees_every_child(executor):
    with Flow("r") as flow:
        divided = divide.map([1, 0, 2])
        fine = divide.map([1, 2])
        some_failed = give.copy(trigger=any_failed)(divided)
        none_failed = give.copy(trigger=any_failed)(fine)
        some_good = give.copy(trigger=any_successful)(divided)
    state = flow.run(executor=executor)
    assert type(state.result[some_failed]) is Success
    assert type(state.result[none_failed]) is TriggerFailed
    assert type(state.result[some_good]) is Success


def test_m06_c81_a_skipped_child_skips_the_reduce_unless_it_says_otherwise(executor):
    @task(skip_on_upstream_skip=False)
    def keep(xs):
        return xs

    with Flow("r") as flow:
        first = skip_one.map([0, 1, 2])
        second = double.map(first)
        reduced = total(first)
        kept_first = keep(first)
        kept_second = keep(second)
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert isinstance(state.result[first].result[1], SKIP)
    assert state.result[second].result == [0, None, 4]
    assert type(state.result[reduced]) is Skipped
    zero, signal, two = state.result[kept_first].result
    assert (zero, two) == (0, 2)
    assert isinstance(signal, SKIP)
    assert state.result[kept_second].result == [0, None, 4]


def test_m06_a_reduce_may_have_other_inputs(executor):
    @task
    def weigh(xs, weight, offset):
        return weight * sum(xs) + offset

    with Flow("r") as flow:
        weighed = weigh(double.map([1, 2]), weight=give(10), offset=Parameter("offset"))
    assert flow.run(offset=1, executor=executor).result[weighed].result == 61


def test_m06_f06_a_mapped_task_inside_a_list_or_a_dict_is_reduced_there(executor):
    with Flow("r") as flow:
        doubled = double.map([1, 2])
        nested = give({"all": doubled, "more": [doubled, 5]})
    state = flow.run(executor=executor)
    assert state.result[nested].result == {"all": [2, 4], "more": [[2, 4], 5]}


def test_m06_one_map_feeds_reduces_and_maps_alike(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def child(x):
        notes.write(x)
        return x

    with Flow("r") as flow:
        children = child.map([1, 2, 3])
        first, second = total(children), give(children)
        doubled = double.map(children)
        reduced = total(doubled)
    state = flow.run(executor=executor)
    assert state.result[first].result == 6
    assert state.result[second].result == [1, 2, 3]
    assert state.result[reduced].result == 12
    assert len(notes.read()) == 3


def test_m06_a_reduce_can_be_mapped_over_again(executor):
    with Flow("r") as flow:
        listed = give(double.map([1, 2]))
        again = double.map(listed)
    assert flow.run(executor=executor).result[again].result == [4, 8]


def test_m06_a_map_as_upstream_task_alone_is_waited_for_and_gives_no_data(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def child(x):
        notes.write("child", x)

    @task
    def last():
        notes.write("last")

    with Flow("r") as flow:
        last(upstream_tasks=[child.map([1, 2, 3])])
    assert flow.run(executor=executor).is_successful()
    assert notes.read()[-1] == ("last",)
    assert len(notes.read()) == 4


def test_m06_loops_are_reduced_to_their_final_values(executor):
    @task
    def count_to(n):
        so_far = context.get("task_loop_result", 0) + 1
        if so_far < n:
            raise LOOP(result=so_far)
        return so_far

    with Flow("r") as flow:
        reduced = give(count_to.map([3, 1, 4]))
    assert flow.run(executor=executor).result[reduced].result == [3, 1, 4]


def test_m06_a_reduce_of_large_results_gets_them_all(executor):
    @task
    def big(i):
        return bytes([i]) * 300_000

    @task
    def lengths(blobs):
        return [(len(blob), blob[0]) for blob in blobs]

    with Flow("r") as flow:
        reduced = lengths(big.map(range(6)))
    state = flow.run(executor=executor)
    assert state.result[reduced].result == [(300_000, i) for i in range(6)]


def test_m06_a_wide_reduce_keeps_the_order(executor):
    with Flow("r") as flow:
        reduced = give(double.map(range(200)))
    assert flow.run(executor=executor).result[reduced].result == [2 * i for i in range(200)]


def test_m06_a_failed_child_of_one_map_leaves_the_reduce_of_another(executor):
    with Flow("r") as flow:
        bad = total(divide.map([1, 0]))
        good = total(divide.map([1, 1]))
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert type(state.result[bad]) is TriggerFailed
    assert state.result[good].result == 2.0


def test_m06_c106_indexing_a_mapped_task_gives_one_childs_result(executor):
    with Flow("r") as flow:
        doubled = double.map([1, 2, 3])
        first, last = doubled[0], doubled[-1]
    state = flow.run(executor=executor)
    assert state.result[first].result == 2
    assert state.result[last].result == 6


@pytest.mark.parametrize(
    ("trigger", "runs"),
    [(any_failed, False), (any_successful, False), (all_successful, True), (all_finished, True)],
    ids=["any_failed", "any_successful", "all_successful", "all_finished"],
)
def test_m13_c86_a_reduce_of_an_empty_map_is_judged_by_its_trigger(trigger, runs, executor):
    with Flow("r") as flow:
        reduced = give.copy(trigger=trigger)(double.map(Parameter("xs")))
    state = flow.run(xs=[], executor=executor)
    if runs:
        assert type(state.result[reduced]) is Success
        assert state.result[reduced].result == []
    else:
        assert type(state.result[reduced]) is TriggerFailed


def test_m09_c87_reducing_a_flattened_list_joins_the_inner_ones(executor):
    with Flow("f") as flow:
        nested = Parameter("nested")
        from_parameter = give(flatten(nested))
        from_task = give(flatten(give([[0, 1], [], [0]])))
    state = flow.run(nested=[[0, 1], [], [0]], executor=executor)
    assert state.result[from_parameter].result == [0, 1, 0]
    assert state.result[from_task].result == [0, 1, 0]


@pytest.mark.parametrize("source", ["constant", "parameter", "task"])
def test_m09_c87_mapping_a_flattened_list_makes_three_children(source, executor):
    nested = [[0, 1], [], [0]]
    with Flow("f") as flow:
        if source == "constant":
            doubled = double.map(flatten(nested))
        elif source == "parameter":
            doubled = double.map(flatten(Parameter("nested", default=nested)))
        else:
            doubled = double.map(flatten(give(nested)))
    state = flow.run(executor=executor)
    assert len(state.result[doubled].map_states) == 3
    assert state.result[doubled].result == [0, 2, 0]


def test_m09_the_lists_of_mapped_children_are_flattened(executor):
    @task
    def up_to(n):
        return list(range(n))

    with Flow("f") as flow:
        lists = up_to.map([2, 0, 3])
        doubled = double.map(flatten(lists))
        joined = give(flatten(lists))
    state = flow.run(executor=executor)
    assert state.result[doubled].result == [0, 2, 0, 2, 4]
    assert state.result[joined].result == [0, 1, 0, 1, 2]


@task
def pair(x):
    return [x, x + 10]


@pytest.mark.parametrize(
    ("write", "wanted"),
    [
        (lambda p, q: [pair.map([1, 2]), pair.map([3])], [[1, 11], [2, 12], [3, 13]]),
        (lambda p, q: [p, q], [1, 2, "text"]),
        (lambda p, q: (pair(1), [2, 3], pair(4)), [1, 11, 2, 3, 4, 14]),
        (lambda p, q: [[pair(1), 5], (6, pair(2))], [[1, 11], 5, 6, [2, 12]]),
        (lambda p, q: [{"a": pair(1)}, pair(2)], [{"a": [1, 11]}, 2, 12]),
        (lambda p, q: [pair(1), {"a": 1}, "text", None, []], [1, 11, {"a": 1}, "text", None]),
        (lambda p, q: [pair.map([]), []], []),
    ],
    ids=["maps", "parameters", "results", "lists", "dicts", "constants", "empty"],
)
def test_m09_a_list_of_what_tasks_return_is_flattened_alike_for_a_map_and_a_reduce(
    write, wanted, executor
):
    with Flow("f") as flow:
        p, q = Parameter("p"), Parameter("q")
        give([p, q])
        lists = write(p, q)
        mapped, reduced = give.map(flatten(lists)), give(flatten(lists))
    state = flow.run(p=[1, 2], q="text", executor=executor)
    assert state.result[mapped].result == wanted
    assert state.result[reduced].result == wanted


def test_m09_m08_of_a_flattened_list_one_failed_task_leaves_no_children(executor):
    with Flow("f") as flow:
        bad, skipped = divide(0), skip_one(1)
        failed = give.map(flatten([pair(1), bad]))
        left = give.map(flatten([pair(1), skipped]))
        # A map has children whatever becomes of them, and what takes them is told of each.
        followed = give.map(flatten([divide.map([1, 0]), pair(1)]))
    state = flow.run(executor=executor)
    assert type(state.result[failed]) is Failed
    assert "upstream task 'divide' has no result to map over" in state.result[failed].message
    assert type(state.result[left]) is Skipped
    assert [type(one) for one in state.result[followed].map_states] == 4 * [TriggerFailed]


def test_m09_what_cannot_be_iterated_passes_as_it_is(executor):
    with Flow("f") as flow:
        joined = give(flatten(Parameter("mixed")))
        doubled = double.map(flatten(give([[1, 2], 3, (4,)])))
    state = flow.run(mixed=[[0, 1], 5, None, [2]], executor=executor)
    assert state.result[joined].result == [0, 1, 5, None, 2]
    assert state.result[doubled].result == [2, 4, 6, 8]


def test_m09_one_level_is_taken_away_and_no_more(executor):
    with Flow("f") as flow:
        joined = give(flatten(Parameter("deep")))
    state = flow.run(deep=[[[1], [2]], [[3]]], executor=executor)
    assert state.result[joined].result == [[1], [2], [3]]


def test_m09_unmapped_and_flatten_combine_in_either_order(executor):
    @task
    def add(x, xs):
        return [x, *xs]

    nested = [[1], [2, 3]]
    with Flow("f") as flow:
        source = give(nested)
        one = add.map([0, 9], unmapped(flatten(source)))
        other = add.map([0, 9], flatten(unmapped(source)))
    state = flow.run(executor=executor)
    assert state.result[one].result == [[0, 1, 2, 3], [9, 1, 2, 3]]
    assert state.result[other].result == [[0, 1, 2, 3], [9, 1, 2, 3]]


def test_m09_a_flattened_map_has_indices_of_its_own(executor):
    @task
    def index_of(x):
        return context.map_index, context.task_full_name

    with Flow("f") as flow:
        indexed = index_of.map(flatten(Parameter("nested")))
    state = flow.run(nested=[["a", "b"], ["c"]], executor=executor)
    assert state.result[indexed].result == [(i, f"index_of[{i}]") for i in range(3)]


def test_m09_flattening_only_empty_lists_gives_an_empty_map(executor):
    with Flow("f") as flow:
        doubled = double.map(flatten(Parameter("nested")))
        reduced = total(doubled)
    state = flow.run(nested=[[], []], executor=executor)
    assert state.is_successful()
    assert state.result[doubled].is_mapped()
    assert state.result[reduced].result == 0


def test_m09_flattening_something_that_is_no_list_fails_that_task_alone(executor):
    with Flow("f") as flow:
        doubled = double.map(flatten(Parameter("nested")))
        fine = double.map([1])
    state = flow.run(nested=5, executor=executor)
    assert state.is_failed()
    assert state.result[doubled].is_failed()
    assert "5" in state.result[doubled].message
    assert state.result[fine].result == [2]
