"""A run is followed while it is written: only what is new is read, and nothing is changed."""

from __future__ import annotations

import contextlib
import os
import sqlite3

import pytest

from daskloop.errors import JournalError
from daskloop.record import following
from daskloop.record.folder_journal import FolderJournal
from tests.record.run_files import RUN, header, looped, sent


def iterations(look):
    return [record.address[-1].iteration for record in look.records]


def test_each_look_gives_what_is_new(tmp_path):
    journal = FolderJournal(tmp_path)
    with contextlib.closing(journal.begin(header())) as ledger:
        found = journal.follow(RUN)
        assert iterations(found.look()) == []
        ledger.commit([looped(1), looped(2)], [sent(3)])
        look = found.look()
        assert (iterations(look), len(look.submitted), look.behind) == ([1, 2], 1, False)
        assert look.summary.status == "running" and look.summary.iterations == 2
        assert iterations(found.look()) == []
        ledger.commit([looped(3)], [sent(4)])
        assert iterations(found.look()) == [3]
        ledger.finish("failed", "unlucky")
    look = found.look()
    assert (iterations(look), look.summary.status) == ([], "failed")
    assert look.summary.message == "unlucky"


def test_a_long_run_comes_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(following, "_MOST", 4)
    journal = FolderJournal(tmp_path)
    with contextlib.closing(journal.begin(header())) as ledger:
        ledger.commit([looped(n) for n in range(1, 11)], [])
        found = journal.follow(RUN)
        looks = [found.look() for _ in range(4)]
    assert [iterations(look) for look in looks] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10], []]
    assert [look.behind for look in looks] == [True, True, False, False]


def test_a_driver_that_is_gone_is_told_from_one_that_is_at_work(tmp_path):
    journal = FolderJournal(tmp_path)
    with contextlib.closing(journal.begin(header())):
        found = journal.follow(RUN)
        assert found.look().summary.status == "running"
    assert found.look().summary.status == "interrupted"


def test_looking_changes_nothing_and_keeps_nobody_from_writing(tmp_path):
    journal = FolderJournal(tmp_path)
    with contextlib.closing(journal.begin(header())) as ledger:
        ledger.commit([looped(1)], [])
        folder = tmp_path / RUN
        before = {
            path.name: (path.stat().st_size, path.read_bytes())
            for path in folder.iterdir()
            if path.is_file() and not path.name.endswith("-shm")
        }
        found = journal.follow(RUN)
        found.look()
        after = {
            path.name: (path.stat().st_size, path.read_bytes())
            for path in folder.iterdir()
            if path.is_file() and not path.name.endswith("-shm")
        }
        assert after == before
        ledger.commit([looped(2)], [])
        assert iterations(found.look()) == [2]


def test_a_row_that_somebody_changed_is_refused(tmp_path):
    journal = FolderJournal(tmp_path)
    with contextlib.closing(journal.begin(header())) as ledger:
        ledger.commit([looped(1), looped(2)], [])
    path = os.path.join(tmp_path, RUN, "run.sqlite")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE records SET message = 'forged' WHERE id = 2")
    with pytest.raises(JournalError, match="checksum of row 2"):
        journal.follow(RUN).look()


def test_a_run_that_is_not_there_is_named_with_the_nearest(tmp_path):
    journal = FolderJournal(tmp_path)
    journal.begin(header()).close()
    with pytest.raises(JournalError, match=f"follow run 'quiet-hero'.*The nearest are: {RUN}"):
        journal.follow("quiet-hero")
