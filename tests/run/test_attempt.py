"""Whatever user code does, an envelope comes back, and the context is as it was."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daskloop.contexts import context
from daskloop.errors import StoreError
from daskloop.record.claims import Claim, Taken
from daskloop.record.last_words import LastWords
from daskloop.record.sealed import HeldError, unseal
from daskloop.record.store import PayloadStore
from daskloop.run.attempt import attempt, attempt_here
from daskloop.run.envelope import decode_envelope
from daskloop.run.order import pack_own, pack_shared, value_tree
from daskloop.run.progress import Progress
from daskloop.run.states_of import state_of
from daskloop.signals import FAIL, LOOP, RETRY, SKIP, SUCCESS, TRIGGERFAIL
from tests.run.lives import sealed
from tests.run.orders_of_one import execute, own_order, shared_order

_errors: list[Any] = []


def raising(error: Any) -> Callable[[], None]:
    """Make a body that raises; what it raises never travels with it."""
    _errors.append(error)
    return partial(_raise, len(_errors) - 1)


def _raise(number: int) -> None:
    raise _errors[number]


class Rude(Exception):
    """Words that exit."""

    def __str__(self) -> str:
        raise SystemExit(5)

    __repr__ = __str__


class Unpicklable:
    """Pickling it exits."""

    def __reduce__(self) -> Any:
        raise SystemExit(6)


class Unrebuildable:
    """Unpickling it exits."""

    def __reduce__(self) -> Any:
        return _leave, ()


def _leave() -> None:
    raise SystemExit(7)


class Trap(Exception):
    """An exception that exits when it is rebuilt."""

    def __reduce__(self) -> Any:
        return _leave, ()


BASE = [
    SystemExit(0),
    SystemExit("text"),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError(),
    StopIteration(3),
    BaseException("bare"),
    MemoryError(),
    RecursionError(),
]


@pytest.mark.parametrize("error", BASE, ids=lambda error: type(error).__name__)
def test_r12_every_base_exception_is_a_failure_of_its_attempt(error: BaseException):
    entry = execute(raising(error))
    assert entry.kind == "failed" and entry.retriable
    state = state_of(entry, Progress(), None)
    assert type(state.result) is type(error)


def test_r09_keyboard_interrupt_gets_through_where_the_user_sits():
    with pytest.raises(KeyboardInterrupt):
        attempt_here(pack_shared(shared_order(raising(KeyboardInterrupt()))), pack_own(own_order()))
    assert "task_name" not in context


@pytest.mark.parametrize(
    "message", [ValueError("x"), object, 10**30, b"\xff", 1.5, ["a"], "\udc80", {"a": 1}], ids=repr
)
def test_r12_a_message_that_is_no_text_becomes_one(message: Any):
    for kind in (LOOP, SKIP, SUCCESS, FAIL, RETRY, TRIGGERFAIL):
        assert isinstance(execute(raising(kind(message=message))).message, str)


@pytest.mark.parametrize("kind", [LOOP, SKIP, SUCCESS, FAIL, RETRY, TRIGGERFAIL])
def test_the_message_of_a_signal_is_cut_to_a_length_that_may_travel(kind: Any):
    assert len(execute(raising(kind(message="x" * 10_000_000))).message or "") <= 70_000


@pytest.mark.parametrize("kind", [LOOP, SKIP, SUCCESS, FAIL])
@pytest.mark.parametrize("result", [Unpicklable(), threading.Lock()], ids=["exits", "lock"])
def test_f08_a_result_that_cannot_be_closed_fails_its_attempt(kind: Any, result: Any):
    entry = execute(raising(kind(result=result)))
    assert entry.kind == "failed"


def test_f08_a_return_value_whose_pickling_exits_fails_its_attempt():
    assert execute(lambda: Unpicklable()).kind == "failed"


@pytest.mark.parametrize("error", [Rude(), Trap("x")], ids=["rude", "trap"])
def test_r12_an_exception_with_methods_that_exit_is_a_failure(error: Any):
    entry = execute(raising(error))
    assert entry.kind == "failed" and entry.error is not None


def test_f08_an_input_whose_rebuilding_exits_fails_its_attempt():
    tree = value_tree(sealed(Unrebuildable()))
    entry = execute(lambda x: x, inputs={"x": tree})
    assert entry.kind == "failed" and not entry.retriable


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), LOOP("no"), FAIL("no")])
def test_r12_a_retry_if_that_raises_anything_fails_its_attempt(error: BaseException):
    judge = raising(error)
    entry = execute(raising(KeyError("mine")), retry_if=lambda _: judge())
    assert entry.kind == "failed" and not entry.retriable
    assert "retry_if" in (entry.message or "")


@pytest.mark.parametrize(
    "start", [datetime.max.replace(tzinfo=timezone.utc), datetime.min, datetime.max]
)
def test_r06_a_start_time_that_makes_no_sense_fails_the_attempt_and_not_the_driver(start: Any):
    entry = execute(raising(RETRY(start_time=start)))
    if entry.kind == "retry":  # then the driver can read it
        state_of(entry, Progress(), None)
    else:
        assert entry.kind == "failed"


@pytest.mark.parametrize("kind", [LOOP, SKIP, SUCCESS, FAIL, RETRY])
def test_a_returned_signal_fails_and_says_raise_it(kind: Any):
    for value in (kind, kind("x")):
        entry = execute(lambda value=value: value)
        assert entry.kind == "failed" and "raise" in (entry.message or "")


def test_r09_an_exception_that_does_not_unpickle_keeps_its_name_and_words():
    class Strange(Exception):
        def __init__(self, code: int, *, more: str) -> None:
            super().__init__(f"{code} {more}")

    entry = execute(raising(Strange(5, more="words")))
    assert entry.error is not None and "Strange" in entry.error.class_name
    assert entry.error.text == "5 words" and entry.value is None
    state = state_of(entry, Progress(), None)
    assert isinstance(state.unopened_result, HeldError) and "5 words" in str(state.result)


def test_l10_nothing_of_an_attempt_is_left_in_the_context():
    for error in (None, LOOP(result=1), ValueError(), SystemExit()):
        execute(raising(error) if error else lambda: None, {"payload": value_tree(sealed(1))})
        assert dict(context) == {}


@pytest.mark.parametrize("timeout", [None, 30.0])
def test_f07_the_body_sees_its_context_on_its_own_thread_too(timeout: float | None):
    own = {"payload": value_tree(sealed([1])), "iteration": 4, "run_count": 3, "child": 2}
    names = ("task_loop_count", "task_loop_result", "task_run_count", "map_index")
    names += ("task_full_name", "task_slug")
    entry = execute(lambda: {name: context[name] for name in names}, own, timeout=timeout)
    assert entry.value is not None
    seen = unseal(entry.value, None)
    assert seen["task_loop_count"] == 4 and seen["task_loop_result"] == [1]
    assert seen["task_run_count"] == 3 and seen["map_index"] == 2
    assert seen["task_full_name"] == "t[2]" and seen["task_slug"] == "t-1"


def test_l15_an_attempt_over_its_time_is_timed_out_and_what_it_returns_is_ignored():
    go = threading.Event()
    try:
        entry = execute(lambda: None, timeout=10.0)
        assert entry.kind == "success"
        _waiting["go"] = go
        entry = execute(_wait_for_it, timeout=0.02)
        assert entry.kind == "timed_out" and "0.02 s" in (entry.message or "")
    finally:
        go.set()
        for thread in threading.enumerate():
            if thread.name == "daskloop-t":
                thread.join(5)


_waiting: dict[str, threading.Event] = {}


def _wait_for_it() -> None:
    _waiting["go"].wait(20)


def test_r08_a_second_start_of_a_key_does_not_call_the_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(LastWords, "listen", lambda self, who: None)
    store = PayloadStore(tmp_path / "store")
    claims = store.claims()
    assert claims is not None
    calls: list[int] = []
    _called["calls"] = calls
    shared = pack_shared(shared_order(_call, claims=claims.directory))
    own = own_order()
    first = attempt(shared, pack_own(own))
    assert attempt(shared, pack_own(own)) == first and calls == [1]
    taken = claims.read(own.key)
    assert isinstance(taken, Taken) and taken.outcome == first
    other = own_order(key="t-1-7f3a9c12/-1/1/1/1")
    claims.start(other.key, "tcp://gone:1 (process 9)")
    ((_, entry),) = decode_envelope(attempt(shared, pack_own(other))).reports
    assert (entry.kind, entry.message) == ("lost", "tcp://gone:1 (process 9)")
    assert calls == [1]


def test_an_attempt_that_ended_is_not_lost_because_its_claim_cannot_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(claim: Claim, outcome: bytes) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr(LastWords, "listen", lambda self, who: None)
    monkeypatch.setattr(Claim, "finish", full)
    claims = PayloadStore(tmp_path / "store").claims()
    assert claims is not None
    _called["calls"] = []
    shared = pack_shared(shared_order(_call, claims=claims.directory))
    ((_, entry),) = decode_envelope(attempt(shared, pack_own(own_order()))).reports
    assert entry.kind == "success" and _called["calls"] == [1]


_called: dict[str, list[int]] = {}


def _call() -> int:
    _called["calls"].append(1)
    return 5


def test_f07_parameters_that_cannot_travel_are_missed_by_those_alone_that_ask():
    entry = execute(lambda: context.parameters)
    assert entry.kind == "failed"
    assert isinstance(state_of(entry, Progress(), None).result, StoreError)
    assert execute(lambda: 1).kind == "success"
