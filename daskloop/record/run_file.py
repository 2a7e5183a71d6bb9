"""The SQLite file of one run: made, opened to be written, or read without leaving a trace."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys
import tempfile
import warnings
from collections.abc import Iterator
from urllib.parse import quote

from daskloop.errors import JournalError
from daskloop.record import schema
from daskloop.record.checksums import Signer
from daskloop.record.folder import is_local, open_regular
from daskloop.record.journal_trouble import damaged, translated

__all__ = ["NAME", "back_up", "create", "open_to_read", "open_to_write", "stamp"]

NAME = "run.sqlite"
_MAGIC = b"SQLite format 3\0"
_HEAD = 100  # bytes of the header of an SQLite file
_BESIDE = ("-wal", "-journal")  # what belongs to the content; -shm is scratch
_BUSY = 5.0  # seconds to wait for another program, such as the sqlite3 tool, that holds the file


def _connect(path: str, query: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(path))}?{query}",
        uri=True,
        timeout=_BUSY,
        isolation_level=None,  # every transaction is spelled out
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
    except BaseException:  # the file is closed, whatever came between; raised again
        connection.close()
        raise
    return connection


def create(path: str) -> None:
    """Make an empty file with mode 0600, which must not be there.

    SQLite gives the files that it puts beside it the same mode.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY
    os.close(os.open(path, flags, 0o600))


def open_to_write(path: str) -> sqlite3.Connection:
    """Open a run file; each commit is on the disk when it returns."""
    connection = _connect(path, "mode=rw")
    try:
        # The write-ahead log needs memory that all who open the file share: one machine's.
        shared = sys.platform.startswith("linux") and not is_local(os.path.dirname(path))
        wanted = "delete" if shared else "wal"
        found = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]
        if found == "delete":
            _warn_of_network(os.path.dirname(os.path.dirname(path)))
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:  # the file is closed, whatever came between; raised again
        connection.close()
        raise
    return connection


_warned: set[str] = set()


def _warn_of_network(folder: str) -> None:
    if folder not in _warned:
        _warned.add(folder)
        text = (
            f"The journal {folder!r} is not on a disk of this machine: it is written with a "
            "rollback journal, which is slower, and relies on the locks of that file system. "
            "Put it on a local disk with journal=; large payloads can go elsewhere with store=."
        )
        warnings.warn(text, UserWarning, stacklevel=2)


def stamp(path: str) -> tuple[tuple[int, int] | None, ...]:
    """Return what changes whenever somebody writes to a run file."""
    found: list[tuple[int, int] | None] = []
    for suffix in ("", *_BESIDE):
        try:
            stat = os.stat(path + suffix)
            found.append((stat.st_mtime_ns, stat.st_size))
        except OSError:
            found.append(None)
    return tuple(found)


@contextlib.contextmanager
def open_to_read(path: str, signer: Signer, doing: str) -> Iterator[sqlite3.Connection]:
    """Open a run file within one transaction; the file stays as it is, whoever writes to it.

    Parameters
    ----------
    path : str
        The file.
    signer : Signer
        For an older file: a copy of it is brought to this version.
    doing : str
        What is being tried, for errors.

    Raises
    ------
    JournalError
        If it is not a run file of this version or an older one.
    """
    with contextlib.ExitStack() as stack:
        with translated(doing, path):
            connection = _opened(path, stack)
            if schema.check_version(connection, path) < schema.VERSION:
                connection.close()
                connection = _connect_within(stack, _copy(path, stack), "mode=rw")
                schema.migrate(connection, signer)
            connection.execute("BEGIN")
            schema.check_tables(connection, path)
        yield connection


def _connect_within(stack: contextlib.ExitStack, path: str, query: str) -> sqlite3.Connection:
    return stack.enter_context(contextlib.closing(_connect(path, query)))


def _opened(path: str, stack: contextlib.ExitStack) -> sqlite3.Connection:
    in_wal_mode = _checked_head(path)[18] == 2
    if in_wal_mode and not _has(path + "-wal"):
        # Nobody writes; opened in any other way, SQLite would make files beside it.
        return _connect_within(stack, path, "mode=ro&immutable=1")
    if not in_wal_mode or _has(path + "-shm"):
        connection = _connect_within(stack, path, "mode=ro")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return connection
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise
            # What a writer that died left half done cannot be put right in a folder that is
            # not to be written to.
            connection.close()
    return _connect_within(stack, _copy(path, stack), "mode=rw")


def _has(path: str) -> bool:
    with contextlib.suppress(OSError):
        return os.stat(path).st_size > 0
    return False


def _checked_head(path: str) -> bytes:
    descriptor, size = open_regular(path)
    try:
        head = os.pread(descriptor, _HEAD, 0)
    finally:
        os.close(descriptor)
    if size == 0:
        raise damaged(path, "the file is empty")
    if head[: len(_MAGIC)] != _MAGIC:
        raise damaged(path, f"the file is not one of SQLite, it begins with {head[:16]!r}")
    if len(head) < _HEAD:
        raise damaged(path, f"the file ends after {size} bytes")
    application = int.from_bytes(head[68:72], "big")
    if application != schema.APPLICATION_ID:
        raise JournalError(
            f"The file is one of SQLite, but of another program (application_id "
            f"{application:#x}, a run has {schema.APPLICATION_ID:#x}): {path!r}. Nothing was "
            "changed. Name another journal, or move the file away."
        )
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    if size < pages * (65536 if page == 1 else page) and not _has(path + "-wal"):
        raise damaged(path, f"the file was cut: it says {pages} pages, and has {size} bytes")
    return head


def _copy(path: str, stack: contextlib.ExitStack) -> str:
    """Copy a run file to a folder that goes when the stack is closed."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="daskloop-journal-"))
    copy = os.path.join(folder, NAME)
    shutil.copyfile(path, copy)
    for suffix in _BESIDE:
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(path + suffix, copy + suffix)
    return copy


def back_up(connection: sqlite3.Connection, path: str) -> str:
    """Write a copy of a run file, as `connection` sees it, under a name that is free."""
    free, count = path, 1
    while True:
        try:
            create(free)
            break
        except FileExistsError:
            count += 1
            free = f"{path}-{count}"
    with contextlib.closing(_connect(free, "mode=rw")) as copy:
        connection.backup(copy)
    return free
