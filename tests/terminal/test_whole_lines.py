"""What programs write meanwhile comes out line by line, and moves no cursor."""

from __future__ import annotations

import pytest

from daskloop.terminal import whole_lines
from daskloop.terminal.live import _passed_on
from daskloop.terminal.whole_lines import WholeLines


def test_half_a_line_waits_for_its_end_and_half_a_sign_too():
    lines = WholeLines()
    first, second = "né".encode()[:2], "né\n".encode()[2:]
    assert lines.take(first) == ""
    assert lines.take(second + b"mo") == "né\n"
    assert lines.take(b"re\n") == "more\n"


def test_a_line_that_nobody_ends_is_shown_after_a_while_and_the_rest_at_the_end(monkeypatch):
    now = 100.0
    monkeypatch.setattr(whole_lines.time, "monotonic", lambda: now)
    lines = WholeLines()
    assert lines.take(b"Password: ") == ""
    now = 101.5
    assert lines.take(b"") == "Password: \n"
    assert lines.take(b"left") == "" and lines.rest() == "left\n" and lines.rest() == ""


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b" 10%\r 20%\r100%\n", "100%\n"),
        (b"windows\r\nlines\r\n", "windows\nlines\n"),
        (b"\xff\xfe\n", "��\n"),
    ],
)
def test_a_line_reads_as_a_terminal_would_have_left_it(written: bytes, shown: str):
    assert WholeLines().take(written) == shown


@pytest.mark.parametrize(
    "written",
    [
        "\x1b[2J\x1b[1;1Htext\n",
        "\x1b[3Atext\n",
        "\x1b]0;title\x07text\n",
        "\x1bctext\n",
        "\x0etext\x08\x07\n",
        "\x1b[?1049h\x1b(0text\x1b7\n",
        "\x9b2Jtext\n",
    ],
)
def test_what_moves_the_cursor_or_changes_the_terminal_is_taken_out(written: str):
    shown = _passed_on(written).plain
    assert "text" in shown
    assert not {sign for sign in shown if ord(sign) < 32 or 127 <= ord(sign) < 160} - {"\n"}


def test_colours_stay():
    shown = _passed_on("\x1b[31mred\x1b[0m and not\n")
    assert shown.plain == "red and not\n"
    assert [(span.start, span.end, str(span.style)) for span in shown.spans] == [(0, 3, "color(1)")]
