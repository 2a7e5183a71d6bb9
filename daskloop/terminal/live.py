"""Draw a run on a terminal with rich, a few times a second, on a thread of its own.

::

    what is written meanwhile ──► above the frame
    tally ──► glance ──► frame ──► rich ──► terminal

A frame is drawn four times a second at most, and never so often that drawing takes more than one
two-hundredth of the time. The cursor is never hidden and no mode of the terminal is changed, so a
process that is killed leaves a terminal that works.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import IO, TYPE_CHECKING

from daskloop.report.run_tally import RunTally
from daskloop.terminal.glance import Glances
from daskloop.terminal.layout import Line, frame, room
from daskloop.terminal.passing_by import PassingBy
from daskloop.terminal.whole_lines import WholeLines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["LiveView"]

logger = logging.getLogger("daskloop.terminal")

INTERVAL = 0.25
"""Seconds between two frames at the least."""

SHARE = 200
"""A frame is followed by so many times its own duration without one."""

DELAY = 0.4
"""Seconds before the first frame: what is over by then draws nothing, and imports no rich."""

_STYLES = {
    "title": "bold",
    "bar": "bright_black",
    "dim": "bright_black",
    "done": "green",
    "way": "blue",
    "wait": "yellow",
    "bad": "red",
}
_SIZE = (80, 24)  # where the terminal does not tell
_PIECES = 16  # of what is written, after which it is shown before the next frame is due
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SCREEN = threading.Lock()  # one frame at a time, whatever is run side by side


class LiveView:
    """Draws while the ``with`` block lasts.

    Parameters
    ----------
    tally : RunTally
        What is drawn.
    hint : str
        The last line: what a key does.
    redact : callable
        Takes a text of the user's and returns it without what is secret.
    """

    def __init__(self, tally: RunTally, hint: str, redact: Callable[[str], str]) -> None:
        self._tally = tally
        self._glances = Glances(tally, redact)
        self._hint = hint
        self._passing_by: PassingBy | None = None
        self._next_frame = 0.0
        self._price = 0.0

    def __enter__(self) -> LiveView:
        if _SCREEN.acquire(blocking=False):
            try:
                self._begin()
            # A view is no part of the run: too many files or threads must not stop that.
            except Exception:
                logger.warning("the progress of the run is not shown", exc_info=True)
            finally:
                if self._passing_by is None:
                    _SCREEN.release()
        return self

    def _begin(self) -> None:
        self._passing_by = passing_by = PassingBy()
        try:
            self._thread = threading.Thread(
                target=self._work, args=(passing_by,), name="daskloop-terminal", daemon=True
            )
            self._thread.start()
        except BaseException:  # nothing stays redirected, whatever came between; raised again
            self._passing_by = None
            passing_by.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        passing_by = self._passing_by
        if passing_by is None:
            return
        try:
            passing_by.finish()
            self._thread.join()
        finally:
            try:
                if self._thread.is_alive():  # after Ctrl-C, which must find stderr as it was
                    passing_by.let_go()  # and no more: the thread still writes to what it has
                else:
                    passing_by.close()
            finally:
                _SCREEN.release()

    def let_go(self) -> None:
        """Let what is written from now on reach the terminal, for the last words of a process.

        May be called in a signal handler.
        """
        if self._passing_by is not None:
            self._passing_by.let_go()

    def _work(self, passing_by: PassingBy) -> None:
        try:
            passing_by.pass_on(DELAY)
            if not passing_by.is_over:
                with open(passing_by.terminal, "w", encoding="utf-8", closefd=False) as file:
                    self._draw(passing_by, _console(file))
        # A view is no part of the run: whatever is wrong with it must not stop that.
        except Exception:
            passing_by.let_go()  # before it is logged: nobody reads what is taken aside
            logger.warning("the progress of the run is shown no more", exc_info=True)
            passing_by.pass_on()

    def _draw(self, passing_by: PassingBy, console: Console) -> None:
        from rich.live import Live

        lines = WholeLines()
        with Live(
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        ) as live:
            over = drawn = False
            while not over:
                over = passing_by.is_over  # asked before the last words are read
                text = lines.take(self._until_next_frame(passing_by))
                text += lines.rest() if over else ""
                goes_on = not passing_by.is_over  # else rich takes the frame away at once
                began = time.thread_time()
                if goes_on:
                    live.update(self._frame(console, passing_by.terminal))
                if text:
                    console.print(_passed_on(text), end="", soft_wrap=True)
                elif goes_on:
                    live.refresh()
                    # The first one has rich import what it needs: that is paid once.
                    self._price = time.thread_time() - began if drawn else 0.0
                    drawn = True
                self._next_frame = time.monotonic() + max(INTERVAL, SHARE * self._price)

    def _until_next_frame(self, passing_by: PassingBy) -> bytes:
        """Collect what is written until the next frame is due, or until it is much."""
        pieces: list[bytes] = []
        while len(pieces) < _PIECES:
            left = 0.0 if passing_by.is_over else self._next_frame - time.monotonic()
            piece = passing_by.read(left)
            if not piece:
                break
            pieces.append(piece)
        return b"".join(pieces)

    def _frame(self, console: Console, terminal: int) -> Text:
        from rich.console import ConsoleDimensions

        told = os.get_terminal_size(terminal)
        width, height = told.columns or _SIZE[0], told.lines or _SIZE[1]
        console.size = ConsoleDimensions(width, height)
        given = room(width, height, len(self._tally.tasks))
        glance = self._glances.take(given.tasks, given.children)
        return _styled(frame(glance, given, height, self._hint))


def _console(file: IO[str]) -> Console:
    from rich.console import Console

    class Calm(Console):
        """Leaves the cursor as it is."""

        def show_cursor(self, show: bool = True) -> bool:
            return False

    return Calm(file=file, force_terminal=True, force_interactive=True, highlight=False)


def _styled(lines: Sequence[Line]) -> Text:
    from rich.text import Text

    text = Text(no_wrap=True, overflow="crop", end="")
    for number, line in enumerate(lines):
        if number:
            text.append("\n")
        for words, kind in line:
            text.append(words, _STYLES.get(kind))
    return text


def _passed_on(text: str) -> Text:
    """Take out of a program's words what would move the cursor; colours stay."""
    from rich.text import Text

    if "\x1b" not in text:
        return Text(_CONTROL.sub("", text))
    coloured = Text.from_ansi(text.rstrip("\n"))
    coloured.plain = _CONTROL.sub(" ", coloured.plain)  # of the same length: colours keep place
    return coloured.append("\n")
