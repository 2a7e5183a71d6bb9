"""What a journal has to keep, hand-picked: the plain, the empty, the largest and the odd."""

from __future__ import annotations

import pickle

from daskloop.keys import Address, Place
from daskloop.record.entries import (
    LOST,
    TAKEN_BACK,
    Given,
    Header,
    Mark,
    Recorded,
    Submitted,
    Wire,
)
from daskloop.record.pickling import join
from daskloop.record.plain import written
from daskloop.record.sealed import ErrorText, Sealed

__all__ = ["ODD_TEXTS", "Trap", "at", "header", "pickled", "plain", "records", "sent", "stored"]

ODD_TEXTS = (
    "",
    " ",
    "plain",
    "two\nlines\r\n\tand tabs",
    "a NUL \x00 within",
    "\x00",
    "a lone surrogate \udc80 here, \ud800",
    "emoji 🐝, accents é, right to left שלום, CJK 中文",
    "quotes ' \" ` ; -- '); DROP TABLE records; --",
    "\\ud800 as six characters",
    "x" * 20_000,
)
"""Texts that some journal somewhere does not give back as they were."""

WHEN = 1_700_000_000.123456789
"""A time that does not fit milliseconds."""


class Trap:
    """Notes in `Trap.sprung` that somebody unpickled it."""

    sprung = 0

    def __reduce__(self) -> tuple[object, ...]:
        return _spring, ()


def _spring() -> None:
    Trap.sprung += 1


def plain(value: object) -> Sealed:
    """Close a value that JSON gives back exactly."""
    text = written(value)
    assert text is not None, f"{value!r} is not plain"
    data = join([text])
    return Sealed(data, None, 0, len(data), repr(value)[:200])


def pickled(value: object) -> Sealed:
    """Close a value as a pickle."""
    data = join([pickle.dumps(value, 5)])
    return Sealed(data, None, 0, len(data), "a pickle")


def stored(offset: int = 0) -> Sealed:
    """Make a reference to a value in the payload store."""
    return Sealed(None, f"{'0123456789abcdef' * 2}-fib-1", offset, 123_456_789_012, "[1, 2, ...]")


def at(slug: str = "fib-1", child: int | None = None, iteration: int = 1) -> Address:
    """Name an iteration."""
    return (Place(slug, child, iteration),)


def header(run: str, begun: float = WHEN) -> Header:
    """Make a header with something in each of its fields."""
    given = (
        Given("rows", "d1g35t", plain([1, 2, {"é": None}]), 3),
        Given("rate", "f00", pickled({1, 2}), None),
        Given("table", "beef", stored(64), 10_000),
        Given("password", "", None, None),
        Given("", "", plain(None), 0),
    )
    marks = (
        Mark("fib-1", "fib", "a" * 32, "b" * 32, False),
        Mark(
            "square-2",
            "square 🐝",
            "",
            "",
            True,
            (Wire("fib-1", "x", True), Wire("M-1", None, False)),
        ),
    )
    versions = {"python": "3.12.1", "daskloop": "0.1", "dask": "2026.8.0"}
    return Header(run, "Fibonacci", begun, given, marks, "flows/fib.py:flow", None, versions)


def _values() -> list[Sealed | None]:
    data: list[object] = [
        None,
        True,
        0,
        -(2**63),
        2**63 - 1,
        0.1,
        1e308,
        "",
        [],
        {},
        {"n": 4, "fib": [1, 1, 2]},
    ]
    nested = {"": {"a": [[[]], {"b": None}]}, "text": "🐝\x00 é"}
    odd = [Sealed(b"", None, 0, 0, ""), Sealed(b"\x01\0\0\0", None, 0, 4, "not laid out as usual")]
    bytes_ = [pickled(b"\x00\xff" * 500), pickled(Trap()), stored(), stored(1)]
    return [None, *map(plain, data), plain(nested), *odd, *bytes_]


def records() -> list[Recorded]:
    """Make records that, between them, have something in each field, and nothing in each."""
    error = ErrorText("builtins.ValueError", "no such file", "Traceback ...\n  line 3\n")
    cut: dict[int, tuple[Sealed, ...] | str] = {
        0: (plain(1), pickled(Trap()), stored(7)),
        -1: (),
        3: "it is no list \udc80 🐝",
    }
    found = [Recorded(at(iteration=n), 1, 0, "Looped", "", one) for n, one in enumerate(_values())]
    found += [
        Recorded(at("odd-2", n), 1, 0, "Failed", text, None, ErrorText(text, text, text))
        for n, text in enumerate(ODD_TEXTS)
    ]
    previews = [Sealed(None, "0" * 32 + "-a", 0, 9, text[:200]) for text in ODD_TEXTS]
    found += [Recorded(at("odd-3", n), 1, 0, "Success", "", one) for n, one in enumerate(previews)]
    found += [
        Recorded(at("square-2"), 1, 0, "Mapped", "", attempted=False, width=10_000, at=WHEN),
        Recorded(at("square-2", 0), 1, 0, "Mapped", "", attempted=False, width=0, at=WHEN),
        Recorded(at("cut-4"), 2, 3, "Success", "done", plain([1]), parts=cut, at=WHEN),
        Recorded(at("cut-4"), 2, 3, "Success", "done", plain([1]), parts={1: "x"}, at=WHEN),
        Recorded(at("net-5", 37, 812), 3, 4, "Failed", "no", stored(), error, False, True),
        Recorded(at("net-5"), 1, 0, "TimedOut", "slow", None, ErrorText("", "", ""), True, True),
        Recorded(at("net-5"), 4, 0, "Retrying", "", None, attempted=False, start_time=WHEN + 60),
        Recorded(at("net-5"), 4, 0, "Retrying", "", None, attempted=False, start_time=0.0),
        Recorded(at("net-5"), 4, 1, LOST, "worker tcp://10.0.0.1:1234 died", attempted=False),
        Recorded(at("net-5", None, 3), 1, 0, TAKEN_BACK, "as asked", attempted=False, at=WHEN),
        Recorded(
            *(at("net-5"), 1, 2**40, "Success", "m"),
            worker="tcp://10.0.0.1:1234",
            started=WHEN,
            ended=WHEN + 1e-6,
            at=WHEN + 2.5,
        ),
        Recorded((Place("outer", 2, 3), Place("inner", None, 4)), 1, 0, "Looped", "", plain(1)),
    ]
    return found


def sent(child: int | None = None, iteration: int = 1, submission: int = 0) -> Submitted:
    """Make the note of an attempt that was sent."""
    return Submitted(at("fib-1", child, iteration), 1, submission, WHEN + iteration)
