"""The machine, news by news: what is recorded, submitted, released, asked and told."""

from __future__ import annotations

from typing import Any

import pytest

from daskloop import events
from daskloop.define.graph import TaskGraph
from daskloop.errors import LoopLimit
from daskloop.run.turn import Came, Room, Vanished
from daskloop.states import (
    Cancelled,
    Crashed,
    Failed,
    Looped,
    Retrying,
    Skipped,
    Success,
    TriggerFailed,
)
from daskloop.triggers import all_finished
from tests.run.driven import Driven, Plain, graph_of
from tests.run.lives import entry, sealed


def one(**options: Any) -> Driven:
    """Start a flow of one task."""
    graph = TaskGraph("one")
    Plain(name="t", **options).bind(flow=graph)
    return Driven(graph).start()


def wide(width: int, slots: int = 2, **options: Any) -> Driven:
    """Start a flow of one map."""
    graph = TaskGraph("wide")
    Plain(name="m", **options).map(list(range(width)), flow=graph)
    return Driven(graph, slots=slots).start()


def test_b1_keys_are_never_used_twice_and_say_which_attempt_it_is():
    run = one(max_retries=2)
    keys = [run.key("t")]
    run.lose("t", charged=False)
    keys.append(run.key("t"))
    run.come("t", kind="failed")
    keys.append(run.key("t"))
    run.come("t", kind="looped")
    keys.append(run.key("t"))
    assert keys == [
        ("t-1-7f3a9c12", -1, 1, 1, 0),
        ("t-1-7f3a9c12", -1, 1, 1, 1),
        ("t-1-7f3a9c12", -1, 1, 2, 0),
        ("t-1-7f3a9c12", -1, 2, 1, 0),
    ]
    assert run.released == keys[:3]


def test_b3_the_record_is_in_the_same_turn_as_what_follows_from_it():
    run = one()
    turn = run.come("t", kind="looped", value=5)
    assert [(r.state, r.value) for r in turn.records] == [("Looped", sealed(5))]
    assert [child.progress.iteration for child in turn.submissions] == [2]


def test_r08_a_recorded_iteration_is_never_run_again():
    run = one()
    first = run.key("t")
    run.come("t", kind="looped")
    second = run.key("t")
    for late in (
        Came(first, entry("success", 1)),
        Came(first, entry("looped", 1)),
        Vanished(first, "late", True),
    ):
        turn = run.take(late)
        assert not (turn.records or turn.submissions or turn.released)
    assert run.key("t") == second and run.machine.counts.losses == 0


def test_r08_the_late_result_of_a_replaced_attempt_is_ignored():
    run = one()
    first = run.key("t")
    run.lose("t")
    assert not run.take(Came(first, entry("success", "late"))).records
    run.come("t", value="right")
    assert run.state("t").result == "right"


def test_an_envelope_that_comes_twice_in_one_turn_counts_once():
    run = one()
    twice = Came(run.key("t"), entry("looped", 1))
    turn = run.take(twice, twice)
    assert len(turn.records) == 1 and len(turn.submissions) == 1


def test_r04_a_waiting_retry_takes_no_place_and_waits_for_its_delay_alone():
    run = one(max_retries=1, retry_delay=5)
    run.come("t", kind="failed")
    assert run.machine.admission.out == 0 and run.machine.next_due == run.now + 5
    assert not run.take(after=4.9).submissions
    assert run.take(after=0.2).submissions


def test_l14_started_loops_take_turns_on_the_places_there_are():
    run = wide(200, slots=1)
    order = []
    for _ in range(108):
        key, child = next(iter(run.machine.flying.items()))
        order.append(child.index)
        run.take(Came(key, entry("looped", 1)))
    first = order[:36]
    assert first == list(range(36)) and order == first * 3, "what began goes on in turn"


def test_b4_no_more_are_in_flight_than_the_window_allows():
    run = wide(300, slots=3)
    assert len(run.machine.flying) == 3 * 4 + 32
    run.take(Room(10))
    assert len(run.machine.flying) == 10 * 4 + 32
    run.take(Room(0))
    assert len(run.machine.flying) == 72
    key = next(iter(run.machine.flying))
    assert not run.take(Came(key, entry("success", 1))).submissions


def test_b4_what_continues_something_begun_goes_before_what_begins():
    graph = TaskGraph("depth")
    above = Plain(name="m").map(list(range(200)), flow=graph)
    Plain(name="n").map(above, flow=graph)
    run = Driven(graph, slots=1).start()
    assert run.flying()[:2] == ["m[0]", "m[1]"]
    assert [c.name for c in run.come("m", 0).submissions] == ["n[0]"]


def test_m05_a_child_begins_as_soon_as_the_one_above_it_is_done():
    graph = TaskGraph("depth")
    above = Plain(name="m").map([1, 2], flow=graph)
    Plain(name="n").map(above, flow=graph)
    run = Driven(graph).start()
    run.come("m", 1, value="a")
    assert run.flying() == ["m[0]", "n[1]"]
    run.come("n", 1)
    run.come("m", 0, "failed")
    assert type(run.state("n", 0)) is TriggerFailed and type(run.state("n", 1)) is Success


def test_m12_a_map_of_unknown_width_holds_up_nothing_beside_it():
    graph = TaskGraph("beside")
    source = Plain(name="source").bind(flow=graph)
    Plain(name="m").map(source, flow=graph)
    Plain(name="n").map([1, 2], flow=graph)
    assert Driven(graph).start().flying() == ["source", "n[0]", "n[1]"]


def test_l13_the_final_state_of_a_loop_over_its_limit_knows_the_last_iteration_that_ran():
    run = one(max_loops=2)
    run.come("t", kind="looped", value=1)
    run.come("t", kind="looped", value=2)
    state = run.state("t")
    assert isinstance(state.result, LoopLimit) and state.loop_payload == 2
    assert state.loop_count == 2


def test_l13_a_failed_loop_knows_its_last_payload_and_messages():
    run = one()
    run.come("t", kind="looped", value={"n": 1}, message="one")
    run.come("t", kind="failed")
    state = run.state("t")
    assert (state.loop_count, state.loop_messages) == (2, ("one",))
    assert state.loop_payload == {"n": 1}


def test_l08_handlers_are_told_the_state_that_stands_as_the_old_one():
    run = one(state_handlers=[lambda task, old, new: None])
    run.answer()
    run.come("t", kind="looped", value=1)
    changed = Looped("changed", 7, loop_count=1)
    run.answer(changed, value=sealed(7))
    assert run.questions[0].old is changed


def test_l08_a_changed_payload_is_recorded_and_handed_on():
    run = one(state_handlers=[lambda task, old, new: None])
    run.answer()
    run.come("t", kind="looped", value=1)
    assert not run.records, "recorded before the handler has answered"
    run.answer(Looped("changed", 7), value=sealed(7))
    assert run.records[0].value == sealed(7)
    assert run.child("t").progress.payload == sealed(7)


def test_l08_the_record_of_a_failure_that_a_handler_made_does_not_hold_the_bodys_result():
    run = one(state_handlers=[lambda task, old, new: None])
    run.answer()
    run.come("t", value="fine")
    run.answer(Failed("not good enough", ValueError("no")), final=True)
    (record,) = run.records
    assert record.state == "Failed" and record.value != sealed("fine")


def test_l08_a_child_waits_for_its_own_handler_and_nobody_else_does():
    run = wide(2, state_handlers=[lambda task, old, new: None])
    assert len(run.questions) == 1  # the map's own
    run.answer()
    assert len(run.questions) == 2
    run.answer()
    assert run.flying() == ["m[0]"]
    run.come("m", 0)
    assert not run.machine.finished


def test_f11_a_soft_stop_lets_run_what_runs_and_begins_nothing():
    run = wide(100, slots=1)
    turn = run.halt()
    assert not turn.submissions and len(run.machine.flying) == 36
    assert type(run.state("m", 99)) is Cancelled
    run.come("m", 0, "looped")
    run.come("m", 1)
    assert type(run.state("m", 0)) is Cancelled and type(run.state("m", 1)) is Success
    for key in list(run.machine.flying):
        run.take(Came(key, entry("success")))
    assert run.machine.finished and run.machine.admission.out == 0


def test_f11_a_hard_stop_gives_up_what_runs_and_lets_its_keys_go():
    run = wide(3)
    keys = list(run.machine.flying)
    run.halt(now=True)
    assert run.machine.finished and sorted(run.released) == sorted(keys)
    assert not run.take(Came(keys[0], entry("success"))).records


def test_f11_a_task_that_runs_whatever_happens_is_not_begun_after_a_stop():
    graph = TaskGraph("after")
    above = Plain(name="a").bind(flow=graph)
    Plain(name="b", trigger=all_finished).bind(above, flow=graph)
    run = Driven(graph).start()
    run.halt(now=True)
    assert run.machine.finished and type(run.state("b")) is Cancelled


def test_f11_a_stop_waits_for_the_users_function_that_is_under_way():
    run = one(state_handlers=[lambda task, old, new: None])
    run.halt(now=True)
    assert not run.machine.finished
    run.answer()
    assert type(run.state("t")) is Cancelled and run.machine.admission.out == 0
    while run.questions:
        run.answer()
    assert run.machine.finished


def test_f04_one_failed_branch_does_not_stop_another():
    graph = TaskGraph("branches")
    a, b = Plain(name="a").bind(flow=graph), Plain(name="b").bind(flow=graph)
    Plain(name="c").bind(a, flow=graph)
    Plain(name="d").bind(b, flow=graph)
    run = Driven(graph).start()
    run.come("a", kind="failed")
    run.come("b")
    run.come("d")
    assert run.machine.finished
    assert type(run.state("c")) is TriggerFailed and type(run.state("d")) is Success


def test_r08_a_poisoned_attempt_crashes_after_its_budget_and_is_not_recorded():
    run = one(max_worker_losses=1, max_retries=5)
    run.lose("t")
    run.lose("t")
    assert type(run.state("t")) is Crashed and not run.records
    assert (
        run.machine.finished and run.machine.counts.losses == 2 and run.machine.admission.out == 0
    )


def test_b3_payloads_are_dropped_when_the_next_one_is_there_or_the_loop_succeeded():
    run = one()
    run.come("t", kind="looped", value=1)
    assert run.come("t", kind="looped", value=2).dropped == [sealed(1)]
    assert run.come("t").dropped == [sealed(2)]


def test_l13_the_payload_of_a_failed_loop_is_not_dropped():
    run = one()
    run.come("t", kind="looped", value=1)
    assert not run.come("t", kind="failed").dropped


def test_events_tell_what_happened_in_order():
    run = one(max_retries=1)
    run.come("t", kind="looped", message="one")
    run.come("t", kind="failed")
    run.lose("t")
    run.come("t")
    assert [type(event) for event in run.events] == [
        events.AttemptsSent,
        events.IterationEnded,
        events.AttemptsSent,
        events.AttemptFailed,
        events.RetryScheduled,
        events.AttemptsSent,
        events.AttemptLost,
        events.AttemptsSent,
        events.ChildEnded,
    ]
    told = [event for event in run.events if not isinstance(event, events.AttemptsSent)]
    assert [event.address[0].iteration for event in told] == [1, 2, 2, 2, 2]
    sent = [event for event in run.events if isinstance(event, events.AttemptsSent)]
    assert [one[0].iteration for event in sent for one in event.addresses] == [1, 2, 2, 2]


def test_m13_an_empty_map_ends_at_once():
    run = wide(0)
    assert run.machine.finished and run.state("m").result == []


@pytest.mark.parametrize("kind", ["failed", "skipped"])
def test_m06_one_bad_child_decides_what_becomes_of_a_reduce(kind: str):
    def write(graph: TaskGraph) -> None:
        above = Plain(name="m").map([1, 2], flow=graph)
        Plain(name="r").bind(above, flow=graph)

    run = Driven(graph_of(write)).start()
    run.come("m", 0)
    run.come("m", 1, kind)
    assert type(run.state("r")) is (TriggerFailed if kind == "failed" else Skipped)


def test_r08_a_handler_that_retries_a_loop_over_its_limit_runs_no_recorded_iteration_again():
    run = one(max_loops=1, max_retries=1, state_handlers=[lambda task, old, new: None])
    run.answer()
    first = run.key("t")
    run.come("t", kind="failed")
    for _ in range(3):  # Failed, Retrying, Running
        run.answer()
    second = run.key("t")
    run.come("t", kind="looped", value=1)
    run.answer()
    run.answer(Retrying("once more"), final=True)  # in place of the failure over the limit
    while run.questions:
        run.answer()
    third = run.child("t").key
    assert third not in (first, second)
    assert third is None or run.child("t").progress.iteration == 2


def test_timers_of_a_stopped_run_are_not_waited_for():
    run = one(max_retries=1, retry_delay=1000)
    run.come("t", kind="failed")
    run.halt()
    assert run.machine.finished
    assert not run.take(after=2000).submissions


def test_a_listener_that_wants_to_hears_of_every_attempt():
    graph = TaskGraph("one")
    Plain(name="t", max_retries=1).bind(flow=graph)
    run = Driven(graph, level=events.EVERY_ATTEMPT).start()
    run.come("t", kind="looped", message="one")
    run.come("t", kind="failed")
    run.come("t")
    told = [event for event in run.events if isinstance(event, events.AttemptEnded)]
    assert [(event.address[-1].iteration, event.run_count, event.kind) for event in told] == [
        (1, 1, "looped"),
        (2, 1, "failed"),
        (2, 2, "success"),
    ]
