"""Exceptions that cannot be pickled, shown or rebuilt are shown all the same (rule R9)."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass

import pytest

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP
from tests.flows.one_failure import check_that_only_this_failed, fine


class Picky(Exception):
    """Cannot be rebuilt from its `args`."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")


class Hostile(Exception):
    """Cannot be taken apart."""

    def __reduce__(self):
        raise RuntimeError("not to be pickled")


class Mute(Exception):
    """Cannot be shown."""

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class Liar(Exception):
    """Becomes something else when it is rebuilt."""

    def __reduce__(self):
        return int, ("5",)


@dataclass(frozen=True)
class Frozen(Exception):
    """Refuses to be written to, also where Python itself would note a cause."""

    code: int


class FrozenAndRebuilt(Frozen):
    """Comes back all the same."""

    def __reduce__(self):
        return type(self), (self.code,)


class Noted(Exception):
    """Cannot be formatted, since Python asks for its notes."""

    @property
    def __notes__(self):
        raise RuntimeError("no notes")


class Slippery(Exception):
    """What it says raises another of it, wherever it is looked at."""

    def __str__(self):
        return SlipperyText("slippery")


class SlipperyText(str):
    def __getitem__(self, where):
        raise Slippery


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (lambda: Noted("noted"), ["Noted('noted')"]),
        (lambda: Slippery(), ["could not be brought to an end", "raised Slippery"]),
        (lambda: Frozen(43), ["Frozen(code=43)"]),
        (lambda: FrozenAndRebuilt(44), ["FrozenAndRebuilt(code=44)"]),
        (lambda: Picky(7, "seven"), ["Picky", "7: seven"]),
        (lambda: Hostile("hostile text"), ["Hostile", "hostile text"]),
        (lambda: Mute("mute"), ["Mute"]),
        (lambda: Liar("liar text"), ["Liar", "liar text"]),
        (lambda: ValueError("holds", threading.Lock()), ["ValueError", "holds"]),
    ],
    ids=["noted", "slippery", "frozen", "rebuilt", "picky", "hostile", "mute", "liar", "lock"],
)
def test_r09_an_exception_that_cannot_travel_is_shown_by_class_and_text(executor, error, words):
    @task(max_retries=1)
    def fail():
        raise error()

    with Flow("fails") as flow:
        bad, beside = fail(), fine()
    failed = check_that_only_this_failed(flow, bad, executor, *words, beside=beside)
    assert failed.result is not None
    with pytest.raises(BaseException):  # noqa: B017, PT011 - whatever it is, it can be raised
        failed.raise_if_failed()


def test_r09_an_exception_that_refuses_to_be_written_to_is_retried_and_comes_back(executor):
    @task(max_retries=1, retry_on=Frozen)
    def fail_once():
        try:
            _ = {}["missing"]
        except KeyError as missing:
            raise FrozenAndRebuilt(context.task_run_count) from missing

    with Flow("frozen") as flow:
        bad = fail_once()
    failed = flow.run(executor=executor).result[bad]
    assert failed.result == FrozenAndRebuilt(2), failed
    assert "in fail_once" in str(failed.result.__cause__)
    assert "KeyError: 'missing'" in str(failed.result.__cause__)


@pytest.mark.parametrize(
    "error",
    [lambda: Noted("noted"), lambda: SyntaxError("bad", ("page", 1, 1, b"of a parser"))],
    ids=["notes", "syntax error of bytes"],
)
def test_r09_of_an_exception_that_cannot_be_formatted_the_traceback_says_so(executor, error):
    @task
    def fail():
        raise error()

    with Flow("odd") as flow:
        bad, beside = fail(), fine()
    name = type(error()).__name__
    failed = check_that_only_this_failed(flow, bad, executor, name, beside=beside)
    assert "traceback could not be formatted" in str(failed.result.__cause__)


def test_r09_an_exception_of_a_class_unknown_to_the_driver_is_shown_by_class_and_text(executor):
    @task
    def fail():
        import types

        module = types.ModuleType("only_over_there")
        sys.modules["only_over_there"] = module
        exec("class Odd(Exception):\n    pass", module.__dict__)
        raise module.Odd("far away")

    with Flow("unknown") as flow:
        bad, beside = fail(), fine()
    try:
        check_that_only_this_failed(flow, bad, executor, "Odd", "far away", beside=beside)
    finally:
        sys.modules.pop("only_over_there", None)


def test_r09_an_exception_keeps_its_type_though_its_cause_cannot_travel(executor):
    @task
    def fail():
        try:
            raise Hostile("hostile")
        except Hostile as hostile:
            raise KeyError("own") from hostile

    with Flow("cause") as flow:
        bad = fail()
    failed = flow.run(executor=executor).result[bad]
    assert isinstance(failed.result, KeyError), repr(failed.result)
    assert failed.result.args == ("own",)


def test_r09_infinite_recursion_is_an_ordinary_failure(executor):
    @task
    def fall():
        def deeper(n):
            return deeper(n + 1) + 1

        return deeper(0)

    with Flow("falls") as flow:
        bad, beside = fall(), fine()
    failed = check_that_only_this_failed(flow, bad, executor, "RecursionError", beside=beside)
    assert isinstance(failed.result, RecursionError)


def test_r09_a_very_long_exception_text_is_cut_and_harms_nothing(executor):
    @task
    def fail():
        if context.get("task_loop_count", 1) == 1:
            raise LOOP(message="m" * 1_000_000, result="payload")
        raise ValueError("x" * 1_000_000)

    with Flow("long") as flow:
        bad, beside = fail(), fine()
    failed = check_that_only_this_failed(flow, bad, executor, "ValueError", beside=beside)
    assert len(failed.message) < 200_000
    assert failed.loop_count == 2
    assert failed.loop_payload == "payload"


def test_r09_the_cause_and_the_traceback_of_an_exception_are_kept(executor):
    @task
    def fail():
        try:
            _ = {}["missing"]
        except KeyError as missing:
            raise ValueError("on account of it") from missing

    with Flow("cause") as flow:
        bad = fail()
    failed = flow.run(executor=executor).result[bad]
    import traceback

    text = "".join(traceback.format_exception(failed.result))
    assert "on account of it" in text
    assert "KeyError" in text
    assert "in fail" in text
