"""A journal in a folder: whose it is, what lies there, and what is refused in which words."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import stat
import subprocess
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daskloop.errors import JournalError, RunLocked
from daskloop.record import run_file, schema
from daskloop.record.checksums import Signer
from daskloop.record.entries import Header
from daskloop.record.folder_journal import FolderJournal, open_journal
from daskloop.record.journal import Journal
from daskloop.record.store import PayloadStore
from tests.record.run_files import (
    RUN,
    change,
    configured,
    contents,
    driver,
    file_of,
    header,
    killed,
    looped,
    python,
    sent,
)


@pytest.fixture
def journal(tmp_path: Path) -> FolderJournal:
    """A journal in a folder that is not there yet."""
    return FolderJournal(tmp_path / "runs")


def ended(journal: FolderJournal, run: str = RUN) -> FolderJournal:
    """Write one small run to a journal."""
    ledger = journal.begin(header(run))
    ledger.commit([looped(1)], [sent(1)])
    ledger.finish("failed", "one task failed")
    ledger.close()
    return journal


# What lies where


def test_a_journal_that_nobody_wrote_to_is_empty_and_makes_no_folder(
    journal: FolderJournal,
) -> None:
    assert journal.runs() == []
    with pytest.raises(JournalError, match="no run of that name|none of that name.*has no runs"):
        journal.read(RUN)
    assert not os.path.exists(journal.path)


def test_all_files_are_of_this_user_alone_whatever_the_umask(journal: FolderJournal) -> None:
    before = os.umask(0)
    try:
        ledger = journal.begin(header())
        ledger.commit([looped(1)], [])
        journal.stop(RUN)
        PayloadStore(journal.place(RUN))
    finally:
        os.umask(before)
    folder = Path(journal.path) / RUN
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.iterdir()]}
    ledger.close()
    files = ["lock", "run.sqlite", "run.sqlite-shm", "run.sqlite-wal", "stop"]
    assert modes == dict.fromkeys(files, 0o600) | dict.fromkeys([RUN, "payloads", "claims"], 0o700)
    assert stat.S_IMODE(os.stat(journal.path).st_mode) == 0o700


def test_parents_are_made_and_a_home_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    ended(FolderJournal("~/a/b/runs"))
    assert (tmp_path / "a" / "b" / "runs" / RUN / "run.sqlite").is_file()


def test_a_name_that_is_taken_tells_what_to_do(journal: FolderJournal) -> None:
    ended(journal)
    with pytest.raises(JournalError, match=f"has a run '{RUN}' already.*Resume it, remove it"):
        journal.begin(header())


def test_of_many_who_begin_the_same_run_one_does(journal: FolderJournal) -> None:
    outcomes: list[str] = []

    def begin() -> None:
        try:
            ledger = journal.begin(header())
        except JournalError as error:
            outcomes.append(str(error))
        else:
            outcomes.append("begun")
            ledger.close()

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("begun") == 1
    assert all("already" in one for one in outcomes if one != "begun")
    assert os.listdir(journal.path) == [RUN]


def test_what_a_begin_that_was_killed_left_is_no_run(journal: FolderJournal) -> None:
    ended(journal)
    os.mkdir(os.path.join(journal.path, ".other-run-12ab34cd"))
    (Path(journal.path) / "notes.txt").write_text("mine")
    (Path(journal.path) / "Other_Folder").mkdir()
    (Path(journal.path) / "linked-run").symlink_to(Path(journal.path) / RUN)
    assert [one.header.run for one in journal.runs()] == [RUN]
    with pytest.raises(JournalError, match="none of that name"):
        journal.resume("linked-run")


def test_the_nearest_names_are_told_five_at_most(journal: FolderJournal) -> None:
    for number in range(7):
        ended(journal, f"quiet-heron-{number}")
    with pytest.raises(
        JournalError, match="Cannot resume run 'quiet-herron-1': there is none"
    ) as e:
        journal.resume("quiet-herron-1")
    names = str(e.value).split("nearest are: ")[1].rstrip(".").split(", ")
    assert len(names) == 5
    assert names[0] == "quiet-heron-1"


# Who may use it


def _as_file(path: Path) -> None:
    path.write_text("mine")


def _as_link(path: Path) -> None:
    path.with_name("real").mkdir()
    path.symlink_to(path.with_name("real"))


def _as_everybodys(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


def _below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("mine")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_as_file, "it is not a directory"),
        (_as_link, "it is a symbolic link"),
        (_as_everybodys, "every user may write to it. Run chmod 700"),
        (_below_a_file, "choose another with journal="),
    ],
)
def test_a_folder_that_cannot_serve_is_refused_and_left_alone(
    tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    (tmp_path / "parent").mkdir()
    path = tmp_path / "parent" / "runs"
    make(path)
    before = contents(tmp_path)
    with pytest.raises(JournalError, match=f"Cannot begin run '{RUN}' in the journal") as caught:
        FolderJournal(path).begin(header())
    assert says in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "store=" not in str(caught.value)
    assert contents(tmp_path) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser can give files away")
@pytest.mark.parametrize("name", ["", "run.sqlite"])
def test_a_run_of_another_user_is_listed_but_not_resumed(journal: FolderJournal, name: str) -> None:
    path = Path(ended(journal).path) / RUN / name
    os.chown(path, 12345, -1)
    assert len(journal.read(RUN).records) == 1
    assert journal.runs()[0].status == "failed"
    with pytest.raises(JournalError, match="it belongs to user 12345, not to 0.*code of theirs"):
        journal.resume(RUN)
    with configured("journal-trust", True):
        _, ledger = journal.resume(RUN)
        ledger.close()


@pytest.mark.parametrize("name", ["", "run.sqlite"])
def test_a_run_that_others_may_write_is_listed_but_not_resumed(
    journal: FolderJournal, name: str
) -> None:
    path = Path(ended(journal).path) / RUN / name
    path.chmod(0o770)
    assert len(journal.read(RUN).records) == 1
    with pytest.raises(JournalError, match=r"others may write to it.*journal-trust"):
        journal.resume(RUN)
    with configured("journal-trust", True):
        journal.resume(RUN)[1].close()


def test_a_signed_journal_is_used_only_with_its_key(journal: FolderJournal) -> None:
    with configured("journal-key", "first"):
        ended(journal, "signed-run")
        assert journal.read("signed-run").records == (looped(1),)
    ended(journal, "plain-run")
    uses = (journal.read, journal.resume, journal.place)
    for use in uses:
        with pytest.raises(JournalError, match="is signed with a key.*Set config"):
            use("signed-run")
    with configured("journal-key", "second"):
        for use in uses:
            with pytest.raises(JournalError, match="signed with another key"):
                use("signed-run")
            with pytest.raises(JournalError, match="is not signed.*Nothing of it was used"):
                use("plain-run")
        assert {one.status for one in journal.runs()} == {"damaged"}
    assert {one.header.run: one.status for one in journal.runs()} == {
        "signed-run": "damaged",
        "plain-run": "failed",
    }


# Reading leaves no trace


def test_reading_and_listing_an_ended_run_changes_nothing_at_all(
    journal: FolderJournal, tmp_path: Path
) -> None:
    ended(journal)
    before = contents(tmp_path)
    assert journal.read(RUN).records == (looped(1),)
    assert journal.runs()[0].status == "failed"
    assert journal.place(RUN) == str(tmp_path / "runs" / RUN)
    assert contents(tmp_path) == before


def test_a_run_is_read_while_another_process_writes_it(tmp_path: Path) -> None:
    code = """
import threading
def write():
    for n in range(100_000):
        ledger.commit([looped(n)], [sent(n, n % 3)])
threading.Thread(target=write, daemon=True).start()
"""
    journal = FolderJournal(tmp_path / "runs")
    with driver(tmp_path / "runs", code) as process:
        counts = []
        for _ in range(20):
            past = journal.read(RUN)
            assert past.records == tuple(looped(n) for n in range(len(past.records)))
            assert past.summary.status == "running"
            assert past.summary.owner is not None
            assert past.summary.owner.pid == process.pid
            assert journal.runs()[0].iterations >= len(past.records)
            counts.append(len(past.records))
    assert counts == sorted(counts)
    assert counts[-1] > 0


def test_a_run_under_way_elsewhere_is_neither_resumed_nor_removed(tmp_path: Path) -> None:
    journal = FolderJournal(tmp_path / "runs")
    with driver(tmp_path / "runs", "ledger.commit([looped(1)], [])") as process:
        for use in (journal.resume, journal.remove):
            with pytest.raises(RunLocked, match=f"process {process.pid} on .*, since 2.* UTC"):
                use(RUN)
        assert journal.runs()[0].status == "running"
        journal.stop(RUN)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert journal.runs()[0].status == "interrupted"
    past, ledger = journal.resume(RUN)
    assert past.records == (looped(1),)
    assert not ledger.stop_asked()
    ledger.close()
    journal.remove(RUN)
    assert os.listdir(journal.path) == []


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system that can be made read-only; needs a superuser who may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only a superuser who may mount a tmpfs can make it read-only")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("how", ["ended", "killed"])
def test_a_journal_on_a_read_only_disk_is_read_and_not_written(mounted: Path, how: str) -> None:
    path = mounted / "runs"
    journal = killed(path) if how == "killed" else ended(FolderJournal(path))
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    assert len(journal.read(RUN).records) == (6 if how == "killed" else 1)
    assert journal.runs()[0].status == ("interrupted" if how == "killed" else "failed")
    for call in (lambda: journal.begin(header("new-run")), lambda: journal.resume(RUN)):
        with pytest.raises(JournalError, match="Read-only file system.*journal="):
            call()
    for call in (lambda: journal.stop(RUN), lambda: journal.remove(RUN)):
        with pytest.raises(JournalError, match="Read-only file system"):
            call()


# On a network


@pytest.fixture
def on_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every folder seem to lie on another machine."""
    monkeypatch.setattr(run_file, "is_local", lambda _: False)
    monkeypatch.setattr(run_file, "_warned", set())
    monkeypatch.setattr(run_file.sys, "platform", "linux")


@pytest.mark.usefixtures("on_a_network")
def test_on_a_network_the_journal_goes_without_shared_memory_and_says_so_once(
    journal: FolderJournal,
) -> None:
    with pytest.warns(UserWarning, match="is not on a disk of this machine.*store=") as caught:
        ledger = journal.begin(header())
        ledger.commit([looped(1)], [sent(1)])
    assert len(caught) == 1
    assert sorted(os.listdir(journal.place(RUN))) == ["lock", "run.sqlite"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert journal.read(RUN).records == (looped(1),)
        ledger.close()
        _, ledger = journal.resume(RUN)
        ledger.commit([looped(2)], [sent(2)])
        ledger.close()
        assert journal.read(RUN).records == (looped(1), looped(2))


def test_on_a_network_a_driver_killed_in_a_commit_leaves_the_commits_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
import os, sys, signal, warnings
from daskloop.record import run_file
run_file.is_local = lambda _: False
warnings.simplefilter("ignore")
from tests.record.run_files import *
ledger = FolderJournal(sys.argv[1]).begin(header())
ledger.commit([looped(1)], [])
ledger._connection.execute("PRAGMA cache_size = 1")  # so that it writes before it commits
ledger._connection.execute("BEGIN IMMEDIATE")
for n in range(2, 500):
    row = (n, "x" * 999)
    ledger._connection.execute("INSERT INTO tasks VALUES (?, 'x', ?, '', '', 0, '[]')", row)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with python(code, str(tmp_path / "runs")) as process:
        process.wait()
    journal = FolderJournal(tmp_path / "runs")
    assert (file_of(journal).parent / "run.sqlite-journal").stat().st_size > 0
    before = contents(tmp_path)
    assert journal.read(RUN).records == (looped(1),)
    assert contents(tmp_path) == before
    past, ledger = journal.resume(RUN)
    ledger.close()
    assert past.records == (looped(1),)


# Other versions


def test_a_newer_journal_is_refused_with_both_versions(journal: FolderJournal) -> None:
    ended(journal)
    change(file_of(journal), f"PRAGMA user_version = {schema.VERSION + 2}")
    before = file_of(journal).read_bytes()
    known = schema.VERSION
    says = rf"has version {known + 2}.* up to {known}: .*Use the newer"
    for use in (journal.read, journal.resume):
        with pytest.raises(JournalError, match=says):
            use(RUN)
    assert journal.runs()[0].status == "damaged"
    assert file_of(journal).read_bytes() == before


def test_a_file_of_another_program_is_refused(journal: FolderJournal) -> None:
    ended(journal)
    change(file_of(journal), "PRAGMA application_id = 305419896")
    with pytest.raises(JournalError, match="of another program .application_id 0x12345678, a run"):
        journal.resume(RUN)


def _add_a_column(connection: sqlite3.Connection, signer: Signer) -> None:
    connection.execute("ALTER TABLE tasks ADD COLUMN extra")


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Pretend that daskloop has one version more, and this step to it."""

    def pretend(step: Any) -> None:
        tables = dict(schema.TABLES)
        tables["tasks"] = tables["tasks"][:-2] + ", extra)"
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            connection.execute(schema.TABLES["tasks"])
            connection.execute("ALTER TABLE tasks ADD COLUMN extra")
            tables["tasks"] = connection.execute("SELECT sql FROM sqlite_master").fetchone()[0]
        monkeypatch.setattr(schema, "TABLES", tables)
        monkeypatch.setattr(schema, "STEPS", {schema.VERSION: step})
        monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)

    return pretend


def test_an_older_journal_is_brought_up_to_date_with_a_copy_beside_it(
    journal: FolderJournal, next_version: Callable[[Any], None]
) -> None:
    ended(journal)
    path = file_of(journal)
    before = path.read_bytes()
    next_version(_add_a_column)
    assert journal.read(RUN).records == (looped(1),)
    assert path.read_bytes() == before, "reading changed the file"
    past, ledger = journal.resume(RUN)
    ledger.commit([looped(2)], [])
    ledger.close()
    assert past.records == (looped(1),)
    assert journal.read(RUN).records == (looped(1), looped(2))
    old = schema.VERSION - 1
    copy = path.with_name(f"run.sqlite.v{old}")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (old,)
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (1,)
    assert journal.runs()[0].iterations == 2


def test_a_step_that_fails_changes_nothing_and_no_copy_is_overwritten(
    journal: FolderJournal, next_version: Callable[[Any], None]
) -> None:
    ended(journal)
    path = file_of(journal)
    before = path.read_bytes()

    def fail(connection: sqlite3.Connection, signer: Signer) -> None:
        if connection.execute("PRAGMA database_list").fetchone()[2] == str(path):
            connection.execute("DELETE FROM tasks")
            raise sqlite3.OperationalError("database or disk is full")
        _add_a_column(connection, signer)

    next_version(fail)
    for _ in range(2):
        with pytest.raises(JournalError, match="disk is full"):
            journal.resume(RUN)
        assert path.read_bytes() == before
    copy = f"run.sqlite.v{schema.VERSION - 1}"
    copies = sorted(one.name for one in path.parent.glob(f"{copy}*"))
    assert copies == [copy, f"{copy}-2"]


def test_a_file_of_version_3_counts_on_what_is_done(journal: FolderJournal) -> None:
    ended(journal)
    path = file_of(journal)
    now = schema.TABLES["standing"]
    then = now.replace(
        "went on to another, or ended their loop well", "ended and went on to another"
    )
    assert then != now
    change(path, "ALTER TABLE standing RENAME TO newer")
    change(path, then)
    change(path, "INSERT INTO standing SELECT * FROM newer")
    change(path, "DROP TABLE newer")
    change(path, "PRAGMA user_version = 3")
    assert journal.read(RUN).summary.iterations == 1
    _, ledger = journal.resume(RUN)
    ledger.commit([replace(looped(2), state="Success", final=True)], [])
    ledger.close()
    summary = journal.read(RUN).summary
    assert (summary.iterations, summary.status) == (2, "interrupted")
    assert path.with_name("run.sqlite.v3").exists()


def test_a_version_that_no_step_leads_from_is_refused(
    journal: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(journal)
    old, new = schema.VERSION, schema.VERSION + 2
    monkeypatch.setattr(schema, "VERSION", new)
    says = f"has version {old}, from which no step leads to version {new}"
    with pytest.raises(JournalError, match=says):
        journal.resume(RUN)


# With any SQLite tool


def test_any_tool_reads_the_run_and_finds_each_column_explained(journal: FolderJournal) -> None:
    ended(journal)
    with contextlib.closing(sqlite3.connect(file_of(journal))) as tool:
        tool.row_factory = sqlite3.Row
        row = tool.execute("SELECT * FROM readable").fetchone()
        assert (row["slug"], row["state"], row["at"]) == (
            *("fib-1", "Looped"),
            "1970-01-01T00:00:02.500Z",
        )
        assert row["value"] == '{"n":1,"text":"x"}'
        assert row["started"] is None
        n = tool.execute("SELECT json_extract(value, '$.n') FROM records").fetchone()[0]
        assert n == 1
        for (sql,) in tool.execute("SELECT sql FROM sqlite_master WHERE type = 'table'"):
            lines = sql.splitlines()[:-1]
            assert all(" -- " in line for line in lines), sql


# Odds and ends


def test_runs_can_be_listed_while_others_begin_and_are_removed(journal: FolderJournal) -> None:
    ended(journal)
    over = threading.Event()
    errors: list[BaseException] = []

    def churn() -> None:
        draw = random.Random(0)
        try:
            for _ in range(15):
                name = f"run-{draw.randrange(3)}"
                journal.begin(header(name, 0.5)).close()
                journal.remove(name)
        # Told on the thread that waits.
        except BaseException as error:
            errors.append(error)
        finally:
            over.set()

    thread = threading.Thread(target=churn)
    thread.start()
    while not over.is_set():
        found = journal.runs()
        assert found[0].header.run == RUN
        assert "damaged" not in [one.status for one in found], found
    thread.join()
    assert not errors


def test_many_runs_are_listed_newest_first(journal: FolderJournal) -> None:
    times = random.Random(0).sample(range(1000), 25)
    for begun in times:
        journal.begin(header(f"run-{begun}", float(begun))).close()
    found = journal.runs()
    assert [one.header.begun for one in found] == sorted(times, reverse=True)
    assert {one.status for one in found} == {"interrupted"}


def test_a_run_with_its_own_store_names_it(journal: FolderJournal) -> None:
    ledger = journal.begin(Header("far-run", "f", 1.5, store="memory://far/far-run"))
    ledger.close()
    assert ledger.place == journal.place("far-run") == "memory://far/far-run"


def test_a_refused_begin_leaves_nothing_behind(
    journal: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(journal)
    with pytest.raises(OverflowError):
        journal.begin(Header("bad-run", "f", 1.5, tasks=(), versions={}, parameters=(_huge(),)))
    assert os.listdir(journal.path) == [RUN]


def _huge() -> Any:
    from daskloop.record.entries import Given

    return Given("rows", "", None, 2**70)


# What users may pass


def test_a_path_names_a_folder_and_a_journal_is_taken_as_it_is(
    tmp_path: Path, journal: FolderJournal
) -> None:
    for value in (tmp_path, str(tmp_path)):
        opened = open_journal(value)
        assert isinstance(opened, FolderJournal)
        assert opened.path == str(tmp_path)
    assert open_journal(journal) is journal
    assert isinstance(journal, Journal)
    assert repr(journal) == f"FolderJournal({journal.path!r})"


@pytest.mark.parametrize("url", ["sqlite:///runs.db", "s3://bucket/runs", "zip::file://x"])
def test_a_url_is_refused_and_where_payloads_go_is_told(url: str) -> None:
    with pytest.raises(ValueError, match=r"is a URL.*folder on this machine.*store="):
        open_journal(url)


@pytest.mark.parametrize("value", [None, 3, b"runs", "", object(), FolderJournal, True])
def test_what_is_no_journal_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="is no journal|is no folder"):
        open_journal(value)
