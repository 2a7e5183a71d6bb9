"""The record of a simulated run: the real scribe, on a ledger in memory or in a real folder.

A disk may fail at any commit: before anything of it is there, or after all of it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest import mock

from daskloop.errors import JournalError, RunLocked
from daskloop.keys import Place
from daskloop.record.entries import Header, Recorded, Submitted
from daskloop.record.folder_journal import FolderJournal
from daskloop.record.journal import Ledger, NullLedger
from daskloop.record.stretch import unfolded
from daskloop.run import scribe
from daskloop.run.register import Registered
from daskloop.run.scribe import Scribe
from daskloop.run.turn import Turn
from tests.simulation.scripted import EPOCH

__all__ = ["RUN", "Diary"]

RUN = "quiet-heron-7f3a9c12"

_NOBODYS = Submitted((Place("nobody-1", None, 1),), 1, 0, 0.0)
"""What a driver writes down that does not know of the one after it."""


class _Memory(NullLedger):
    """Keeps a run in memory, as long as its `Diary` lives."""

    place = "memory"

    def __init__(self) -> None:
        self.records: list[Recorded] = []
        self.sent: dict[Any, Submitted] = {}

    def commit(self, records: Sequence[Recorded], submitted: Sequence[Submitted]) -> None:
        """Keep it all."""
        self.records += [one for record in records for one in unfolded(record)]
        for one in submitted:
            place = one.address[-1]
            self.sent[place.slug, place.child] = one


class _OnBadDisk:
    """A ledger whose commits may fail, and which then keeps nothing any more."""

    def __init__(self, ledger: Ledger, draw: Random, fails: float) -> None:
        self._ledger = ledger
        self._draw = draw
        self._fails = fails
        self.kept = True
        """Whether the last commit is there, whatever was said of it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def commit(self, records: Sequence[Recorded], submitted: Sequence[Submitted]) -> None:
        """Write, and perhaps fail before or after."""
        fails = self._fails and self._draw.random() < self._fails
        self.kept = not fails or self._draw.random() < 0.3
        if self.kept:
            self._ledger.commit(records, submitted)
        if fails:
            raise JournalError("no space left on the simulated disk")


class Diary:
    """What is written down of one run, by all its drivers.

    Parameters
    ----------
    draw : Random
        Says when a disk fails.
    fails : float
        How likely that is, for each commit.
    folder : str or None
        Where a real journal is made; None to keep the run in memory.
    """

    def __init__(self, draw: Random, fails: float, folder: str | None) -> None:
        self._draw = draw
        self._fails = fails
        self._memory = _Memory()
        self._journal = None if folder is None else FolderJournal(folder)
        self._begun = False
        self._scribe: Scribe | None = None
        self.failed = False
        """Whether the disk of the present driver has failed."""
        self.failures = 0
        """How many disks have failed."""

    def open(self, post: Callable[[Any], None]) -> tuple[Sequence[Recorded], Sequence[Submitted]]:
        """Let the next driver take the run over; return what is known of it."""
        # Each driver has a disk of its own: what fails often would never let a run end.
        fails = self._fails if not self.failed else 0.0
        self.failed = False
        known, sent, ledger = self._take_over()
        self._ledger = _OnBadDisk(ledger, self._draw, fails)
        registered: Any = Registered(RUN, self._ledger)  # type: ignore[arg-type]
        self._scribe = Scribe(registered, post)
        return known, sent

    def _take_over(self) -> tuple[Sequence[Recorded], Sequence[Submitted], Ledger]:
        if self._journal is None:
            if self._scribe is not None:
                self._scribe.close()
            return list(self._memory.records), list(self._memory.sent.values()), self._memory
        if not self._begun:
            self._begun = True
            return (), (), self._journal.begin(Header(RUN, "simulated", EPOCH))
        earlier = self._ledger._ledger
        earlier._lock.release()  # as if on a machine that does not see the lock
        past, ledger = self._journal.resume(RUN)
        try:
            earlier.commit((), [_NOBODYS])
        except RunLocked:
            earlier.close()
        else:
            raise AssertionError("a driver wrote on after another had taken the run over")
        return past.records, past.submitted, ledger

    def write(self, turn: Turn, now: float) -> bool:
        """Write a turn down; False if the scribe says that it could not.

        Notes
        -----
        `kept` says whether it is there.
        """
        assert self._scribe is not None
        self._ledger.kept = not self.failed
        with mock.patch.object(scribe, "time", SimpleNamespace(time=lambda: now)):
            written = self._scribe.write(turn)
        self.failures += not (written or self.failed)
        self.failed = self.failed or not written
        return written

    @property
    def kept(self) -> bool:
        """Whether what was written last is there."""
        return self._ledger.kept

    def close(self) -> None:
        """Let go of the files."""
        if self._scribe is not None:
            self._scribe.close()
