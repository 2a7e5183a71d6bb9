"""Maps of loops: each child is a loop of its own, with its own count, payload and retries."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daskloop import Flow, Parameter, context, flatten, task, unmapped
from daskloop.engine.signals import FAIL, LOOP, SKIP, SUCCESS
from daskloop.engine.state import Failed, Skipped, Success, TriggerFailed
from tests.flows.maps_notes import Notes


@task(max_retries=5, retry_delay=timedelta(seconds=2))
def compute_large_fibonacci(M):
    loop_payload = context.get("task_loop_result", {})
    n = loop_payload.get("n", 1)
    fib = loop_payload.get("fib", 1)
    next_fib = _fib(n)
    if next_fib > M:
        return fib
    raise LOOP(message=f"Fib {n}={next_fib}", result={"n": n + 1, "fib": next_fib})


def _fib(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


@task
def turns(count):
    """Loop `count` times in all and return what each iteration saw."""
    seen = context.get("task_loop_result", [])
    seen = [*seen, (context.get("task_loop_count", 1), context.map_index)]
    if len(seen) < count:
        raise LOOP(result=seen)
    return seen


def test_m01_c94_the_mapped_fibonacci_gives_its_four_numbers(executor):
    with Flow("mapped-fibonacci") as flow:
        fib_nums = compute_large_fibonacci.map(Parameter("ms"))
    state = flow.run(ms=[10, 100, 1000, 1500], executor=executor)
    assert state.is_successful()
    assert state.result[fib_nums].result == [8, 89, 987, 987]


def test_m05_c95_each_child_adds_to_its_own_payload(executor):
    @task
    def add_three_twice(x):
        so_far = context.get("task_loop_result", x)
        if context.get("task_loop_count", 1) == 3:
            return so_far
        raise LOOP(result=so_far + 3)

    with Flow("m") as flow:
        added = add_three_twice.map([1, 20])
    assert flow.run(executor=executor).result[added].result == [7, 26]


def test_m05_c95_two_children_that_fail_once_make_nineteen_handler_calls(executor):
    calls = []

    def handler(the_task, old, new):
        calls.append((context.get("map_index"), type(new).__name__))
        return new

    @task(max_retries=1, state_handlers=[handler])
    def add_three_twice(x):
        so_far = context.get("task_loop_result", x)
        if context.get("task_loop_count", 1) == 3:
            if context.task_run_count == 1:
                raise ValueError("once")
            return so_far
        raise LOOP(result=so_far + 3)

    with Flow("m") as flow:
        added = add_three_twice.map([1, 20])
    state = flow.run(executor=executor)
    assert state.result[added].result == [7, 26]
    assert len(calls) == 19
    assert [name for index, name in calls if index is None] == ["Mapped"]
    for child in (0, 1):
        assert [name for index, name in calls if index == child] == (
            ["Running", "Looped"] * 2 + ["Running", "Failed", "Retrying", "Running", "Success"]
        )


def test_m05_c98_a_short_loop_goes_on_downstream_before_a_long_one_ends(executor, tmp_path):
    notes = Notes(tmp_path)
    last = 60
    can_wait = executor != "inline"

    @task
    def loop(count):
        n = context.get("task_loop_count", 1)
        notes.write("loop", count, n)
        if n == last and can_wait:
            notes.wait_for("after", 2)
        if n < count:
            raise LOOP()
        return count

    @task
    def after(count):
        notes.write("after", count)
        return count

    with Flow("m") as flow:
        ended = after.map(loop.map([2, last]))
    assert flow.run(executor=executor).result[ended].result == [2, last]
    seen = notes.read()
    assert seen.count(("after", 2)) == 1
    # The last iteration began before, when it could wait; on one slot it came later.
    assert seen.index(("after", 2)) < seen.index(("after", last))
    if not can_wait:
        assert seen.index(("after", 2)) < seen.index(("loop", last, last))


@pytest.mark.parametrize("kind", ["threads", "processes"])
@pytest.mark.parametrize("order", [[2, 40], [40, 2]], ids=["short-first", "long-first"])
def test_l14_c98_loops_take_turns_on_a_single_slot(kind, order, tmp_path):
    notes = Notes(tmp_path)

    @task
    def loop(count):
        n = context.get("task_loop_count", 1)
        notes.write("loop", count, n)
        if n < count:
            raise LOOP()
        return count

    @task
    def after(count):
        notes.write("after", count)
        return count

    with Flow("m") as flow:
        ended = after.map(loop.map(order))
    state = flow.run(executor=kind, workers=1)
    assert state.result[ended].result == order
    assert notes.position("after", 2) < notes.position("loop", 40, 40)


def test_l10_children_count_and_carry_for_themselves(executor):
    with Flow("m") as flow:
        seen = turns.map([1, 3, 2, 3])
    state = flow.run(executor=executor)
    assert state.result[seen].result == [
        [(n, i) for n in range(1, count + 1)] for i, count in enumerate([1, 3, 2, 3])
    ]
    assert [child.loop_count for child in state.result[seen].map_states[1:]] == [3, 2, 3]


def test_l10_a_child_downstream_of_a_loop_sees_no_loop_keys(executor):
    @task
    def keys_of(seen):
        return sorted(k for k in context if k.startswith("task_loop"))

    with Flow("m") as flow:
        keys = keys_of.map(turns.map([3, 2]))
    assert flow.run(executor=executor).result[keys].result == [[], []]


def test_l10_a_payload_spoiled_by_one_child_reaches_no_other(executor):
    @task
    def spoil(x):
        payload = context.get("task_loop_result", {"seen": []})
        payload["seen"].append(x)
        if len(payload["seen"]) == 3:
            return payload["seen"]
        raise LOOP(result=payload)

    with Flow("m") as flow:
        spoiled = spoil.map([1, 2, 3])
    assert flow.run(executor=executor).result[spoiled].result == [[1] * 3, [2] * 3, [3] * 3]


def test_m03_equal_elements_loop_separately(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def loop(x):
        n = context.get("task_loop_count", 1)
        notes.write(context.map_index, n)
        if n < 3:
            raise LOOP(result="same")
        return x

    with Flow("m") as flow:
        ended = loop.map([7, 7, 7])
    assert flow.run(executor=executor).result[ended].result == [7, 7, 7]
    assert sorted(notes.read()) == [(i, n) for i in range(3) for n in (1, 2, 3)]


def test_m05_r01_a_failure_in_one_loop_is_retried_there_and_nowhere_else(executor, tmp_path):
    notes = Notes(tmp_path)

    @task(max_retries=1)
    def loop(x):
        n = context.get("task_loop_count", 1)
        run_count = context.task_run_count
        notes.write(x, n, run_count, context.get("task_loop_result", "none"))
        if x == "b" and n == 2 and run_count == 1:
            raise ConnectionError("once")
        if n < 3:
            raise LOOP(result=f"{x}{n}")
        return x

    with Flow("m") as flow:
        ended = loop.map(["a", "b", "c"])
    assert flow.run(executor=executor).result[ended].result == ["a", "b", "c"]
    for x in "ac":
        assert [line[1:] for line in notes.read() if line[0] == x] == [
            (1, 1, "none"),
            (2, 1, f"{x}1"),
            (3, 1, f"{x}2"),
        ]
    assert [line[1:] for line in notes.read() if line[0] == "b"] == [
        (1, 1, "none"),
        (2, 1, "b1"),
        (2, 2, "b1"),
        (3, 1, "b2"),
    ]


def test_m05_a_loop_that_fails_for_good_fails_its_child_and_what_follows_it(executor):
    @task(max_retries=1)
    def loop(x):
        n = context.get("task_loop_count", 1)
        if x == 1 and n == 3:
            raise ConnectionError("for good")
        if n < 4:
            raise LOOP(message=f"turn {n}", result=n * 10)
        return x

    @task
    def after(x):
        return x

    @task
    def reduce(xs):
        return xs

    with Flow("m") as flow:
        looped = loop.map([0, 1, 2])
        followed = after.map(looped)
        reduced = reduce(looped)
    state = flow.run(executor=executor)
    assert state.is_failed()
    bad = state.result[looped].map_states[1]
    assert type(bad) is Failed
    assert isinstance(bad.result, ConnectionError)
    assert bad.loop_count == 3
    assert bad.loop_payload == 20
    assert bad.loop_messages[-1] == "turn 2"
    kinds = [type(child) for child in state.result[followed].map_states]
    assert kinds == [Success, TriggerFailed, Success]
    assert type(state.result[reduced]) is TriggerFailed


def test_l06_signals_end_the_loop_of_their_own_child(executor):
    @task
    def loop(x):
        n = context.get("task_loop_count", 1)
        if n == 2 and x == "skip":
            raise SKIP("enough")
        if n == 2 and x == "success":
            raise SUCCESS(result="early")
        if n == 2 and x == "fail":
            raise FAIL("no")
        if n < 3:
            raise LOOP()
        return x

    @task(skip_on_upstream_skip=False)
    def after(x):
        return type(x).__name__

    with Flow("m") as flow:
        looped = loop.map(["plain", "skip", "success", "fail"])
        followed = after.map(looped)
    state = flow.run(executor=executor)
    children = state.result[looped].map_states
    assert [type(child) for child in children] == [Success, Skipped, Success, Failed]
    assert [children[0].result, children[2].result] == ["plain", "early"]
    followers = state.result[followed].map_states
    assert [child.result for child in followers[:3]] == ["str", "SKIP", "str"]
    assert type(followers[3]) is TriggerFailed


def test_l15_max_loops_ends_the_child_that_goes_on_too_long(executor):
    @task(max_loops=4)
    def loop(count):
        n = context.get("task_loop_count", 1)
        if n < count:
            raise LOOP(message=f"turn {n}")
        return count

    with Flow("m") as flow:
        looped = loop.map([2, 100, 4])
    children = flow.run(executor=executor).result[looped].map_states
    assert [child.is_successful() for child in children] == [True, False, True]
    assert "loop[1]" in children[1].message
    assert "4" in children[1].message
    assert "turn" in children[1].message


def test_m01_every_iteration_of_a_child_gets_its_element_and_the_unmapped_again(executor):
    @task
    def loop(x, shared, plain):
        seen = [*context.get("task_loop_result", []), (x, list(shared), plain)]
        shared.append("spoiled")
        if len(seen) < 3:
            raise LOOP(result=seen)
        return seen

    with Flow("m") as flow:
        seen = loop.map([1, 2], unmapped([9]), plain=["p", "q"])
    assert flow.run(executor=executor).result[seen].result == [
        [(1, [9], "p")] * 3,
        [(2, [9], "q")] * 3,
    ]


def test_m05_loops_follow_loops_and_are_reduced(executor):
    @task
    def count_up(x, to):
        n = context.get("task_loop_result", x)
        if n >= to:
            return n
        raise LOOP(result=n + 1)

    @task
    def total(xs):
        return sum(xs)

    with Flow("m") as flow:
        first = count_up.map([0, 1, 2], to=unmapped(3))
        second = count_up.map(first, to=unmapped(5))
        reduced = total(second)
    state = flow.run(executor=executor)
    assert state.result[first].result == [3, 3, 3]
    assert state.result[second].result == [5, 5, 5]
    assert state.result[reduced].result == 15


def test_m09_lists_that_loops_gathered_are_flattened(executor):
    @task
    def pages(count):
        """Ask for page after page, as one does with an API."""
        items = context.get("task_loop_result", [])
        if len(items) == count:
            return items
        raise LOOP(result=[*items, (count, len(items))])

    @task
    def item(pair):
        return pair[0] * 10 + pair[1]

    with Flow("m") as flow:
        items = item.map(flatten(pages.map([0, 1, 3])))
    assert flow.run(executor=executor).result[items].result == [10, 30, 31, 32]


def test_l05_the_final_value_alone_is_the_result_even_if_it_is_none(executor):
    @task
    def loop(x):
        if context.get("task_loop_count", 1) < 3:
            raise LOOP(result=[x])

    @task
    def is_none(x):
        return x is None

    with Flow("m") as flow:
        looped = loop.map([1, 2])
        checked = is_none.map(looped)
    state = flow.run(executor=executor)
    assert state.result[looped].result == [None, None]
    assert state.result[checked].result == [True, True]


def test_l03_falsy_payloads_are_payloads_in_every_child(executor):
    @task
    def loop(payload):
        if context.get("task_loop_count", 1) == 1:
            raise LOOP(result=payload)
        return ("got", context.get("task_loop_result", "default"))

    with Flow("m") as flow:
        got = loop.map([0, False, [], {}, None, ""])
    result = flow.run(executor=executor).result[got].result
    assert result == [("got", payload) for payload in (0, False, [], {}, None, "")]
    assert result[1][1] is False


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_r04_a_loop_that_waits_for_a_retry_lets_a_sibling_loop_to_its_end(kind, tmp_path):
    notes = Notes(tmp_path)

    @task(max_retries=1, retry_delay=2.0)
    def loop(x):
        n = context.get("task_loop_count", 1)
        notes.write(x, n, context.task_run_count)
        if x == "waits" and n == 2 and context.task_run_count == 1:
            raise ConnectionError("once")
        if n < 5:
            raise LOOP()
        return x

    with Flow("m") as flow:
        looped = loop.map(["waits", "runs"])
    assert flow.run(executor=kind, workers=1).result[looped].result == ["waits", "runs"]
    assert notes.position("runs", 5, 1) < notes.position("waits", 2, 2)


def test_m10_the_map_index_and_the_full_name_stay_through_iterations_and_retries(executor):
    @task(max_retries=1)
    def loop(x):
        if context.task_run_count == 1:
            raise ValueError("first try of each iteration")
        seen = context.get("task_loop_result", [])
        seen = (
            [*seen, (context.map_index, context.task_full_name, context.task_loop_count)]
            if ("task_loop_count" in context)
            else [*seen, (context.map_index, context.task_full_name, 1)]
        )
        if len(seen) < 3:
            raise LOOP(result=seen)
        return seen

    with Flow("m") as flow:
        seen = loop.map(["a", "b"])
    assert flow.run(executor=executor).result[seen].result == [
        [(i, f"loop[{i}]", n) for n in (1, 2, 3)] for i in (0, 1)
    ]


def test_r11_the_idempotency_key_is_one_for_each_iteration_of_each_child(executor):
    @task(max_retries=1)
    def loop(x):
        seen = context.get("task_loop_result", [])
        if context.task_run_count == 1:
            raise ValueError(context.idempotency_key)
        if len(seen) == 1:
            return [*seen, context.idempotency_key]
        raise LOOP(result=[*seen, context.idempotency_key])

    failures = []

    def note_failure(the_task, state):
        failures.append(str(state.result))

    with Flow("m") as flow:
        looped = loop.copy(on_failure=note_failure).map(["a", "b"])
    keys = flow.run(executor=executor).result[looped].result
    flat = [key for child in keys for key in child]
    assert len(set(flat)) == 4
    assert sorted(failures) == sorted(flat)
