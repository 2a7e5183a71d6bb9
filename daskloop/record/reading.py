"""Read a run file, all of it checked before anything is made of it; nothing is unpickled."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgpack

from daskloop.collecting import collecting_less
from daskloop.errors import JournalError
from daskloop.record.checksums import SIZE, Signer
from daskloop.record.entries import Header, Recorded, Submitted
from daskloop.record.journal_trouble import damaged, translated
from daskloop.record.rows import (
    RECORD_COLUMNS,
    SUBMITTED_COLUMNS,
    Child,
    child_of,
    header_of,
    record_of,
    submitted_of,
)
from daskloop.record.run_file import open_to_read
from daskloop.record.standing_row import STANDING_COLUMNS, Standing
from daskloop.record.stretch import length, unfolded

__all__ = [
    "Bookmark",
    "Face",
    "Sent",
    "Whole",
    "combined",
    "read_face",
    "read_since",
    "read_whole",
]

T = TypeVar("T")
_HEADER_COLUMNS = "id, run, flow, begun, origin, store, versions, signed, checksum"
_MALFORMED = (ValueError, TypeError, LookupError, RecursionError, msgpack.UnpackException)
"""What reading a row raises if it is not what we write, though its checksum is right."""


@dataclass(frozen=True, slots=True)
class Face:
    """What lists show of a run."""

    header: Header
    anchor: bytes
    """Checksum of the header, from which all others go on."""
    standing: Standing


Sent = dict[Child, tuple[int, bytes]]
"""For each child that was sent: number and checksum of its row."""


@dataclass(frozen=True, slots=True)
class Whole:
    """All of a run."""

    face: Face
    records: tuple[Recorded, ...]
    submitted: tuple[Submitted, ...]
    sent: Sent


class Bookmark(NamedTuple):
    """How far a run has been read."""

    records: int = 0
    """Rows of its records."""
    head: bytes = b""
    """Checksum of the last of them."""
    sent: float = 0.0
    """When the newest attempt that is known of was sent, seconds since the epoch."""


def read_face(path: str, run: str, signer: Signer, doing: str) -> Face:
    """Read header and standing.

    Parameters
    ----------
    path : str
        The run file.
    run : str
        The name that the run must have.
    signer : Signer
        The key that it must be signed with.
    doing : str
        What is being tried, for errors.

    Raises
    ------
    JournalError
        If it cannot be read, is damaged, or is not signed with the key.
    """
    with open_to_read(path, signer, doing) as connection, translated(doing, path):
        return _face(connection, path, run, signer)


def read_whole(path: str, run: str, signer: Signer, doing: str) -> Whole:
    """Read all of a run; parameters and errors as in `read_face`."""
    with open_to_read(path, signer, doing) as connection, translated(doing, path):
        # Pages that no row of ours lies on are written to later on.
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise damaged(path, f"SQLite says {verdict!r}")
        face = _face(connection, path, run, signer)
        records = _records(connection, path, face, signer)
        submitted, sent = _submitted(connection, path, face, signer)
    return Whole(face, records, submitted, sent)


def read_since(
    path: str, run: str, signer: Signer, doing: str, since: Bookmark, most: int
) -> tuple[Face, Sequence[Recorded], Sequence[Submitted], Bookmark]:
    """Read what has been added to a run.

    Parameters
    ----------
    path, run, signer, doing
        As in `read_face`, and the same errors.
    since : Bookmark
        How far it was read before.
    most : int
        How many records to read at once.

    Returns
    -------
    face : Face
        How the run stands.
    records : sequence of Recorded
        The next ones; those of several iterations in one future are not unfolded.
    submitted : sequence of Submitted
        Attempts sent since then; some that were known may be among them.
    bookmark : Bookmark
        How far it has been read now; the run has more if its records are fewer than it has.
    """
    with open_to_read(path, signer, doing) as connection, translated(doing, path):
        face = _face(connection, path, run, signer)
        head = since.head or face.anchor
        records: list[Recorded] = []
        rows = _checked_rows(connection, path, signer, since.records, head, most)
        for row, checksum in rows:
            head = checksum
            records.append(_made(_folded, row, path, "a row of its table 'records'"))
        submitted = []
        query = f"SELECT {SUBMITTED_COLUMNS}, checksum FROM submitted WHERE at >= ? ORDER BY id"
        for *row, checksum in connection.execute(query, (since.sent,)):
            submitted.append(_checked_submitted(row, checksum, path, face, signer))
    newest = max((one.at for one in submitted), default=since.sent)
    return face, records, submitted, Bookmark(since.records + len(records), head, newest)


def _face(connection: sqlite3.Connection, path: str, run: str, signer: Signer) -> Face:
    *header, anchor = _only(connection, path, "header", _HEADER_COLUMNS)
    given = connection.execute("SELECT * FROM parameters ORDER BY id").fetchall()
    marks = connection.execute("SELECT * FROM tasks ORDER BY id").fetchall()
    _check_signed(path, header[-1], signer)
    if signer.checksum(b"header", b"", (header, given, marks)) != anchor:
        hint = "" if not signer.signs else ", or it was signed with another key"
        raise damaged(path, f"the checksum of its header is wrong{hint}")
    found = _made(lambda _: header_of(header, given, marks), header, path, "its header")
    if found.run != run:
        raise damaged(path, f"it holds run {found.run!r}, not {run!r}: the folder was renamed")
    *standing, checksum = _only(connection, path, "standing", f"{STANDING_COLUMNS}, checksum")
    if signer.checksum(b"standing", anchor, standing) != checksum:
        raise damaged(path, "the checksum of the row that says how it stands is wrong")
    return Face(found, anchor, _made(Standing.of, standing, path, "how it stands"))


def _only(connection: sqlite3.Connection, path: str, table: str, columns: str) -> Sequence[Any]:
    rows = connection.execute(f"SELECT {columns} FROM {table}").fetchmany(2)
    if len(rows) != 1:
        raise damaged(path, f"its table {table!r} has {'no' if not rows else 'more than one'} row")
    found: Sequence[Any] = rows[0]
    return found


def _check_signed(path: str, signed: Any, signer: Signer) -> None:
    if signed == signer.signs:
        return
    if signer.signs:
        raise JournalError(
            f"The journal of a run is not signed, and config daskloop.journal-key is set: {path!r}."
            " Nothing of it was used. Unset the key if you know who wrote it."
        )
    raise JournalError(
        f"The journal of a run is signed with a key: {path!r}. Set config daskloop.journal-key to "
        "the same one."
    )


def _records(
    connection: sqlite3.Connection, path: str, face: Face, signer: Signer
) -> tuple[Recorded, ...]:
    records: list[Recorded] = []
    before, number = face.anchor, 0
    with collecting_less():
        for row, checksum in _checked_rows(connection, path, signer, 0, before, -1):
            before, number = checksum, number + 1
            records += _made(_records_of, row, path, "a row of its table 'records'")
    standing = face.standing
    if (number, before) != (standing.records, standing.head):
        raise damaged(path, f"its table 'records' has {number} rows, not {standing.records}")
    return tuple(records)


def _checked_rows(
    connection: sqlite3.Connection,
    path: str,
    signer: Signer,
    number: int,
    before: bytes,
    most: int,
) -> Iterator[tuple[Sequence[Any], bytes]]:
    """Give the records that follow on one, with their checksums."""
    query = f"SELECT {RECORD_COLUMNS}, checksum FROM records WHERE id > ? ORDER BY id LIMIT ?"
    for *row, checksum in connection.execute(query, (number, most)):
        number += 1
        before = signer.checksum(b"records", before, row)
        if before != checksum or row[0] != number:
            raise damaged(path, f"the checksum of row {number} of its table 'records' is wrong")
        yield row, before


def _records_of(row: Sequence[Any]) -> Sequence[Recorded]:
    record = record_of(row)
    return list(unfolded(record)) if record.stretch else [record]


def _folded(row: Sequence[Any]) -> Recorded:
    record = record_of(row)
    length(record)  # raises if what lies in it is no iterations
    return record


def _submitted(
    connection: sqlite3.Connection, path: str, face: Face, signer: Signer
) -> tuple[tuple[Submitted, ...], Sent]:
    found: list[Submitted] = []
    sent: Sent = {}
    tally = bytes(SIZE)
    query = f"SELECT {SUBMITTED_COLUMNS}, checksum FROM submitted ORDER BY id"
    for *row, checksum in connection.execute(query):
        one = _checked_submitted(row, checksum, path, face, signer)
        found.append(one)
        sent[child_of(one.address)] = row[0], checksum
        tally = combined(tally, checksum)
    standing = face.standing
    if (len(sent), tally) != (standing.submitted, standing.tally) or len(sent) != len(found):
        text = f"its table 'submitted' has {len(found)} rows, and not the {standing.submitted}"
        raise damaged(path, f"{text} that were written")
    return tuple(found), sent


def _checked_submitted(
    row: Sequence[Any], checksum: bytes, path: str, face: Face, signer: Signer
) -> Submitted:
    what = f"row {row[0]} of its table 'submitted'"
    if signer.checksum(b"submitted", face.anchor, row) != checksum:
        raise damaged(path, f"the checksum of {what} is wrong")
    return _made(submitted_of, row, path, what)


def combined(tally: bytes, checksum: bytes) -> bytes:
    """Put one more checksum into those of a set, or take it out again."""
    number = int.from_bytes(tally, "big") ^ int.from_bytes(checksum, "big")
    return number.to_bytes(SIZE, "big")


def _made(make: Callable[[Sequence[Any]], T], row: Sequence[Any], path: str, what: str) -> T:
    try:
        return make(row)
    except _MALFORMED as error:
        text = f"{what} ({row[0]!r:.80}) is not what daskloop writes: {error}"
        raise damaged(path, text) from error
