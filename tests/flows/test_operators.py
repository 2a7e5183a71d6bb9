"""Operators on results are computed where their value is taken, and cost no future."""

from __future__ import annotations

import pytest

from daskloop import Flow, Parameter, apply_map, case, task, triggers
from daskloop.engine.state import Failed, Success, TriggerFailed
from daskloop.tasks.control_flow import merge
from tests.flows.maps_scheduler import keys_seen, watch_keys
from tests.flows.traces import Trace

FOLDED = "Computed where its result is taken."


@task
def same(x, y=None):
    return x


@task
def both(x, y):
    return (x, y)


@pytest.fixture
def trace(tmp_path):
    return Trace(tmp_path)


def test_every_operator_gives_what_python_would(executor):
    with Flow("operators") as flow:
        a, b = Parameter("a"), same(2)
        made = [
            a + b, a - b, a * b, a / b, a // b, a % b, a**b, a < b, a <= b, a > b, a >= b,
            a & b, a | b, a.is_equal(b), a.is_not_equal(b), a.not_(), -a, ~a,
            1 + a, 1 - b, 3 * b, 8 / b, 9 // b, 9 % b, 3**b, a.or_(b),
        ]  # fmt: skip
        taken = same(made)
        item = same(same({"k": [a, 5]})["k"][1])
    state = flow.run(a=7, executor=executor)
    wanted = [
        9, 5, 14, 3.5, 3, 1, 49, False, False, True, True,
        2, 7, False, True, False, -7, False,
        8, -1, 6, 4.0, 4, 1, 9, 7,
    ]  # fmt: skip
    assert state.result[taken].result == wanted
    assert [state.result[one].result for one in made] == wanted
    assert {state.result[one].message for one in made} == {FOLDED}
    assert state.result[item].result == 5


def test_operators_cost_no_future(threads_client):
    with Flow("futures") as flow:
        numbers = same([1, 2])
        first, second = numbers[0], numbers[1]
        last = same((first + second) * 2 > 5)
    watch_keys(threads_client)
    try:
        state = flow.run(executor=threads_client)
        came = [key[0] for key, what in keys_seen(threads_client) if what == "came"]
    finally:
        threads_client.unregister_scheduler_plugin("key-log")
    assert state.result[last].result is True
    attempts = [name for name in came if isinstance(name, str) and "-" in name]
    assert len(attempts) == 2, attempts


def test_an_operator_that_raises_fails_the_task_that_takes_it_and_no_other(executor, trace):
    @task(max_retries=3)
    def never(x):
        trace.note("ran")

    with Flow("raises") as flow:
        values = same({"k": 1})
        wrong = never(values["nope"] + 1)
        right = same(values["k"])
    state = flow.run(executor=executor)
    failed = state.result[wrong]
    assert type(failed) is Failed
    assert isinstance(failed.result, KeyError)
    assert "'GetItem', whose result it takes, could not be computed" in failed.message
    assert state.result[right].result == 1
    assert not trace.notes()
    assert failed.loop_count == 1


# What is decided in the driver, whatever executes


def ran(flow, **values):
    """Run a flow inline; tell of each operator whether it was run as a task."""
    state = flow.run(executor="inline", **values)
    found = {}
    for one, ended in state.result.items():
        if hasattr(one, "symbol"):
            found.setdefault(one.symbol, []).append(ended.message != FOLDED)
    return state, found


def test_what_decides_the_flow_or_is_mapped_over_runs_as_a_task():
    with Flow("told") as flow:
        values = same({"numbers": [1, 2]})
        mapped = same.map(values["numbers"])
        end = values["numbers"] + [3]
        broken = values["nope"]
    state, found = ran(flow)
    assert found == {"[]": [True, False, True], "+": [True]}
    assert state.result[mapped].result == [1, 2]
    assert state.result[end].result == [1, 2, 3]
    assert type(state.result[broken]) is Failed
    assert state.is_failed()


def test_what_somebody_only_waits_for_or_whose_failure_is_wanted_runs_as_a_task():
    @task(trigger=triggers.all_finished)
    def finished(x):
        return type(x).__name__

    with Flow("waited") as flow:
        values = same({})
        waits = same(1, upstream_tasks=[values["a"]])
        told = finished(values["b"])
    state, found = ran(flow)
    assert found == {"[]": [True, True]}
    assert type(state.result[waits]) is TriggerFailed
    assert state.result[told].result == "KeyError"


def test_an_operator_with_an_option_of_its_own_runs_as_a_task():
    from daskloop.define.get_item import GetItem
    from daskloop.define.operator_task import BinaryOperator

    seen = []
    with Flow("options") as flow:
        values = same([5])
        handled = GetItem(on_completion=lambda task, state: seen.append(state.result))
        same(handled.bind(values, 0))
        same(BinaryOperator("+", max_retries=1).bind(values, [6]))
        same(BinaryOperator("+", name="sum", tags=["mine"]).bind(values, [7]))
    _, found = ran(flow)
    assert found == {"[]": [True], "+": [True, False]}
    assert seen == [5]


def test_operators_within_a_map_are_tasks_of_each_child():
    with Flow("within") as flow:
        made = apply_map(lambda x: same(x["k"] + 1), [{"k": 1}, {"k": 2}])
        whole = same.map([1, 2], same([1])[0])
    state, found = ran(flow)
    assert state.result[made].result == [2, 3]
    assert found["+"] == [True]
    assert state.result[whole].is_mapped() or state.result[whole].is_failed()


def test_an_item_of_a_large_value_is_taken_once_and_not_by_everybody():
    @task
    def large():
        return {"small": 1, "large": b"x" * 100_000}

    with Flow("large") as flow:
        values = large()
        taken = both(values["small"], values["small"])
    state, found = ran(flow)
    assert found == {"[]": [True, True]}
    assert state.result[taken].result == (1, 1)


def test_long_and_doubling_expressions_are_cut_into_pieces():
    with Flow("long") as flow:
        chain = doubled = same(1)
        for _ in range(200):
            chain = chain + 1
        for _ in range(40):
            doubled = doubled + doubled
        end, twice = same(chain), same(doubled)
    state, found = ran(flow)
    assert (state.result[end].result, state.result[twice].result) == (201, 2**40)
    assert 4 < sum(found["+"]) < 40


def test_a_child_of_a_map_is_taken_by_its_index():
    with Flow("child") as flow:
        made = same.map([3, 4])
        taken = same(made[1])
    state, found = ran(flow)
    assert state.result[taken].result == 4
    assert found == {"[]": [False]}


def test_operands_that_failed_or_were_skipped_are_told_as_ever():
    from daskloop import case

    @task
    def fails():
        raise ValueError("no")

    with Flow("above") as flow:
        wrong = fails() + 1
        never = same(wrong)
        with case(same(1), 2):
            absent = same([1])
        item = absent[0]
        neither = same(item)
    state, _ = ran(flow)
    assert [type(state.result[one]) for one in (wrong, never)] == [TriggerFailed, TriggerFailed]
    assert state.result[item].is_skipped()
    assert state.result[neither].is_skipped()


def test_states_of_a_run_can_be_packed_and_given_to_another():
    import cloudpickle

    with Flow("given") as flow:
        values = same({"k": 2})
        item = values["k"]
        doubled = same(item * 2)
    state = flow.run(executor="inline")
    copy = cloudpickle.loads(cloudpickle.dumps(state.result[item]))
    assert (type(copy), copy.result) == (Success, 2)
    again = flow.run(executor="inline", task_states=flow.run(executor="inline").result)
    assert again.result[doubled].result == 4


def test_a_secret_that_an_operator_takes_is_not_written_down(tmp_path):
    with Flow("secret") as flow:
        secret = Parameter("secret", secret=True)

        @task
        def length(x):
            return len(x)

        taken = length(secret["password"] + "!")
    state = flow.run(secret={"password": "correct horse"}, executor="inline", journal=tmp_path)
    assert state.result[taken].result == 14
    files = [one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()]
    assert files
    assert not any(b"correct horse" in one for one in files)


def resumed(trace, changed=False):
    @task
    def numbers():
        trace.note("numbers")
        return {"a": 1, "b": 2}

    @task
    def work(x):
        trace.note("work", x)
        if trace.first("failed"):
            raise ValueError("the first time")
        return x

    with Flow("resumed") as flow:
        made = numbers()
        value = made["a"] - made["b"] if changed else made["a"] + made["b"]
        worked = work(value)
        after = same(worked * 2)
    return flow, worked, after


def test_a_run_is_resumed_through_operators_of_which_no_value_is_recorded(trace, tmp_path):
    flow, worked, _ = resumed(trace)
    assert flow.run(executor="inline", journal=tmp_path / "runs").is_failed()
    flow, worked, after = resumed(trace)
    state = flow.run(executor="inline", journal=tmp_path / "runs", resume=True)
    assert (state.result[worked].result, state.result[after].result) == (3, 6)
    assert trace.notes() == [("numbers",), ("work", 3), ("work", 3)]
    # What took the result through an operator is done again as well.
    flow, worked, after = resumed(trace)
    state = flow.run(executor="inline", journal=tmp_path / "runs", resume=True, only="numbers")
    assert state.result[after].result == 6
    assert trace.notes()[3:] == [("numbers",), ("work", 3)]


def test_a_run_is_not_resumed_with_another_operator(trace, tmp_path):
    from daskloop.errors import ResumeError

    flow, *_ = resumed(trace)
    assert flow.run(executor="inline", journal=tmp_path / "runs").is_failed()
    flow, *_ = resumed(trace, changed=True)
    with pytest.raises(ResumeError, match=r"task 'Add-1' is gone.*task 'Sub-1' is new"):
        flow.run(executor="inline", journal=tmp_path / "runs", resume=True)


def test_an_operator_takes_tasks_that_lie_in_a_collection(executor):
    with Flow("collections") as flow:
        one, pair, more, rest = same([1]), same((1,)), [same(2), same(3)], (same(2), 3)
        listed, paired = one + more, pair + rest
        alike = same({"a": 2}).is_equal({"a": same(2)})
        fewer = same({1, 2}) - {same(2), same(3)}
        taken = same([listed, paired, alike, fewer])
    state = flow.run(executor=executor)
    wanted = [[1, 2, 3], (1, 2, 3), True, {1}]
    assert state.result[taken].result == wanted
    made = [listed, paired, alike, fewer]
    assert {state.result[one].message for one in made} == {FOLDED}
    assert [state.result[one].result for one in made] == wanted


def test_a_merge_that_runs_although_all_its_branches_are_skipped_gives_none(executor):
    with Flow("all-skipped") as flow:
        with case(same(1), 2):
            first, second = same(3), same(4)
        neither = merge(first, second)
        anyhow = merge(first, second, trigger=triggers.all_successful)
        after = same([anyhow])
    state = flow.run(executor=executor)
    assert state.result[neither].is_skipped()
    assert type(state.result[anyhow]) is Success and state.result[anyhow].result is None
    assert state.result[after].result == [None]
