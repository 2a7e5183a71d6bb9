"""The embedded journal: a folder, and in it one folder for each run.

::

    <journal>/<run>/run.sqlite    what happened
                    payloads/     large payloads and results
                    claims/       who has started which attempt
                    lock          held by the process that drives the run
                    stop          there if somebody asked for the run to be stopped

A new run is made under a hidden name and then renamed: it is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Sequence

from daskloop.errors import JournalError
from daskloop.record import run_file, schema
from daskloop.record.checksums import Signer
from daskloop.record.entries import Header, Past, Summary
from daskloop.record.folder import prepare
from daskloop.record.following import Following, steadily
from daskloop.record.journal import Journal, Ledger
from daskloop.record.journal_trouble import translated
from daskloop.record.ledger import STOP, SqliteLedger, write_header
from daskloop.record.lock import RunLock, is_held
from daskloop.record.reading import Face, Whole, read_face, read_whole
from daskloop.record.trust import check_owner

__all__ = ["FolderJournal", "open_journal"]

_NAME = re.compile(r"[0-9a-z-]{1,64}")
_LOCK = "lock"
_NEAREST = 5


class FolderJournal:
    """Keeps runs in a folder of this machine, one SQLite file for each.

    Parameters
    ----------
    path : str or PathLike
        The folder; made with mode 0700 when the first run begins. A relative path is taken from
        here, ``~`` is understood.

    Notes
    -----
    Safe to use from many threads and processes at once. Listing and reading change nothing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(os.path.expanduser(os.fspath(path)))

    def __repr__(self) -> str:
        return f"FolderJournal({self.path!r})"

    def begin(self, header: Header) -> Ledger:
        """Start the record of a new run.

        Raises
        ------
        JournalError
            If it cannot be written, or there is a run of that name.
        """
        run, doing = header.run, f"begin run {header.run!r} in the journal"
        if not _NAME.fullmatch(run):
            raise JournalError(f"Cannot {doing}: a name is 1 to 64 of 0-9, a-z and -, not {run!r}.")
        signer = Signer.from_config()
        with translated(doing, self.path):
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            prepare(self.path, create=True)
            with self._made(run, header, signer) as (folder, lock):
                found = Whole(self._face(folder, run, signer, doing), (), (), {})
                connection = run_file.open_to_write(os.path.join(folder, run_file.NAME))
                place = header.store or folder
                return SqliteLedger(folder, place, lock, connection, found, signer)

    @contextlib.contextmanager
    def _made(self, run: str, header: Header, signer: Signer) -> Iterator[tuple[str, RunLock]]:
        """Make the folder of a run; let it go again if the body fails."""
        hidden = os.path.join(self.path, f".{run}-{secrets.token_hex(4)}")
        folder = os.path.join(self.path, run)
        os.mkdir(hidden, 0o700)
        made, lock = hidden, None
        try:
            lock = RunLock.take(os.path.join(hidden, _LOCK), run)
            path = os.path.join(hidden, run_file.NAME)
            run_file.create(path)
            with contextlib.closing(run_file.open_to_write(path)) as connection:
                write_header(connection, header, lock.holder, signer)
                # Closing would do it too, and say nothing if the disk fails at that.
                connection.execute("PRAGMA wal_checkpoint")
            self._rename(hidden, folder, run)
            made = folder
            yield folder, lock
        except BaseException:  # whatever it was, a full disk or Ctrl-C: nothing stays behind
            if lock is not None:
                lock.release()
            shutil.rmtree(made, ignore_errors=True)
            raise

    def _rename(self, hidden: str, folder: str, run: str) -> None:
        taken = JournalError(
            f"The journal has a run {run!r} already: {folder!r}. Resume it, remove it, or give the "
            "new one another name."
        )
        if os.path.lexists(folder):
            raise taken
        try:
            os.rename(hidden, folder)
        except OSError as error:
            if os.path.lexists(folder):  # somebody was quicker
                raise taken from error
            raise
        _sync(self.path)

    def resume(self, run: str) -> tuple[Past, Ledger]:
        """Take a run over: read all of it, checked, and go on writing.

        Raises
        ------
        RunLocked
            At once, if a process that lives has it; names process, host and since when.
        JournalError
            If there is no such run (names the nearest), it is damaged or of a newer version, or
            others than this user could have written it.
        """
        doing = f"resume run {run!r}"
        folder = self._folder(run, doing)
        check_owner(folder, doing)
        signer = Signer.from_config()
        path = os.path.join(folder, run_file.NAME)
        with translated(doing, folder), contextlib.ExitStack() as undone:
            lock = RunLock.take(os.path.join(folder, _LOCK), run)
            undone.callback(lock.release)
            found = read_whole(path, run, signer, doing)
            connection = run_file.open_to_write(path)
            undone.callback(connection.close)
            _migrate(connection, path, signer)
            place = found.face.header.store or folder
            ledger = SqliteLedger(folder, place, lock, connection, found, signer)
            ledger.take_over(lock.holder)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, STOP))
            undone.pop_all()  # all is well: the ledger holds on to them
        return _past(found, held=False), ledger

    def runs(self) -> Sequence[Summary]:
        """List all runs, newest first, damaged ones too."""
        signer = Signer.from_config()
        looked = (self._summary(run, signer) for run in self._names("list the runs"))
        found = [one for one in looked if one is not None]
        return sorted(found, key=lambda one: (-one.header.begun, one.header.run))

    def _summary(self, run: str, signer: Signer) -> Summary | None:
        """Describe a run; None if it was removed meanwhile."""
        folder = os.path.join(self.path, run)
        try:
            face = self._face(folder, run, signer, f"read run {run!r}")
        except JournalError as error:
            try:
                begun = os.lstat(folder).st_mtime
            except FileNotFoundError:
                return None
            return Summary(Header(run, "", begun), "damaged", 0, begun, None, str(error))
        return face.standing.summary(face.header, is_held(os.path.join(folder, _LOCK)))

    def read(self, run: str) -> Past:
        """Read a run without taking it over.

        Raises
        ------
        JournalError
            If there is no such run (names the nearest), or it is damaged or of a newer version.
        """
        doing = f"read run {run!r}"
        folder = self._folder(run, doing)
        signer = Signer.from_config()
        path = os.path.join(folder, run_file.NAME)
        found = steadily(path, lambda: read_whole(path, run, signer, doing))
        return _past(found, is_held(os.path.join(folder, _LOCK)))

    def follow(self, run: str) -> Following:
        """Follow a run while others write to it; errors as in `read`."""
        doing = f"follow run {run!r}"
        folder = self._folder(run, doing)
        return Following(os.path.join(folder, run_file.NAME), os.path.join(folder, _LOCK), run)

    def place(self, run: str) -> str:
        """Return the folder or URL where the run's large payloads lie."""
        doing = f"find the payloads of run {run!r}"
        folder = self._folder(run, doing)
        return self._face(folder, run, Signer.from_config(), doing).header.store or folder

    def stop(self, run: str) -> None:
        """Ask the driver of a run to stop it softly; it looks once a second."""
        doing = f"stop run {run!r}"
        path = os.path.join(self._folder(run, doing), STOP)
        with translated(doing, path), contextlib.suppress(FileExistsError):
            flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY
            os.close(os.open(path, flags, 0o600))

    def remove(self, run: str) -> None:
        """Remove a run and the payloads beside it; refused while it is under way."""
        doing = f"remove run {run!r}"
        folder = self._folder(run, doing)
        with translated(doing, folder):
            lock = RunLock.take(os.path.join(folder, _LOCK), run)
            try:
                # Under a hidden name first: at no time is there half a run.
                hidden = os.path.join(self.path, f".{run}-{secrets.token_hex(4)}")
                os.rename(folder, hidden)
                shutil.rmtree(hidden)
            finally:
                lock.release()

    def _face(self, folder: str, run: str, signer: Signer, doing: str) -> Face:
        path = os.path.join(folder, run_file.NAME)
        return steadily(path, lambda: read_face(path, run, signer, doing))

    def _names(self, doing: str) -> list[str]:
        if not os.path.lexists(self.path):
            return []
        with translated(doing, self.path):
            prepare(self.path, create=False)
            with os.scandir(self.path) as entries:
                found = [one.name for one in entries if one.is_dir(follow_symlinks=False)]
        return sorted(name for name in found if _NAME.fullmatch(name))

    def _folder(self, run: str, doing: str) -> str:
        """Return the folder of a run that is there."""
        names = self._names(doing)
        if run in names:
            return os.path.join(self.path, run)
        if not names:
            near = "The journal has no runs."
        else:
            near = (
                f"The nearest are: {', '.join(difflib.get_close_matches(run, names, _NEAREST, 0))}."
            )
        raise JournalError(f"Cannot {doing}: there is none of that name in {self.path!r}. {near}")


def _past(found: Whole, held: bool) -> Past:
    summary = found.face.standing.summary(found.face.header, held)
    return Past(summary, found.records, found.submitted)


def _migrate(connection: sqlite3.Connection, path: str, signer: Signer) -> None:
    version = schema.check_version(connection, path)
    if version < schema.VERSION:
        run_file.back_up(connection, f"{path}.v{version}")
        schema.migrate(connection, signer)


def _sync(folder: str) -> None:
    """Make a new name in a folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_journal(value: str | os.PathLike[str] | Journal) -> Journal:
    """Return the journal that a user named.

    Parameters
    ----------
    value : str, PathLike or Journal
        A folder, or an object with the methods of `Journal`.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If it is a URL, or no path at all.
    """
    if isinstance(value, (str, os.PathLike)):
        text = os.fspath(value)
        if not isinstance(text, str) or not text:
            raise TypeError(f"journal={value!r} is no folder. Give its path as a text.")
        if "\0" in text:
            raise ValueError(
                f"journal={text!r} holds a zero character, which no path may. Leave it out."
            )
        if "://" in text or "::" in text:
            raise ValueError(
                f"journal={text!r} is a URL. The journal is a folder on this machine, such as "
                "journal='runs'; large payloads may go elsewhere with store=."
            )
        return FolderJournal(text)
    if isinstance(value, Journal) and not isinstance(value, type):
        return value
    raise TypeError(
        f"journal={value!r} is no journal. Give the path of a folder, or an object with the "
        "methods of daskloop.record.journal.Journal."
    )
