"""Follow a run while another process writes to it: look by look, only what is new is read.

Nothing is written, made or locked for it: whoever drives the run does not notice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from daskloop.errors import JournalError
from daskloop.record import run_file
from daskloop.record.checksums import Signer
from daskloop.record.entries import Recorded, Submitted, Summary
from daskloop.record.lock import is_held
from daskloop.record.reading import Bookmark, Face, read_since

__all__ = ["Following", "Look", "steadily"]

T = TypeVar("T")
_LOOKS = 3  # how often to look at a run that is written to while it is read
_MOST = 5_000  # records in one look


@dataclass(frozen=True, slots=True)
class Look:
    """What is new of a run."""

    summary: Summary
    """How it stands."""
    records: Sequence[Recorded]
    """States that have come to stand, in order; those of one future may be one."""
    submitted: Sequence[Submitted]
    """Attempts that were sent; some that were known may be among them."""
    behind: bool
    """True if there is more, which the next look gives."""


class Following:
    """Reads on and on in the file of one run.

    Parameters
    ----------
    path : str
        The run file.
    lock : str
        The lock file of its driver.
    run : str
        Name of the run.
    """

    def __init__(self, path: str, lock: str, run: str) -> None:
        self._path, self._lock, self._run = path, lock, run
        self._signer = Signer.from_config()
        self._bookmark = Bookmark()
        self._stamp: object = None
        self._face: Face | None = None

    def look(self) -> Look:
        """Look at the run once more.

        Raises
        ------
        JournalError
            If it cannot be read, is damaged, or is gone.
        """
        # Asked first: a driver that ends now has its last words read by the next look.
        held = is_held(self._lock)
        stamp = run_file.stamp(self._path)
        records: Sequence[Recorded] = ()
        submitted: Sequence[Submitted] = ()
        face = self._face
        if face is None or stamp != self._stamp:
            self._stamp = stamp
            face, records, submitted, self._bookmark = steadily(self._path, self._read)
            self._face = face
        behind = self._bookmark.records < face.standing.records
        if behind:
            self._stamp = None
        return Look(face.standing.summary(face.header, held), records, submitted, behind)

    def _read(self) -> tuple[Face, Sequence[Recorded], Sequence[Submitted], Bookmark]:
        doing = f"follow run {self._run!r}"
        return read_since(self._path, self._run, self._signer, doing, self._bookmark, _MOST)


def steadily(path: str, look: Callable[[], T]) -> T:
    """Look again if a file that seems damaged was written to meanwhile."""
    for _ in range(_LOOKS):
        before = run_file.stamp(path)
        try:
            return look()
        except JournalError:
            if run_file.stamp(path) == before:
                raise
    return look()
