"""The ledger: all or nothing, on the disk, and only by whoever has the run."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daskloop.errors import JournalError, RunLocked
from daskloop.record import ledger as ledger_module
from daskloop.record import run_file
from daskloop.record.folder_journal import FolderJournal
from daskloop.record.ledger import SqliteLedger
from tests.record.run_files import (
    RUN,
    change,
    contents,
    file_of,
    header,
    killed,
    looped,
    python,
    sent,
)


@pytest.fixture
def journal(tmp_path: Path) -> FolderJournal:
    """A journal in a fresh folder."""
    return FolderJournal(tmp_path / "runs")


@pytest.fixture
def ledger(journal: FolderJournal) -> Iterator[SqliteLedger]:
    """A ledger of a run that has just begun."""
    made = journal.begin(header())
    assert isinstance(made, SqliteLedger)
    yield made
    made.close()


def test_a_stale_owner_that_saw_no_lock_writes_no_more(
    journal: FolderJournal, ledger: SqliteLedger
) -> None:
    ledger.commit([looped(1)], [sent(1)])
    # As on another machine, where the lock is not seen.
    os.unlink(file_of(journal).with_name("lock"))
    _, other = journal.resume(RUN)
    other.commit([looped(2)], [])
    for write in (
        lambda: ledger.commit([looped(3)], [sent(3)]),
        lambda: ledger.finish("success", ""),
        lambda: ledger.connected("inline", None),
    ):
        with pytest.raises(
            RunLocked, match=f"another driver took the run over: process {os.getpid()}"
        ):
            write()
    other.commit([looped(4)], [])
    other.close()
    past = journal.read(RUN)
    assert past.records == (looped(1), looped(2), looped(4))
    assert past.submitted == (sent(1),)
    assert past.summary.status == "interrupted"


def test_each_commit_is_synced_to_the_disk(ledger: SqliteLedger) -> None:
    connection = ledger._connection
    assert connection is not None
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_commit_that_fails_in_the_middle_leaves_nothing_and_the_next_one_is_fine(
    journal: FolderJournal, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.commit([looped(1)], [sent(1)])
    real = ledger_module._insert

    def broken(table: str, *more: Any) -> str:
        return "INSERT INTO nowhere VALUES (1)" if table == "submitted" else real(table, *more)

    with monkeypatch.context() as patched, pytest.raises(JournalError, match="no such table"):
        patched.setattr(ledger_module, "_insert", broken)
        ledger.commit([looped(2), looped(3)], [sent(2)])
    with pytest.raises(OverflowError):
        ledger.commit([looped(2), replace(looped(3), run_count=2**70)], [sent(2)])
    ledger.commit([looped(4)], [sent(4)])
    past = journal.read(RUN)
    assert past.records == (looped(1), looped(4))
    assert past.submitted == (sent(4),)
    assert past.summary.iterations == 2


@pytest.mark.parametrize("after", ["BEGIN IMMEDIATE", "COMMIT"])
def test_ctrl_c_in_a_commit_writes_all_or_nothing_and_the_next_one_is_fine(
    journal: FolderJournal, ledger: SqliteLedger, after: str
) -> None:
    class Interrupted:
        """A connection on which Ctrl-C comes just when a statement is done."""

        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

        def execute(self, statement: str, *values: Any) -> Any:
            done = self._connection.execute(statement, *values)
            if statement == after:
                raise KeyboardInterrupt
            return done

    connection = ledger._connection
    ledger._connection = Interrupted(connection)  # type: ignore[assignment,arg-type]
    with pytest.raises(KeyboardInterrupt):
        ledger.commit([looped(1), looped(2)], [sent(1)])
    ledger._connection = connection
    ledger.commit([looped(3)], [sent(3)])
    first = (looped(1), looped(2)) if after == "COMMIT" else ()
    assert journal.read(RUN).records == (*first, looped(3))


def test_a_file_that_was_removed_or_replaced_is_not_written_to_unseen(
    journal: FolderJournal, ledger: SqliteLedger
) -> None:
    path = file_of(journal)
    path.rename(path.with_name("moved"))
    with pytest.raises(JournalError, match="its file was removed, or another put in its place"):
        ledger.commit([looped(1)], [])
    path.write_bytes(b"another")
    with pytest.raises(JournalError, match="its file was removed, or another put in its place"):
        ledger.commit([looped(1)], [])
    path.with_name("moved").rename(path)
    ledger.commit([looped(2)], [])
    assert journal.read(RUN).records == (looped(2),)


def test_a_tool_that_holds_the_file_for_writing_is_named_as_the_reason(
    journal: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_file, "_BUSY", 0.05)
    ledger = journal.begin(header())
    with contextlib.closing(sqlite3.connect(file_of(journal), isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="locked.*Another program has the file open"):
            ledger.commit([looped(1)], [])
        tool.execute("ROLLBACK")
    ledger.commit([looped(2)], [])
    ledger.close()
    assert journal.read(RUN).records == (looped(2),)


def test_a_tool_that_holds_the_file_alone_is_named_to_who_reads_it(
    journal: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_file, "_BUSY", 0.05)
    with contextlib.closing(journal.begin(header())) as ledger:
        ledger.commit([looped(1)], [])
    with contextlib.closing(sqlite3.connect(file_of(journal), isolation_level=None)) as tool:
        tool.execute("PRAGMA journal_mode = delete")  # in the other one nobody keeps readers out
        tool.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalError, match="locked.*Another program has the file open"):
            journal.read(RUN)
        with pytest.raises(JournalError, match="locked.*Another program has the file open"):
            journal.resume(RUN)
        tool.execute("ROLLBACK")
    assert journal.read(RUN).records == (looped(1),)


def test_a_row_that_a_tool_took_out_is_missed_at_the_next_commit(
    journal: FolderJournal, ledger: SqliteLedger
) -> None:
    change(file_of(journal), "DELETE FROM standing")
    with pytest.raises(JournalError, match="damaged.*how the run stands is missing"):
        ledger.commit([looped(1)], [])


def test_a_run_ends_in_one_of_three_ways(ledger: SqliteLedger) -> None:
    with pytest.raises(ValueError, match=r"success, failed, stopped, not as 'damaged'"):
        ledger.finish("damaged", "")


def test_the_error_of_a_closed_ledger_says_what_to_do(ledger: SqliteLedger) -> None:
    ledger.close()
    with pytest.raises(JournalError, match="its ledger was closed. Resume the run first"):
        ledger.commit([looped(1)], [])


def test_many_epochs_keep_one_chain(journal: FolderJournal) -> None:
    journal.begin(header()).close()
    for number in range(5):
        _, ledger = journal.resume(RUN)
        ledger.commit([looped(number)], [sent(number), sent(number, number)])
        ledger.close()
    past, ledger = journal.resume(RUN)
    ledger.close()
    assert [one.address[0].iteration for one in past.records] == [0, 1, 2, 3, 4]
    assert len(past.submitted) == 6


# Killed at any moment

_ACKNOWLEDGE = """
import sys
from tests.record.run_files import *
journal = FolderJournal(sys.argv[1])
if journal.runs():
    past, ledger = journal.resume(RUN)
    number = len(past.records)
else:
    ledger, number = journal.begin(header()), 0
print("ready", flush=True)
while True:
    ledger.commit([looped(number), looped(number + 1)], [sent(number, number % 7)])
    number += 2
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def _kill_at_random(journal: FolderJournal, draw: random.Random) -> None:
    """Let a process write, kill it after some acknowledged rows, and look for each of them."""
    with python(_ACKNOWLEDGE, journal.path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        for _ in range(draw.randrange(40)):
            process.stdout.readline()
        for _ in range(draw.randrange(2000)):  # somewhere within a commit
            pass
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read().split()
    acknowledged = int(said[-1]) if said and said[-1].isdigit() else 0
    past = journal.read(RUN)
    assert len(past.records) >= acknowledged
    assert past.records == tuple(looped(n) for n in range(len(past.records)))
    assert len(past.records) % 2 == 0, "half a commit is there"
    assert past.summary.status == "interrupted"


def test_no_acknowledged_row_is_lost_when_the_driver_is_killed(journal: FolderJournal) -> None:
    draw = random.Random(3)
    for _ in range(4):
        _kill_at_random(journal, draw)


@pytest.mark.slow
def test_no_acknowledged_row_is_lost_in_a_hundred_kills(tmp_path: Path) -> None:
    draw = random.Random(4)
    for number in range(100):
        _kill_at_random(FolderJournal(tmp_path / str(number // 5)), draw)


# The disk full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB; needs a superuser who may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only a superuser who may mount a tmpfs can make a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_named_with_the_free_bytes_and_all_that_was_written_stays(
    small_disk: Path,
) -> None:
    journal = FolderJournal(small_disk / "runs")
    ledger = journal.begin(header())
    done = 0
    with pytest.raises(JournalError, match=r"database or disk is full \(\d+ bytes are free\)"):
        for number in range(10_000):
            ledger.commit([looped(number)], [sent(number)])
            done += 1
    with pytest.raises(JournalError, match="disk is full"):
        ledger.commit([looped(n) for n in range(500)], [])
    assert journal.read(RUN).records == tuple(looped(n) for n in range(done))
    ledger.close()
    assert journal.read(RUN).records == tuple(looped(n) for n in range(done))
    assert done > 10
    with contextlib.suppress(OSError), open(small_disk / "filler", "wb") as filler:
        filler.write(b"x" * 300_000)
    with pytest.raises(JournalError, match=r"(full|space left on device) \(\d+ bytes are free\)"):
        journal.begin(header("another-run"))
    assert [one.header.run for one in journal.runs()] == [RUN]
    assert os.listdir(journal.path) == [RUN]


def test_a_limit_on_the_size_of_files_is_told_and_what_was_written_stays(tmp_path: Path) -> None:
    code = """
import resource, sys
from daskloop.errors import JournalError
from tests.record.run_files import *
ledger = FolderJournal(sys.argv[1]).begin(header())
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for number in range(10_000):
    try:
        ledger.commit([looped(number)], [sent(number)])
    except JournalError as error:
        print(number, error)
        break
"""
    assert resource.RLIMIT_FSIZE  # the other process needs it
    with python(code, str(tmp_path / "runs")) as process:
        said, _ = process.communicate(timeout=60)
    number, text = said.decode().split(" ", 1)
    assert "write the journal of run" in text
    assert "ulimit -f" in text
    past = FolderJournal(tmp_path / "runs").read(RUN)
    assert past.records == tuple(looped(n) for n in range(int(number)))


def test_reading_what_a_killed_driver_left_changes_nothing(tmp_path: Path) -> None:
    journal = killed(tmp_path / "runs")
    before = contents(tmp_path)
    assert len(journal.read(RUN).records) == 6
    assert journal.runs()[0].status == "interrupted"
    after = contents(tmp_path)
    scratch = [path for path in before if path.endswith("-shm")]
    assert before.keys() == after.keys()
    assert all(before[path] == after[path] for path in before if path not in scratch)
