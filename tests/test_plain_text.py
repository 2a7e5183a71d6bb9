"""Text from users is shown in one line, without tricks, and no wider than asked."""

from __future__ import annotations

import time

import pytest

from daskloop.plain_text import hidden, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand  more", "two lines and more"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("right\u202eleft", r"right\u202eleft"),
        ("isolated\u2066x", r"isolated\u2066x"),
        ("half \ud800 a pair", r"half \ud800 a pair"),
        ("zero\x00 and bell\x07", r"zero\x00 and bell\x07"),
        ("family 👨\u200d👩\u200d👧 stays", "family 👨\u200d👩\u200d👧 stays"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("שלום עולם", "שלום עולם"),
        (12, "12"),
        ("", ""),
    ],
)
def test_what_is_invisible_is_shown_by_its_number(text: object, shown: str) -> None:
    assert one_line(text) == shown


@pytest.mark.parametrize("width", [1, 2, 5, 8])
@pytest.mark.parametrize("text", ["abcdefghijkl", "日本語の長い文", "\x1b" * 9, "e\u0301" * 12])
def test_a_cut_text_is_no_wider_than_asked(text: str, width: int) -> None:
    import unicodedata

    shown = one_line(text, width)
    wide = sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in shown)
    wide -= sum(1 for sign in shown if unicodedata.combining(sign))
    assert wide <= width
    assert shown.endswith("…")


def test_a_text_that_fits_exactly_is_not_cut() -> None:
    assert one_line("12345", 5) == "12345"
    assert one_line("123456", 5) == "1234…"


def test_a_text_of_a_megabyte_costs_no_more_than_a_short_one() -> None:
    large = "x" * 50_000_000
    began = time.process_time()
    assert one_line(large, 20) == "x" * 19 + "…"
    assert time.process_time() - began < 0.01


def test_white_space_before_a_cut_does_not_hide_that_there_was_more() -> None:
    assert one_line("a" + " " * 10_000 + "b", 20).endswith("…")


def test_secrets_are_hidden_wherever_they_are() -> None:
    assert hidden("key=abcd1234, again abcd1234", ["abcd1234"]) == "key=•••, again •••"
