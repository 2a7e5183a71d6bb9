"""Ctrl-C and SIGTERM around a run: softly the first time, at once the second time."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from daskloop import config
from daskloop.cli.exit_codes import ExitCode
from daskloop.run import Run

__all__ = ["Stopper"]

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
_WORDS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Stopper:
    """Passes signals on to a run while the ``with`` block lasts.

    Parameters
    ----------
    inline : bool
        True if attempts run in this thread, where only an exception ends them.

    Notes
    -----
    Running iterations have as long as the setting ``daskloop.drain`` says. A third signal ends
    the process as it is, which costs what was in flight and nothing that was recorded.
    """

    def __init__(self, inline: bool) -> None:
        self.code: ExitCode | None = None
        """What the first signal makes of the exit code; None if there was none."""
        self.before_last_words: Callable[[], None] = lambda: None
        """Called before the process is ended: has what is written reach the terminal."""
        self._inline = inline
        self._count = 0
        self._run: Run | None = None
        self._timer: threading.Timer | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stopper:
        # Signals are the main thread's; elsewhere, as in a test, somebody else deals with them.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in _CODES}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._timer is not None:
            self._timer.cancel()

    def watch(self, run: Run) -> None:
        """Say which run it is; a signal that came before counts."""
        self._run = run
        if self.code is not None:
            self._stop_softly()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        which = signal.Signals(number)
        self._count += 1
        if self.code is None:
            self.code = _CODES[which]
            again = f" ({_WORDS[which]} again: now)"
            _say(f"\nstopping after the running iterations{again}")
            if self._run is not None:
                self._stop_softly()
        elif self._count == 2:
            _say("\nstopping now")
            if self._run is None or self._inline:
                raise KeyboardInterrupt
            self._stop_now(f"stopped by a second {_WORDS[which]}")
        else:
            self.before_last_words()
            _say("\nended at once; what was recorded is safe")
            os._exit(int(self.code))

    def _stop_softly(self) -> None:
        assert self._run is not None
        word = "Ctrl-C" if self.code is ExitCode.INTERRUPTED else "SIGTERM"
        self._run.stop(f"stopped by {word}")
        if not self._inline:
            self._timer = _later(
                lambda: self._stop_now(f"stopped by {word}, with attempts under way")
            )

    def _stop_now(self, reason: str) -> None:
        if self._run is not None:
            self._run.stop(reason, now=True)


def _later(action: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(config.seconds("drain"), action)
    timer.daemon = True
    timer.start()
    return timer


def _say(text: str) -> None:
    """Write to stderr, past Python's buffers: a handler may have interrupted one that is in use."""
    with contextlib.suppress(OSError):  # nobody reads it any more
        os.write(2, f"{text}\n".encode())
