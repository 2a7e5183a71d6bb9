"""Several attempts in one future, as the worker makes them: who has a turn, and what is told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daskloop.contexts import context
from daskloop.keys import Place
from daskloop.record.claims import Claims
from daskloop.record.entries import Recorded
from daskloop.record.last_words import LastWords
from daskloop.record.sealed import Sealed, unseal
from daskloop.record.store import PayloadStore
from daskloop.record.stretch import unfolded
from daskloop.run.attempt import attempt_here
from daskloop.run.attempt_log import LogOrder
from daskloop.run.envelope import Ahead, Entry
from daskloop.run.order import pack_own, pack_shared, value_tree
from daskloop.run.share import HEAVY, Clock
from daskloop.signals import LOOP, SKIP
from tests.run.lives import sealed
from tests.run.orders_of_one import KEY, execute_all, one, own_order, shared_order

FOREVER = float("inf")


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no attempt be long on a machine that is busy; what is long is tried by itself."""
    monkeypatch.setattr("daskloop.run.share._LONG", FOREVER)


def looping(to: int) -> Callable[[], Any]:
    """Make a body that loops up to an iteration and returns what it saw."""

    def loop() -> Any:
        count = context.get("task_loop_count", 1)
        seen = [*context.get("task_loop_result", []), (context.map_index, count)]
        if count < to:
            raise LOOP(f"at {count}", result=seen)
        return seen

    return loop


def alone(function: Callable[..., Any], most: int = 100, **options: Any) -> Entry:
    """Execute a future of one task that may loop in it."""
    given = {key: options.pop(key) for key in ("iteration", "payload", "left") if key in options}
    own = own_order(one(**given), most=most, seconds=FOREVER)
    ((index, entry),) = execute_all(function, own, **options)
    assert index is None
    return entry


def ahead_of(entry: Entry) -> Ahead:
    """Return what went ahead of an entry."""
    assert entry.ahead is not None
    return entry.ahead


def value_of(sealed: Sealed | None) -> Any:
    """Open an inline value."""
    assert sealed is not None
    return unseal(sealed, None)


@pytest.mark.parametrize(
    ("ends", "left", "last", "allowed"),
    [
        (FOREVER, 1, 0.0199, True),
        (FOREVER, 1, 0.020, False),
        (FOREVER, 0, 0.0, False),
        (0.0, 5, 0.0, False),
    ],
)
def test_b2_a_future_goes_on_after_short_attempts_while_there_is_time(
    ends: float, left: int, last: float, allowed: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.undo()
    assert _clock(ends, left).allows(last) is allowed


def _clock(ends: float, left: int) -> Clock:
    return Clock(began=0.0, ends=ends, left=left)


def test_b2_iterations_go_on_in_the_future_of_the_one_before():
    entry = alone(looping(5))
    assert (entry.kind, value_of(entry.value)) == ("success", [(None, n) for n in range(1, 6)])
    ahead = ahead_of(entry)
    assert (ahead.iterations, ahead.messages) == (4, ("at 2", "at 3", "at 4"))
    assert value_of(ahead.payload) == [(None, n) for n in range(1, 5)]


def test_b2_each_iteration_is_told_with_its_payload_and_message():
    ahead = ahead_of(alone(looping(5)))
    record = Recorded(
        *(_at(4), 1, 0, "Looped", ahead.messages[-1], ahead.payload), stretch=ahead.packed
    )
    told = [(r.address, r.message, len(value_of(r.value))) for r in unfolded(record)]
    assert told == [(_at(n), f"at {n}", n) for n in range(1, 5)]


def _at(iteration: int) -> Any:
    return (Place("t-1", None, iteration),)


def test_b2_iterations_that_nobody_records_are_only_counted():
    ahead = ahead_of(alone(looping(50), whole=False))
    assert (ahead.iterations, ahead.packed) == (49, b"")
    assert ahead.messages == ("at 47", "at 48", "at 49")


@pytest.mark.parametrize("most", [1, 2, 3])
def test_b2_no_more_attempts_are_made_than_were_asked_for(most: int):
    entry = alone(looping(5), most)
    assert (entry.kind, entry.message) == ("looped", f"at {most}")
    assert (entry.ahead.iterations if entry.ahead else 0) == most - 1


def test_b2_without_a_moment_left_nothing_goes_on():
    ((_, entry),) = execute_all(looping(5), own_order(one(), most=100, seconds=0.0))
    assert (entry.kind, entry.message, entry.ahead) == ("looped", "at 1", None)


def test_b2_an_iteration_that_fails_ends_its_share():
    def loop() -> Any:
        count = context.get("task_loop_count", 1)
        if count == 3:
            raise ValueError("no")
        raise LOOP(result=count)

    entry = alone(loop)
    assert entry.kind == "failed" and ahead_of(entry).iterations == 2
    assert value_of(ahead_of(entry).payload) == 2


def test_b2_a_task_whose_handlers_see_its_states_does_not_run_ahead():
    assert alone(looping(5), ahead=False).ahead is None


def test_l15_max_loops_is_exact_within_a_future():
    entry = alone(looping(50), max_loops=3)
    assert (entry.kind, entry.message, ahead_of(entry).iterations) == ("looped", "at 3", 2)
    entry = alone(looping(50), max_loops=3, iteration=3, payload=value_tree(sealed([])))
    assert (entry.kind, entry.ahead) == ("looped", None)


def test_l15_no_iteration_begins_once_the_time_of_the_loop_is_up():
    assert alone(looping(50), left=0.0).ahead is None
    assert ahead_of(alone(looping(50), left=1e6)).iterations == 49


def test_l03_a_future_goes_on_from_the_iteration_and_payload_that_it_is_given():
    entry = alone(looping(6), iteration=4, payload=value_tree(sealed(["before"])))
    assert value_of(entry.value) == ["before", (None, 4), (None, 5), (None, 6)]


_held: list[Any] = []


def test_r05_each_iteration_gets_its_payload_as_it_would_have_travelled():
    def loop() -> Any:
        given = context.get("task_loop_result")
        held = _held_by_all()
        assert all(given is not one for one in held)
        if given is not None and len(given) == 3:
            return given
        payload = [*(given or ()), len(held)]
        held.append(payload)
        raise LOOP(result=payload)

    _held.clear()
    assert value_of(alone(loop).value) == [0, 1, 2]


def _held_by_all() -> list[Any]:
    return _held


@pytest.mark.parametrize(("size", "ahead"), [(600_000, 1), (1_100_000, 0)])
def test_b2_heavy_payloads_do_not_travel_back_together(size: int, ahead: int):
    def loop() -> Any:
        raise LOOP(result=bytes(size))

    entry = alone(loop, inline_limit=10**7)
    assert (entry.ahead.iterations if entry.ahead else 0) == ahead


def test_b2_heavy_logs_do_not_travel_back_together():
    def chatter() -> None:
        for _ in range(10):
            context.logger.warning("x" * 4_000)

    def loops() -> None:
        chatter()
        raise LOOP("on")

    log = LogOrder(logging.WARNING, lines=100, size=100_000)
    own = own_order(*[one(child=n) for n in range(100)], most=100, seconds=FOREVER)
    assert len(execute_all(chatter, own, log=log)) == HEAVY // 40_000
    entry = alone(loops, log=log)
    assert entry.ahead is not None and entry.ahead.iterations == HEAVY // 40_000 - 1


def test_b3_after_a_stored_payload_the_next_iteration_has_a_future_of_its_own(tmp_path: Path):
    def loop() -> Any:
        raise LOOP(result=b"x" * 1_000 * context.get("task_loop_count", 1))

    store = PayloadStore(tmp_path / "store")
    entry = alone(loop, store=store.url, inline_limit=2_500)
    assert entry.value is not None and entry.value.name is not None
    assert ahead_of(entry).iterations == 2


# Several children


def children(count: int, **options: Any) -> Any:
    """Make the order of a future of several children."""
    attempts = [one(child=index, inputs={"x": _tree(index)}) for index in range(count)]
    return own_order(*attempts, **{"most": 100, "seconds": FOREVER, **options})


def _tree(value: Any) -> Any:
    return value_tree(sealed(value))


def test_b2_each_child_of_a_pack_sees_its_own_context():
    def show(x: int) -> Any:
        assert "task_loop_count" not in context and "task_loop_result" not in context
        return x, context.map_index, context.task_full_name, context.idempotency_key

    reports = execute_all(show, children(3))
    assert [index for index, _ in reports] == [0, 1, 2]
    assert [value_of(entry.value) for _, entry in reports] == [
        (n, n, f"t[{n}]", f"quiet-heron-7f3a9c12/t-1[{n}]@1") for n in range(3)
    ]
    assert dict(context) == {}


def test_l10_a_loop_leaves_nothing_to_the_child_after_it():
    def loop(x: int) -> Any:
        seen = [*context.get("task_loop_result", []), x]
        if len(seen) < 3:
            raise LOOP(result=seen)
        return seen

    reports = execute_all(loop, children(4))
    assert [value_of(entry.value) for _, entry in reports] == [[n] * 3 for n in range(4)]


def test_b2_a_failure_a_skip_and_a_loop_are_those_of_one_child():
    def work(x: int) -> Any:
        if x == 1:
            raise ValueError(x)
        if x == 2:
            raise SKIP("not today")
        if x == 3 and context.get("task_loop_count", 1) == 1:
            raise LOOP(result="more")
        return x

    reports = execute_all(work, children(5))
    kinds = [entry.kind for _, entry in reports]
    assert kinds == ["success", "failed", "skipped", "success", "success"]
    assert [entry.ahead is not None for _, entry in reports] == [n == 3 for n in range(5)]


def test_b2_children_whose_turn_did_not_come_are_not_told():
    assert [index for index, _ in execute_all(lambda x: x, children(5, seconds=0.0))] == [0]
    assert [index for index, _ in execute_all(lambda x: x, children(5, most=3))] == [0, 1, 2]


def test_b2_iterations_of_one_child_count_among_the_attempts_of_its_future():
    def loop(x: int) -> Any:
        if context.get("task_loop_count", 1) < 4:
            raise LOOP()
        return x

    reports = execute_all(loop, children(5, most=6))
    assert [(index, entry.kind) for index, entry in reports] == [(0, "success"), (1, "looped")]


def test_f08_what_one_child_cannot_open_or_close_is_its_own_failure():
    class Refuses:
        def __reduce__(self) -> Any:
            return int, ("no number",)

    def work(x: Any) -> Any:
        return threading.Lock() if x == 2 else x

    own = own_order(
        *(one(child=n, inputs={"x": _tree(n)}) for n in (0, 2)),
        one(child=1, inputs={"x": _tree(Refuses())}),
        one(child=3, inputs={"x": _tree(3)}),
        most=100,
        seconds=FOREVER,
    )
    kinds = {index: entry.kind for index, entry in execute_all(work, own)}
    assert kinds == {0: "success", 1: "failed", 2: "failed", 3: "success"}


def test_l15_a_child_that_takes_too_long_is_the_only_one_that_is_timed_out():
    go = threading.Event()
    _waiting["go"] = go
    try:
        kinds = [entry.kind for _, entry in execute_all(_wait_if_asked, children(3), timeout=0.5)]
        assert kinds == ["success", "timed_out", "success"]
    finally:
        go.set()
        for thread in threading.enumerate():
            if thread.name.startswith("daskloop-t"):
                thread.join(5)


_waiting: dict[str, threading.Event] = {}


def _wait_if_asked(x: int) -> int:
    if x == 1:
        _waiting["go"].wait(20)
    return x


# The beacon


@pytest.mark.parametrize(("child", "iteration"), [(0, 1), (0, 3), (2, 1), (2, 2)])
def test_r08_the_claim_says_under_which_attempt_a_worker_died(
    child: int, iteration: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(LastWords, "listen", lambda self, who: None)
    claims = Claims(str(tmp_path / "claims"))

    def loop(x: int) -> Any:
        count = context.get("task_loop_count", 1)
        if (x, count) == (child, iteration):
            raise KeyboardInterrupt
        if count < 3:
            raise LOOP()
        return x

    shared = pack_shared(shared_order(loop, claims=claims.directory))
    with pytest.raises(KeyboardInterrupt):
        attempt_here(shared, pack_own(children(4)))
    taken = claims.read(KEY)
    assert taken is not None and taken.outcome is None
    assert taken.where == (child, iteration)
