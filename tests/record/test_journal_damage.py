"""A run file with damaged bits, swapped pages or no end: found, or read as it was written."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from daskloop.errors import JournalError
from daskloop.record.entries import Past, Recorded, Submitted
from daskloop.record.folder_journal import FolderJournal
from daskloop.testing.journal_samples import records
from tests.record.run_files import RUN, change, configured, driver, file_of, header, looped, sent

COMMITS = 12


def commits() -> list[tuple[list[Recorded], list[Submitted]]]:
    """Return what the sound journal holds, commit by commit; a few pages of it."""
    odd = [one for one in records() if len(one.message) < 1000]
    return [
        ([looped(n), looped(n, 1), *odd[n * 4 : n * 4 + 4]], [sent(n), sent(n, n % 5)])
        for n in range(COMMITS)
    ]


WRITE = """
import shutil
from tests.record.test_journal_damage import commits
for number, (records, submitted) in enumerate(commits()):
    ledger.commit(records, submitted)
    if number == 5:  # half of it in the file itself, half in the log beside it
        ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
"""


@dataclass(frozen=True)
class Sound:
    """A sound run, as bytes of its files, and what stood in it after each commit."""

    files: dict[str, bytes]
    pasts: list[tuple[tuple[Recorded, ...], tuple[Submitted, ...]]]


def _pasts() -> list[tuple[tuple[Recorded, ...], tuple[Submitted, ...]]]:
    written: list[Recorded] = []
    newest: dict[int | None, Submitted] = {}
    found: list[tuple[tuple[Recorded, ...], tuple[Submitted, ...]]] = [((), ())]
    for records_, submitted in commits():
        written += records_
        newest.update({one.address[0].child: one for one in submitted})
        found.append((tuple(written), tuple(newest.values())))
    return found


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def killed_run(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """The files that a killed driver leaves: half of the commits are in the write-ahead log."""
    path = tmp_path_factory.mktemp("killed") / "runs"
    with driver(path, WRITE) as process:
        process.kill()
        process.wait()
        return Sound(_files(path / RUN), _pasts())


@pytest.fixture(scope="module")
def closed_run(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """The files that a driver leaves which closed its ledger."""
    journal = FolderJournal(tmp_path_factory.mktemp("closed") / "runs")
    ledger = journal.begin(header())
    for records_, submitted in commits():
        ledger.commit(records_, submitted)
    ledger.close()
    return Sound(_files(Path(journal.path) / RUN), _pasts())


@contextlib.contextmanager
def _restored(sound: Sound, changed: dict[str, bytes]) -> Iterator[FolderJournal]:
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a sync costs nothing there
    with tempfile.TemporaryDirectory(prefix="damaged-", dir=memory) as folder:
        journal = FolderJournal(folder)
        (Path(folder) / RUN).mkdir(mode=0o700)
        for name, content in {**sound.files, **changed}.items():
            path = Path(folder) / RUN / name
            path.write_bytes(content)
            path.chmod(0o600)
        yield journal


def _is_prefix(past: Past, sound: Sound) -> bool:
    return (past.records, past.submitted) in sound.pasts


def _judge(sound: Sound, name: str, content: bytes) -> str:
    """Read and resume a run with one file changed; say whether that was found or harmless."""
    with _restored(sound, {name: content}) as journal:
        before = _files(Path(journal.path) / RUN)
        try:
            past = journal.read(RUN)
        except JournalError:
            with pytest.raises(JournalError):
                journal.resume(RUN)
            after = _files(Path(journal.path) / RUN)
            for scratch in ("run.sqlite-shm", "lock"):
                before.pop(scratch, None)
                after.pop(scratch, None)
            assert before == after, "a damaged run was changed"
            assert journal.runs()[0].status in ("damaged", "interrupted")
            return "found"
        assert _is_prefix(past, sound), "something else was read than what was written"
        again, ledger = journal.resume(RUN)
        assert (again.records, again.submitted) == (past.records, past.submitted)
        ledger.commit([looped(99)], [])
        ledger.close()
        assert journal.read(RUN).records == (*past.records, looped(99))
        return "harmless"


def _flipped(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice([1, 1, 1, 2, 8])):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _swapped(name: str, content: bytes, draw: random.Random) -> bytes:
    """Put two pages, or two frames of the log, in each other's place; both are whole."""
    start, size = (32, 24 + 4096) if name.endswith("-wal") else (0, 4096)
    one, other = sorted(draw.sample(range((len(content) - start) // size), 2))
    first, second = (slice(start + n * size, start + (n + 1) * size) for n in (one, other))
    changed = bytearray(content)
    changed[first], changed[second] = content[second], content[first]
    return bytes(changed)


def _damaged(name: str, content: bytes, number: int, draw: random.Random) -> bytes:
    if number % 5 == 4:
        return content[: draw.randrange(len(content))]
    return _swapped(name, content, draw) if number % 15 == 7 else _flipped(content, draw)


def _damage(sound: Sound, seed: int, count: int) -> dict[str, int]:
    draw = random.Random(seed)
    names = [name for name in sound.files if name in ("run.sqlite", "run.sqlite-wal")]
    verdicts = {"found": 0, "harmless": 0}
    for number in range(count):
        name = names[number % len(names)]
        changed = _damaged(name, sound.files[name], number, draw)
        try:
            verdicts[_judge(sound, name, changed)] += 1
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, number {number}, {name}: {error}") from error
    return verdicts


def test_a_hundred_damages_of_a_closed_run_are_found_or_harmless(closed_run: Sound) -> None:
    verdicts = _damage(closed_run, 1, 100)
    assert verdicts["found"] > 50


def test_a_hundred_damages_of_a_killed_run_are_found_or_harmless(killed_run: Sound) -> None:
    assert len(killed_run.files["run.sqlite-wal"]) > 10_000
    verdicts = _damage(killed_run, 2, 100)
    assert verdicts["found"] > 20
    assert verdicts["harmless"] > 10  # a log that ends early


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3, 23))
def test_twenty_thousand_damages_are_found_or_harmless(
    closed_run: Sound, killed_run: Sound, seed: int
) -> None:
    verdicts = _damage(closed_run if seed % 2 else killed_run, seed, 1000)
    print(verdicts)
    assert sum(verdicts.values()) == 1000


def test_without_its_shared_memory_a_killed_run_reads_the_same(killed_run: Sound) -> None:
    files = {n: c for n, c in killed_run.files.items() if n != "run.sqlite-shm"}
    with _restored(Sound(files, killed_run.pasts), {}) as journal:
        past = journal.read(RUN)
        assert (past.records, past.submitted) == killed_run.pasts[-1]
        assert _files(Path(journal.path) / RUN) == files, "reading left something behind"


def test_without_its_log_a_killed_run_is_as_it_was_before(killed_run: Sound) -> None:
    files = {"run.sqlite": killed_run.files["run.sqlite"]}
    with _restored(Sound(files, killed_run.pasts), {}) as journal:
        past = journal.read(RUN)
        assert (past.records, past.submitted) == killed_run.pasts[6]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE records SET message = 'x' WHERE id = 7", "row 7 of its table 'records'"),
        ("UPDATE records SET value = '{\"n\":2}' WHERE id = 2", "row 2 of its table 'records'"),
        ("UPDATE records SET preview = NULL WHERE id = 1", "row 1 of its table 'records'"),
        ("UPDATE records SET checksum = x'00' WHERE id = 3", "row 3 of its table 'records'"),
        ("DELETE FROM records WHERE id = 5", "row 5 of its table 'records'"),
        ("DELETE FROM records WHERE id > 60", "has 60 rows, not"),
        ("DELETE FROM records", "has 0 rows, not"),
        ("DELETE FROM submitted WHERE id = 2", "'submitted' has 5 rows, and not the 6"),
        ("UPDATE submitted SET submission = 9 WHERE id = 2", "row 2 of its table 'submitted'"),
        ("UPDATE submitted SET id = 99 WHERE id = 2", "row 99 of its table 'submitted'"),
        ("UPDATE standing SET children = 1", "the row that says how it stands"),
        ("UPDATE standing SET status = 'success'", "the row that says how it stands"),
        ("DELETE FROM standing", "its table 'standing' has no row"),
        ("INSERT INTO header SELECT 2, run, '', 0, NULL, NULL, '{}', 0, x'' FROM header", "more"),
        ("UPDATE header SET flow = 'x'", "the checksum of its header is wrong"),
        ("UPDATE header SET signed = 1", "is signed with a key"),
        ("DROP TABLE tasks", "its table 'tasks' is missing"),
        ("ALTER TABLE tasks ADD COLUMN more", "its table 'tasks' is missing, or not as"),
        ("CREATE TABLE mine (x)", "it holds 'mine', which daskloop did not make"),
        ("CREATE TRIGGER t AFTER UPDATE ON standing BEGIN SELECT 1; END", "it holds 't'"),
        ("DROP VIEW readable", "its table 'readable' is missing"),
    ],
)
def test_what_a_tool_changed_is_named(closed_run: Sound, statement: str, says: str) -> None:
    with _restored(closed_run, {}) as journal:
        change(file_of(journal), statement)
        before = file_of(journal).read_bytes()
        with pytest.raises(JournalError) as caught:
            journal.read(RUN)
        assert says in str(caught.value)
        assert str(file_of(journal)) in str(caught.value)
        with pytest.raises(JournalError):
            journal.resume(RUN)
        assert file_of(journal).read_bytes() == before


def test_whoever_knows_the_checksums_but_not_the_key_cannot_forge_a_row(tmp_path: Path) -> None:
    journal = FolderJournal(tmp_path / "runs")
    with configured("journal-key", "the real one"):
        ledger = journal.begin(header())
        ledger.commit([looped(1), looped(2)], [])
        ledger.close()
        # Two rows of the run itself, each with its true checksum, in another order.
        with contextlib.closing(sqlite3.connect(file_of(journal))) as tool, tool:
            tool.execute("UPDATE records SET id = id + 10")
            tool.execute("UPDATE records SET id = 2 WHERE id = 11")
            tool.execute("UPDATE records SET id = 1 WHERE id = 12")
        with pytest.raises(JournalError, match="checksum of row 1"):
            journal.resume(RUN)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"name,age\nada,36\n", "not one of SQLite, it begins with b'name,age"),
        (b"SQLite format 3\0", "the file ends after 16 bytes"),
        (os.urandom(5000), "not one of SQLite"),
    ],
)
def test_a_file_that_is_no_run_is_refused_by_name(
    closed_run: Sound, content: bytes, says: str
) -> None:
    with _restored(closed_run, {"run.sqlite": content}) as journal:
        for call in (journal.read, journal.resume):
            with pytest.raises(JournalError, match="damaged") as caught:
                call(RUN)
            assert says in str(caught.value)
        (summary,) = journal.runs()
        assert summary.status == "damaged"
        assert says in summary.message
        assert file_of(journal).read_bytes() == content


def test_a_file_that_was_cut_says_how_much_is_there(closed_run: Sound) -> None:
    content = closed_run.files["run.sqlite"][:-5000]
    with (
        _restored(closed_run, {"run.sqlite": content}) as journal,
        pytest.raises(JournalError, match=rf"it says \d+ pages, and has {len(content)} bytes"),
    ):
        journal.read(RUN)


def test_a_folder_of_a_run_that_was_renamed_is_told(closed_run: Sound) -> None:
    with _restored(closed_run, {}) as journal:
        shutil.move(Path(journal.path) / RUN, Path(journal.path) / "other")
        with pytest.raises(JournalError, match=f"it holds run '{RUN}', not 'other'"):
            journal.read("other")


def test_a_damaged_run_does_not_hide_the_others(closed_run: Sound) -> None:
    with _restored(closed_run, {"run.sqlite": b"nonsense"}) as journal:
        journal.begin(header("good-run", 2.5)).close()
        found = {one.header.run: one.status for one in journal.runs()}
        assert found == {RUN: "damaged", "good-run": "interrupted"}
        journal.remove(RUN)
        assert [one.header.run for one in journal.runs()] == ["good-run"]
