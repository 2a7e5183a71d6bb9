"""A log book keeps the first and the last lines, counts the others, and ends with its attempt."""

from __future__ import annotations

import logging
from typing import Any

import dask
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daskloop.events import LogLine
from daskloop.run.attempt_log import LogOrder, check_log_settings
from daskloop.run.log_book import LogBook


def taken(book: LogBook) -> Any:
    return book.take(None, 1, 1, "w")


def texts(*lines: str, most: int = 4, size: int = 10_000) -> tuple[list[str], int, int]:
    book = LogBook(LogOrder(logging.INFO, lines=most, size=size))
    for text in lines:
        book.note(LogLine(0.0, logging.INFO, text))
    log = taken(book)
    return [line.text for line in log.lines], log.left_out, log.after


def test_few_lines_are_all_kept():
    assert texts("a", "b", "c", "d") == (["a", "b", "c", "d"], 0, 2)


def test_of_many_the_first_and_the_last_are_kept():
    assert texts(*"abcdefg") == (["a", "b", "f", "g"], 3, 2)


def test_a_line_that_is_too_large_for_all_is_left_out():
    assert texts("a" * 300, "b", size=200) == (["b"], 1, 0)


def test_the_size_is_one_of_bytes():
    kept, left_out, _ = texts(*["語" * 100] * 4, size=2 * 350)
    assert (len(kept), left_out) == (2, 2)


def test_a_long_message_is_cut():
    (line,), _, _ = texts("x" * 1_000_000)
    assert line.endswith("… (1,000,000 characters)") and len(line) < 5_000


def test_with_no_lines_wanted_all_are_counted():
    assert texts("a", "b", most=0) == ([], 2, 0)


@given(st.lists(st.integers(0, 3_000)), st.integers(0, 12), st.integers(0, 4_000))
@settings(deadline=None)
def test_the_bounds_hold_and_no_line_goes_uncounted(sizes: list[int], most: int, size: int):
    lines = ["x" * length for length in sizes]
    kept, left_out, after = texts(*lines, most=most, size=size)
    assert len(kept) + left_out == len(lines)
    assert len(kept) <= most and sum(map(len, kept)) <= size
    assert kept[:after] == lines[:after]
    assert kept[after:] == lines[len(lines) - len(kept) + after :]


def test_nothing_is_noted_once_it_is_taken():
    book = LogBook(LogOrder(logging.INFO, lines=10, size=1_000))
    assert not taken(book).lines
    book.note(LogLine(0.0, logging.INFO, "late"))
    assert not taken(book).lines


def test_an_exception_that_cannot_be_formatted_is_said_to_be_one():
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    book = LogBook(LogOrder(logging.INFO, lines=10, size=1_000))
    logger = logging.Logger("t")
    logger.addHandler(book)
    try:
        raise Odd
    except Odd:
        logger.exception("it broke")
    (line,) = taken(book).lines
    assert line.text == "it broke" and "Odd" in line.trace


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("log-lines", -1, "Write a whole number"),
        ("log-lines", "many", "Write a whole number"),
        ("log-loggers", "requests", "Write a list of names"),
        ("log-loggers", [5], "Write a list of names"),
        ("log-loggers", None, "Write a list of names"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(name: str, value: object, advice: str):
    with (
        dask.config.set({f"daskloop.{name}": value}),
        pytest.raises(ValueError) as caught,  # noqa: PT011
    ):
        check_log_settings()
    assert f"daskloop.{name} is {value!r}. {advice}" in str(caught.value)
