"""Where runs are written down: what every journal does, and the ledger that keeps nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from daskloop.record.entries import Header, Past, Recorded, Status, Submitted, Summary

__all__ = ["Journal", "Ledger", "NullLedger"]


class Ledger(Protocol):
    """The record of one run, in the hands of the one driver that may write it.

    Notes
    -----
    Used by the driver's thread alone. Every method that writes raises `JournalError` if it
    cannot, and `RunLocked` if somebody else has taken the run over meanwhile.
    """

    @property
    def epoch(self) -> int:
        """How often the run was begun or resumed, this time included."""
        ...

    @property
    def place(self) -> str | None:
        """Folder or URL for the payloads of the run; None if nothing is kept."""
        ...

    def commit(self, records: Sequence[Recorded], submitted: Sequence[Submitted]) -> None:
        """Write down what ended and what is about to be sent, all or nothing, and durably.

        Notes
        -----
        Called before anything is sent, and before anything that follows from the records.
        """
        ...

    def connected(self, executor: str, scheduler: str | None) -> None:
        """Note where the run's attempts are executed."""
        ...

    def stop_asked(self) -> bool:
        """Tell whether somebody asked for the run to be stopped; quick."""
        ...

    def finish(self, status: Status, message: str) -> None:
        """Note how the run ended: "success", "failed" or "stopped"."""
        ...

    def close(self) -> None:
        """Let go of the run; it may then be resumed by others."""
        ...


@runtime_checkable
class Journal(Protocol):
    """Keeps any number of runs.

    Notes
    -----
    `runs`, `read` and `stop` may be called on any thread, in any process, while the run is under
    way elsewhere. Nothing here unpickles anything.
    """

    def begin(self, header: Header) -> Ledger:
        """Start the record of a new run.

        Raises
        ------
        JournalError
            If it cannot be written, or there is a run of that name.
        """
        ...

    def resume(self, run: str) -> tuple[Past, Ledger]:
        """Take a run over: read all of it, checked, and go on writing.

        Raises
        ------
        RunLocked
            At once, if a process that lives has it; names process, host and since when.
        JournalError
            If there is no such run (names the nearest), or it is damaged or of a newer version.
        """
        ...

    def runs(self) -> Sequence[Summary]:
        """List all runs, newest first, damaged ones too."""
        ...

    def read(self, run: str) -> Past:
        """Read a run without taking it over."""
        ...

    def place(self, run: str) -> str:
        """Return the folder or URL where the run's large payloads lie."""
        ...

    def stop(self, run: str) -> None:
        """Ask the driver of a run to stop it softly; it looks once a second."""
        ...

    def remove(self, run: str) -> None:
        """Remove a run and its payloads; refused while it is under way."""
        ...


class NullLedger:
    """Keeps nothing; the same driver runs with it as with any other ledger."""

    @property
    def epoch(self) -> int:
        """Return one: nothing that is not kept can be resumed."""
        return 1

    @property
    def place(self) -> None:
        """Return None: nothing is kept."""
        return None

    def commit(self, records: Sequence[Recorded], submitted: Sequence[Submitted]) -> None:
        """Forget it all."""

    def connected(self, executor: str, scheduler: str | None) -> None:
        """Forget it."""

    def stop_asked(self) -> bool:
        """Say no: nobody can ask."""
        return False

    def finish(self, status: Status, message: str) -> None:
        """Forget it."""

    def close(self) -> None:
        """Do nothing."""
