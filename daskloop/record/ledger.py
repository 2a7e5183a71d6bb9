"""The record of one run in its SQLite file: one transaction for each commit, and it is on disk."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from daskloop.errors import JournalError, RunLocked
from daskloop.record.checksums import Row, Signer, storable
from daskloop.record.entries import Header, Recorded, Status, Submitted
from daskloop.record.journal_trouble import damaged, translated
from daskloop.record.lock import Holder, RunLock
from daskloop.record.reading import Sent, Whole, combined
from daskloop.record.rows import (
    RECORD_COLUMNS,
    SUBMITTED_COLUMNS,
    Child,
    child_of,
    given_row,
    header_row,
    mark_row,
    record_row,
    submitted_row,
)
from daskloop.record.run_file import NAME
from daskloop.record.schema import create_tables
from daskloop.record.standing_row import STANDING_COLUMNS, Children, Standing, counted

__all__ = ["STOP", "SqliteLedger", "write_header"]

STOP = "stop"
"""Name of the file by which a run is asked to stop."""

_ENDS = ("success", "failed", "stopped")


_VARIABLES = 999  # values that every SQLite takes in one statement


def _insert(table: str, columns: str, verb: str = "INSERT", rows: int = 1) -> str:
    columns += ", checksum"
    marks = "(" + ", ".join("?" * (columns.count(",") + 1)) + ")"
    return f"{verb} INTO {table} ({columns}) VALUES {', '.join([marks] * rows)}"


def _insert_all(
    connection: sqlite3.Connection,
    table: str,
    columns: str,
    rows: Sequence[Row],
    verb: str = "INSERT",
) -> None:
    """Insert rows by as few statements as can be.

    Python lets go of its interpreter lock for each statement, and for each row of `executemany`;
    getting it back takes up to 5 ms each time while another thread computes.
    """
    most = _VARIABLES // (columns.count(",") + 2)
    for start in range(0, len(rows), most):
        some = rows[start : start + most]
        values = [value for row in some for value in row]
        connection.execute(_insert(table, columns, verb, len(some)), values)


_FIRST_STANDING = _insert("standing", STANDING_COLUMNS)
_STANDING = (
    f"UPDATE standing SET ({STANDING_COLUMNS}, checksum) = "
    f"({', '.join('?' * (STANDING_COLUMNS.count(',') + 2))}) WHERE id = 1 AND epoch = ?"
)


def write_header(
    connection: sqlite3.Connection, header: Header, holder: Holder, signer: Signer
) -> None:
    """Make the tables of a new run, and write what is known when it begins."""
    row = storable(header_row(header, signer.signs))
    given = [storable(given_row(i, one)) for i, one in enumerate(header.parameters, 1)]
    marks = [storable(mark_row(i, one)) for i, one in enumerate(header.tasks, 1)]
    anchor = signer.checksum(b"header", b"", (row, given, marks))
    first = Standing(
        1, "running", "", time.time(), holder.pid, holder.host, holder.since, "", None, 0, anchor
    )
    standing, checksum = signer.sign(b"standing", anchor, first.row())
    connection.execute("BEGIN IMMEDIATE")
    create_tables(connection)
    connection.execute("INSERT INTO header VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, anchor))
    connection.executemany("INSERT INTO parameters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", given)
    connection.executemany("INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?)", marks)
    connection.execute(_FIRST_STANDING, (*standing, checksum))
    connection.execute("COMMIT")


@dataclass(frozen=True, slots=True)
class _Draft:
    """What one commit is about to write, and what stands once it is written."""

    records: Sequence[Row]
    submitted: Sequence[Row]
    standing: Standing
    changes: dict[Child, bool]
    sent: Sent


class SqliteLedger:
    """Writes one run down.

    Parameters
    ----------
    folder : str
        The run's folder, which holds the file.
    place : str
        Folder or URL for the payloads.
    lock : RunLock
        The lock on the run, which is let go when the ledger is closed.
    connection : sqlite3.Connection
        The file, open to be written; closed with the ledger.
    found : Whole
        All that is in the file.
    signer : Signer
        Makes the checksums.

    Notes
    -----
    Any thread may use it, one at a time.
    """

    def __init__(
        self,
        folder: str,
        place: str,
        lock: RunLock,
        connection: sqlite3.Connection,
        found: Whole,
        signer: Signer,
    ) -> None:
        self.place: str | None = place
        self.epoch = found.face.standing.epoch
        self._run = found.face.header.run
        self._path = os.path.join(folder, NAME)
        self._stop = os.path.join(folder, STOP)
        self._lock = lock
        self._signer = signer
        self._anchor = found.face.anchor
        self._standing = found.face.standing
        self._sent = dict(found.sent)
        self._children = Children()
        self._children.change(self._children.after(found.records))
        self._connection: sqlite3.Connection | None = connection
        self._file = os.stat(self._path)

    def take_over(self, holder: Holder) -> None:
        """Begin a new epoch: whoever had the run before can write no more."""
        standing = replace(
            self._standing,
            epoch=self.epoch + 1,
            pid=holder.pid,
            host=holder.host,
            since=holder.since,
            executor="",
            scheduler=None,
        )
        self._write(_Draft((), (), standing, {}, {}), "take over the journal")
        self.epoch = standing.epoch

    def commit(self, records: Sequence[Recorded], submitted: Sequence[Submitted]) -> None:
        """Write down what ended and what is about to be sent, all or nothing, and durably."""
        if records or submitted:
            self._write(self._draft(records, submitted), "write the journal")

    def connected(self, executor: str, scheduler: str | None) -> None:
        """Note where the run's attempts are executed."""
        standing = replace(self._standing, executor=executor, scheduler=scheduler)
        self._write(_Draft((), (), standing, {}, {}), "write the journal")

    def stop_asked(self) -> bool:
        """Tell whether somebody asked for the run to be stopped; quick."""
        return os.path.lexists(self._stop)

    def finish(self, status: Status, message: str) -> None:
        """Note how the run ended: "success", "failed" or "stopped"."""
        if status not in _ENDS:
            raise ValueError(f"A run ends as one of {', '.join(_ENDS)}, not as {status!r}")
        standing = replace(self._standing, status=status, message=message)
        self._write(_Draft((), (), standing, {}, {}), "write the journal")

    def close(self) -> None:
        """Let go of the run; it may then be resumed by others. More than once is fine."""
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                with translated(f"close the journal of run {self._run!r}", self._path):
                    connection.close()
        finally:
            self._lock.release()

    def _draft(self, records: Sequence[Recorded], submitted: Sequence[Submitted]) -> _Draft:
        now = self._standing
        head, number = now.head, now.records
        rows: list[Row] = []
        for one in records:
            number += 1
            row, head = self._signer.sign(b"records", head, record_row(number, now.epoch, one))
            rows.append((*row, head))
        sent, sent_rows, tally = self._sending(submitted)
        changes = self._children.after(records)
        iterations, attempts, failures = counted(records)
        standing = Standing(
            now.epoch,
            "running",
            "",
            time.time(),
            *(now.pid, now.host, now.since, now.executor, now.scheduler),
            number,
            head,
            len(self._sent) + sum(child not in self._sent for child in sent),
            tally,
            self._children.count_after(changes),
            now.iterations + iterations,
            now.attempts + attempts,
            now.failures + failures,
        )
        return _Draft(rows, sent_rows, standing, changes, sent)

    def _sending(self, submitted: Sequence[Submitted]) -> tuple[Sent, list[Row], bytes]:
        tally, last = self._standing.tally, len(self._sent)
        sent: Sent = {}
        rows: dict[Child, Row] = {}
        for one in submitted:
            child = child_of(one.address)
            known = sent.get(child) or self._sent.get(child)
            if known is None:
                last += 1
                number = last
            else:
                number, old = known
                tally = combined(tally, old)
            written = submitted_row(number, self.epoch, one)
            row, checksum = self._signer.sign(b"submitted", self._anchor, written)
            tally = combined(tally, checksum)
            sent[child] = number, checksum
            rows[child] = (*row, checksum)
        return sent, list(rows.values()), tally

    def _write(self, draft: _Draft, what: str) -> None:
        """Write a draft in one transaction; only when it is on the disk does it count."""
        doing = f"{what} of run {self._run!r}"
        connection = self._connection
        if connection is None:
            raise JournalError(f"Cannot {doing}: its ledger was closed. Resume the run first.")
        standing = replace(draft.standing, updated=time.time())
        row, checksum = self._signer.sign(b"standing", self._anchor, standing.row())
        with translated(doing, self._path):
            self._check_file(doing)
            try:
                connection.execute("BEGIN IMMEDIATE")
                changed = connection.execute(_STANDING, (*row, checksum, self.epoch))
                if changed.rowcount != 1:
                    raise self._taken_over(connection, doing)
                _insert_all(connection, "records", RECORD_COLUMNS, draft.records)
                _insert_all(
                    connection, "submitted", SUBMITTED_COLUMNS, draft.submitted, "INSERT OR REPLACE"
                )
                connection.execute("COMMIT")
            except BaseException as error:  # a full disk or Ctrl-C: all or nothing is written
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                elif not isinstance(error, Exception):
                    # Ctrl-C came when it was on the disk: the next commit goes on from there.
                    self._written(standing, draft)
                raise
        self._written(standing, draft)

    def _written(self, standing: Standing, draft: _Draft) -> None:
        self._standing = standing
        self._sent.update(draft.sent)
        self._children.change(draft.changes)

    def _check_file(self, doing: str) -> None:
        """Refuse to write to a file that nobody will find again."""
        try:
            same = os.path.samestat(os.stat(self._path), self._file)
        except FileNotFoundError:
            same = False
        if not same:
            raise JournalError(
                f"Cannot {doing}: its file was removed, or another put in its place: "
                f"{self._path!r}. Put it back, or start the flow again."
            )

    def _taken_over(self, connection: sqlite3.Connection, doing: str) -> JournalError:
        found = connection.execute("SELECT epoch, pid, host, since FROM standing").fetchone()
        if found is None or found[0] == self.epoch:
            return damaged(self._path, "the row that says how the run stands is missing")
        return RunLocked(
            f"Cannot {doing}: another driver took the run over: {Holder(*found[1:])} (epoch "
            f"{found[0]}, this one had {self.epoch}). Nothing of this one is written any more."
        )
