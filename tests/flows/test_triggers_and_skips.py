"""Triggers decide whether a task runs; skips go down the flow and count as success."""

from __future__ import annotations

import threading

import pytest

from daskloop import Flow, Parameter, context, flatten, task, triggers
from daskloop.engine.signals import FAIL, LOOP, RETRY, SKIP, SUCCESS, TRIGGERFAIL
from daskloop.engine.state import Failed, Mapped, Skipped, State, Success, TriggerFailed
from daskloop.errors import PayloadError
from tests.flows.maps_notes import Notes


@task
def good():
    return "good"


@task
def bad():
    raise ValueError("bad")


@task
def skipped():
    raise SKIP("skipped")


@task
def behave(how):
    """Succeed, fail or skip, as told: one child of a map."""
    if how == "bad":
        raise ValueError("bad")
    if how == "skipped":
        raise SKIP("skipped")
    return how


MAKERS = {"good": good, "bad": bad, "skipped": skipped}

MATRIX = [
    # name, trigger, what is upstream, whether the task runs
    ("all_successful", triggers.all_successful, "good good", True),
    ("all_successful", triggers.all_successful, "good bad", False),
    ("all_failed", triggers.all_failed, "bad bad", True),
    ("all_failed", triggers.all_failed, "good bad", False),
    ("any_successful", triggers.any_successful, "good bad", True),
    ("any_successful", triggers.any_successful, "bad bad", False),
    ("any_failed", triggers.any_failed, "good bad", True),
    ("any_failed", triggers.any_failed, "good good", False),
    ("all_finished", triggers.all_finished, "good bad", True),
    ("always_run", triggers.always_run, "bad bad", True),
    ("not_all_skipped", triggers.not_all_skipped, "good skipped", True),
    ("not_all_skipped", triggers.not_all_skipped, "good bad", False),
    ("some_failed", triggers.some_failed(at_least=1), "good bad", True),
    ("some_failed", triggers.some_failed(at_least=2), "good bad", False),
    ("some_failed", triggers.some_failed(at_most=1), "bad bad", False),
    ("some_successful", triggers.some_successful(at_least=0.5), "good bad", True),
    ("some_successful", triggers.some_successful(at_least=0.75), "good bad", False),
]
MATRIX_IDS = [f"{name}-{upstream.replace(' ', '-')}" for name, _, upstream, _ in MATRIX]


@pytest.mark.parametrize(("name", "trigger", "upstream", "runs"), MATRIX, ids=MATRIX_IDS)
def test_f04_a_trigger_judges_plain_tasks_and_the_children_of_a_map_alike(
    name, trigger, upstream, runs
):
    @task(trigger=trigger, skip_on_upstream_skip=False)
    def judged(values):
        return "ran"

    with Flow("t") as flow:
        plain = judged([MAKERS[how]() for how in upstream.split()])
        reduced = judged(behave.map(upstream.split()))
    state = flow.run(executor="inline")
    for one in (plain, reduced):
        assert type(state.result[one]) is (Success if runs else TriggerFailed)
        if not runs:
            assert name in state.result[one].message


def test_f04_what_depends_on_the_failed_is_trigger_failed_all_the_way_down(executor):
    @task
    def follow(x):
        return x

    with Flow("t") as flow:
        first = bad()
        second = follow(first)
        third = follow(second)
        other = follow(good())
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert type(state.result[first]) is Failed
    assert type(state.result[second]) is TriggerFailed
    assert type(state.result[third]) is TriggerFailed
    assert state.result[other].result == "good"


def test_f04_a_task_that_runs_after_a_failure_gets_the_exception(executor):
    @task(trigger=triggers.any_failed)
    def clean_up(error):
        return str(error)

    with Flow("t") as flow:
        cleaned = clean_up(bad())
    assert flow.run(executor=executor).result[cleaned].result == "bad"


def test_r07_c36_a_trigger_failed_task_is_not_retried_and_its_handlers_see_that_alone(
    executor, tmp_path
):
    notes = Notes(tmp_path)
    states = []

    def handler(the_task, old, new):
        states.append(type(new).__name__)
        return new

    @task(max_retries=3, state_handlers=[handler])
    def follow(x):
        notes.write("ran")

    with Flow("t") as flow:
        followed = follow(bad())
    state = flow.run(executor=executor)
    assert type(state.result[followed]) is TriggerFailed
    assert states == ["TriggerFailed"]
    assert notes.read() == []


def test_l06_a_skip_goes_down_the_flow_and_counts_as_success(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def follow(x):
        notes.write("ran")

    with Flow("t") as flow:
        first = skipped()
        second = follow(first)
        third = follow([second, good()])
    state = flow.run(executor=executor)
    assert state.is_successful()
    for one in (first, second, third):
        assert type(state.result[one]) is Skipped
    assert state.result[second].result is None
    assert notes.read() == []


def test_m06_a_task_that_does_not_mind_skips_runs(executor):
    @task(skip_on_upstream_skip=False)
    def follow(x):
        return x is None or isinstance(x, SKIP)

    with Flow("t") as flow:
        first = follow(skipped())
    assert flow.run(executor=executor).result[first].result is True


def test_l06_a_skip_beside_a_failure_skips(executor):
    # As in Prefect Core: upstream skips are looked at before the trigger.
    @task
    def follow(x, y):
        return x, y

    with Flow("t") as flow:
        followed = follow(skipped(), bad())
    assert type(flow.run(executor=executor).result[followed]) is Skipped


def test_m13_not_all_skipped_skips_when_all_upstream_tasks_were(executor):
    @task(trigger=triggers.not_all_skipped, skip_on_upstream_skip=False)
    def merge(values):
        return "merged"

    with Flow("t") as flow:
        none_left = merge([skipped(), skipped()])
        one_left = merge([skipped(), good()])
        over_nothing = merge(behave.map(Parameter("xs")))
    state = flow.run(xs=[], executor=executor)
    assert type(state.result[none_left]) is Skipped
    assert state.result[one_left].result == "merged"
    assert type(state.result[over_nothing]) is Skipped


@pytest.mark.parametrize(
    ("trigger", "outcome"),
    [
        (triggers.any_successful, TriggerFailed),
        (triggers.any_failed, TriggerFailed),
        (triggers.some_successful(at_least=0), TriggerFailed),
        (triggers.some_failed(at_most=1), TriggerFailed),
        (triggers.not_all_skipped, Skipped),
        (triggers.all_successful, Success),
        (triggers.all_failed, Success),
        (triggers.all_finished, Success),
    ],
    ids=repr,
)
def test_m13_triggers_over_an_empty_map(trigger, outcome):
    @task(trigger=trigger)
    def judged(values):
        return values

    with Flow("t") as flow:
        one = judged(behave.map(Parameter("xs")))
    assert type(flow.run(xs=[], executor="inline").result[one]) is outcome


def test_m06_a_trigger_of_ones_own_gets_a_state_for_each_edge(executor):
    seen = []

    def look(upstream_states):
        seen.append(dict(upstream_states))
        return True

    @task(trigger=look)
    def judged(x, many):
        return "ran"

    with Flow("t") as flow:
        first = good()
        children = behave.map(["good", "bad"])
        one = judged(first, children)
    state = flow.run(executor=executor)
    assert state.result[one].result == "ran"
    (edges,) = seen
    by_task = {edge.upstream_task: one_state for edge, one_state in edges.items()}
    assert set(by_task) == {first, children}
    assert all(isinstance(one_state, State) for one_state in edges.values())
    assert type(by_task[children]) is Mapped
    assert [type(c) for c in by_task[children].map_states] == [Success, Failed]
    assert {edge.key for edge in edges} == {"x", "many"}


def test_m06_a_trigger_reads_results_if_it_asks_for_them(executor):
    def most_are_small(upstream_states):
        (children,) = upstream_states.values()
        return sum(child.result < 10 for child in children.map_states) >= 2

    @task(trigger=most_are_small)
    def judged(values):
        return values

    with Flow("t") as flow:
        one = judged(behave.map(Parameter("xs")))
    assert flow.run(xs=[1, 2, 30], executor=executor).result[one].result == [1, 2, 30]
    assert type(flow.run(xs=[1, 20, 30], executor=executor).result[one]) is TriggerFailed


def returns_false(upstream_states):
    return False


def raises_skip(upstream_states):
    raise SKIP("not today")


def raises_triggerfail(upstream_states):
    raise TRIGGERFAIL("own words")


def raises_fail(upstream_states):
    raise FAIL("own words")


def raises_value_error(upstream_states):
    raise ValueError("own words")


def raises_loop(upstream_states):
    raise LOOP("own words")


def raises_retry(upstream_states):
    raise RETRY("own words")


@pytest.mark.parametrize(
    ("trigger", "outcome", "says"),
    [
        (returns_false, TriggerFailed, "returns_false"),
        (raises_skip, Skipped, "not today"),
        (raises_triggerfail, TriggerFailed, "own words"),
        (raises_fail, Failed, "own words"),
        (raises_value_error, Failed, "own words"),
        (raises_loop, Failed, "LOOP"),
        (raises_retry, TriggerFailed, "RETRY was raised in a trigger"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_l09_c23_what_a_trigger_does_ends_in_the_state_it_should(
    trigger, outcome, says, executor, tmp_path
):
    notes = Notes(tmp_path)

    @task(trigger=trigger, max_retries=2)
    def judged(x):
        notes.write("ran")

    with Flow("t") as flow:
        one = judged(good())
    state = flow.run(executor=executor)
    end = state.result[one]
    assert isinstance(end, outcome)
    assert not end.is_looped()
    assert says in end.message
    assert notes.read() == []
    assert state.is_successful() == (outcome is Skipped)


def test_m03_m09_a_result_that_a_trigger_gives_is_mapped_over_and_flattened(executor):
    def gives(upstream_states):
        raise SUCCESS(result=[1, 2, 3])

    @task(trigger=gives)
    def given(x=0):
        return "not called"

    @task
    def ten(x):
        return 10 * x

    with Flow("t") as flow:
        one, many = given(), given.map([5, 6])
        mapped, flat = ten.map(one), ten.map(flatten([one, [4]]))
        of_children = ten.map(flatten(many))
    state = flow.run(executor=executor)
    results = [state.result[task].result for task in (one, mapped, flat, of_children)]
    assert results == [[1, 2, 3], [10, 20, 30], [10, 20, 30, 40], [10, 20, 30, 10, 20, 30]]


def test_l09_a_result_that_a_trigger_gives_and_that_cannot_be_pickled_fails_its_task(executor):
    def gives(upstream_states):
        raise SUCCESS(result=threading.Lock())

    @task(trigger=gives)
    def given():
        return "not called"

    with Flow("t") as flow:
        one = given()
    end = flow.run(executor=executor).result[one]
    assert type(end) is Failed
    assert isinstance(end.result, PayloadError)


def test_l11_a_trigger_is_looked_at_once_before_the_first_iteration(executor, tmp_path):
    notes = Notes(tmp_path)

    def look(upstream_states):
        notes.write("trigger")
        return True

    @task(trigger=look, max_retries=1)
    def loop(x):
        n = context.get("task_loop_count", 1)
        notes.write("body")
        if n == 2 and context.task_run_count == 1:
            raise ValueError("once")
        if n < 4:
            raise LOOP()

    with Flow("t") as flow:
        loop(good())
    assert flow.run(executor=executor).is_successful()
    assert notes.read() == [("trigger",)] + [("body",)] * 5


def test_m05_the_trigger_of_a_mapped_task_is_looked_at_for_each_child(executor):
    seen = []

    def look(upstream_states):
        (one,) = upstream_states.values()
        seen.append((context.get("map_index"), type(one).__name__))
        return one.is_successful()

    @task(trigger=look)
    def follow(x):
        return x

    with Flow("t") as flow:
        followed = follow.map(behave.map(["good", "bad", "good"]))
    state = flow.run(executor=executor)
    kinds = [type(child) for child in state.result[followed].map_states]
    assert kinds == [Success, TriggerFailed, Success]
    assert sorted(name for _, name in seen) == ["Failed", "Success", "Success"]


def test_f04_a_trigger_runs_in_the_drivers_process(executor):
    import os

    pids = []

    def look(upstream_states):
        pids.append(os.getpid())
        return True

    @task(trigger=look)
    def follow(x):
        return x

    with Flow("t") as flow:
        follow(good())
    flow.run(executor=executor)
    assert pids == [os.getpid()]


def test_s04_what_a_skip_followed_from_does_not_travel_with_it(executor):
    class Locked(Exception):
        def __init__(self):
            super().__init__("locked")
            self.lock = threading.Lock()

    @task
    def locked():
        try:
            raise Locked
        except Locked as error:
            raise SKIP("locked") from error

    with Flow("locked") as flow:
        end = locked()
    state = flow.run(executor=executor).result[end]
    assert state.is_skipped() and repr(state.result) == "SKIP('locked')"
    assert state.result.__cause__ is None
