"""Decide how the progress of a run is shown, and show it while the run lasts."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from enum import Enum

from daskloop import config
from daskloop.report.log import summary
from daskloop.report.run_tally import RunTally
from daskloop.terminal.live import LiveView
from daskloop.terminal.plain_lines import PlainLines

__all__ = ["HINT", "Manner", "manner", "showing"]

HINT = "Ctrl-C: stop after the running iterations"
"""What a key does to a run that this process drives."""

_STDERR = 2


class Manner(Enum):
    """How progress is shown."""

    NOT = "not at all"
    LINES = "in a few plain lines"
    LIVE = "drawn on the terminal"


def manner(*, inline: bool, lines: bool) -> Manner:
    """Decide how the progress of a run is shown.

    Parameters
    ----------
    inline : bool
        True if tasks run in the calling thread: a debugger may want the terminal for itself.
    lines : bool
        True if plain lines are wanted where nothing can be drawn.

    Returns
    -------
    Manner
        As the setting ``daskloop.progress`` wants it: None draws where stderr is a terminal; True
        writes lines anywhere else; False shows nothing.

    Raises
    ------
    ValueError
        If the setting is something else.
    """
    wanted = config.flag("progress")
    if wanted is False:
        return Manner.NOT
    terminal = _is_terminal()
    if terminal and not inline and _can_draw():
        return Manner.LIVE
    return Manner.LINES if wanted or lines or (terminal and not inline) else Manner.NOT


def _is_terminal() -> bool:
    """Tell whether stderr is a terminal, and is what Python writes to as stderr."""
    try:
        # A notebook's stderr has the number of the terminal that its server was started in.
        return sys.stderr.isatty() and sys.stderr.fileno() == _STDERR and os.isatty(_STDERR)
    except (OSError, ValueError, AttributeError):  # replaced by something else, or closed
        return False


def _can_draw() -> bool:
    encoding = (getattr(sys.stderr, "encoding", None) or "").lower().replace("-", "")
    knows_signs = encoding.startswith("utf") and os.environ.get("TERM", "dumb") != "dumb"
    return os.name == "posix" and knows_signs and importlib.util.find_spec("rich") is not None


@contextlib.contextmanager
def showing(
    how: Manner,
    tally: RunTally,
    flow: str,
    hint: str,
    redact: Callable[[str], str] = str,
    opening: str = "begun",
) -> Iterator[Callable[[], None]]:
    """Show progress while the ``with`` block lasts, and say at its end how the run ended.

    Parameters
    ----------
    how : Manner
        How it is shown.
    tally : RunTally
        What is shown; it has to hear the events of the run.
    flow : str
        Name of the flow.
    hint : str
        What a key does.
    redact : callable, optional
        Takes a text of the user's and returns it without what is secret.
    opening : str
        What the first of the plain lines says.

    Yields
    ------
    callable
        Has what is written from now on reach the terminal, for the last words of a process.
    """
    if how is Manner.NOT:
        yield _nothing
        return
    live = how is Manner.LIVE
    lines = PlainLines(tally, flow, redact, opening)
    with LiveView(tally, hint, redact) if live else lines as view:
        yield view.let_go
    if tally.ended is not None:
        sign = "✔ " if tally.ended.state.is_successful() else "✖ "
        print(f"{sign if live else ''}{summary(tally.ended)}", file=sys.stderr)


def _nothing() -> None:
    """Let nothing go."""
