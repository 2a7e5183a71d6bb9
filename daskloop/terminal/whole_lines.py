"""Whole lines out of bytes that come in pieces, as a terminal would have left them."""

from __future__ import annotations

import codecs
import time

__all__ = ["WholeLines"]

_QUIET = 1.0  # seconds after which a line without an end is taken as it is: it may be a question


class WholeLines:
    """Holds back what is not a whole line yet.

    Examples
    --------
    >>> lines = WholeLines()
    >>> lines.take(b"one\\ntw"), lines.take(b"o\\n 10%\\r 20%\\n")
    ('one\\n', 'two\\n 20%\\n')
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._last = 0.0

    def take(self, data: bytes) -> str:
        """Take what came, and return all lines that are whole now."""
        if data:
            self._last = time.monotonic()
        text = self._held + self._decoder.decode(data)
        text = text.replace("\r\n", "\n")
        whole, end, self._held = text.rpartition("\n")
        # What a carriage return takes the cursor back over would have been written over.
        self._held = self._held[self._held.rfind("\r", 0, -1) + 1 :]
        if self._held and time.monotonic() - self._last > _QUIET:
            whole, end = f"{whole}{end}{self._held}", "\n"
            self._held = ""
        if "\r" in whole:
            whole = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in whole.split("\n"))
        return whole + end

    def rest(self) -> str:
        """Return what is left at the end of all, as a line."""
        held, self._held = self._held, ""
        return f"{held}\n" if held else ""
