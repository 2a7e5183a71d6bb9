"""What programs write to the terminal while something is drawn on it, taken aside.

::

    print, logging, C code, subprocesses, workers ──► stdout, stderr ──► pipe ──► read here
                                                       the terminal itself ◄── drawn here

Whoever writes need not know: the two descriptors of the process lead into a pipe meanwhile, and
what is started meanwhile inherits them.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time

__all__ = ["PassingBy"]

_STDOUT, _STDERR = 1, 2
_PIECE = 65_536
_LONGEST = 3600.0  # seconds that are waited in one go: there is no number for ever


class PassingBy:
    """Takes aside what is written to the terminal that stderr is, from the start to `let_go`.

    Notes
    -----
    Begun and finished by one thread and read by another; `let_go` may be called by any, more than
    once, and in a signal handler. Somebody has to read until the end, or those who write will wait.
    """

    def __init__(self) -> None:
        here = os.fstat(_STDERR).st_rdev
        self._led_away = [
            number
            for number in (_STDOUT, _STDERR)
            if _is_terminal(number) and os.fstat(number).st_rdev == here
        ]
        self.is_over = False
        """True once it is finished; what is read after that are the last words."""
        self._at_end = False
        with contextlib.ExitStack() as opened:  # closed again if there may be no more
            self.terminal = os.dup(_STDERR)
            """The terminal itself; the caller's to draw on."""
            opened.callback(os.close, self.terminal)
            self._woken, self._waking = os.pipe()
            opened.callback(os.close, self._woken)
            opened.callback(os.close, self._waking)
            self._source, end = os.pipe()
            opened.pop_all()
        _flush()
        for number in self._led_away:
            os.dup2(end, number)
        os.close(end)

    def read(self, seconds: float) -> bytes:
        """Return what was written, waiting so long at most, or until it is finished."""
        poll = select.poll()  # `select` refuses numbers above 1,023, of which a client may be past
        for number in [self._woken] if self._at_end else [self._woken, self._source]:
            poll.register(number, select.POLLIN)
        ready = {number for number, _ in poll.poll(1000 * min(max(0.0, seconds), _LONGEST))}
        if self._source not in ready:
            return b""
        piece = os.read(self._source, _PIECE)
        self._at_end = not piece
        return piece

    def pass_on(self, seconds: float = float("inf")) -> None:
        """Write to the terminal what comes, as it is, until it is over or the time is up."""
        ends = time.monotonic() + seconds
        while not self.is_over and (left := ends - time.monotonic()) > 0:
            _write(self.terminal, self.read(left))

    def finish(self) -> None:
        """Have nobody wait for more words."""
        self.is_over = True
        os.write(self._waking, b"\n")  # not closed: a forked child may have it open as well

    def let_go(self) -> None:
        """Let everybody write to the terminal again; what is on its way can still be read."""
        led_away, self._led_away = self._led_away, []
        for number in led_away:
            os.dup2(self.terminal, number)

    def close(self) -> None:
        """Let go, and write to the terminal what nobody has read.

        Notes
        -----
        What a program that was started meanwhile, and goes on, writes from now on is passed on by
        a thread, as long as it lives: otherwise its next word would end it.
        """
        _flush()
        self.let_go()
        while piece := self.read(0.0):
            _write(self.terminal, piece)
        os.close(self._woken)
        os.close(self._waking)
        if self._at_end:
            self._shut()
        else:
            threading.Thread(target=self._go_on, name="daskloop-output", daemon=True).start()

    def _go_on(self) -> None:
        with contextlib.suppress(OSError):  # the terminal is gone
            while piece := os.read(self._source, _PIECE):
                _write(self.terminal, piece)
        self._shut()

    def _shut(self) -> None:
        os.close(self._source)
        os.close(self.terminal)


def _is_terminal(number: int) -> bool:
    try:
        return os.isatty(number)
    except OSError:
        return False


def _flush() -> None:
    """Have Python write what it holds back, before it leads elsewhere."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or none at all
            stream.flush()


def _write(number: int, data: bytes) -> None:
    while data:
        data = data[os.write(number, data) :]
