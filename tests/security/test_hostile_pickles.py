"""A hostile pickle in each column and file of a journal: whoever only reads it opens none.

Columns are those that the tables of a run have, so a new one is covered by being there.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import dask
import msgpack
import pytest
from click.testing import CliRunner

from daskloop.cli.main import main
from daskloop.config import setting
from daskloop.errors import JournalError
from daskloop.record.checksums import SIZE, Signer
from daskloop.record.folder_journal import FolderJournal
from daskloop.record.pickling import join, thaw
from daskloop.record.reading import combined
from daskloop.record.schema import create_tables
from daskloop.record.sealed import unseal

FLOW = """
from daskloop import Flow, Parameter, again, loop_flow, task
from daskloop.engine.signals import LOOP
import daskloop


@task(batch=4)
def climb(n):
    count = daskloop.context.get("task_loop_result", (0,))[0]
    if count < 9:
        raise LOOP(f"at {count}", result=(count + 1,))
    return [n, {count}]


@task
def add(x, before):
    return x + before


@loop_flow
def gather(x, n=1, before=0):
    after = add(x, before)
    return again(n=n + 1, before=after).until(n >= 2, result=after)


@task
def bulky(text):
    return 2 * text


@task
def spread(x):
    return [x, x]


@task(max_retries=1, retry_delay=0.01)
def broken(x):
    raise ValueError(f"no {x}")


with Flow("hostile") as flow:
    x = Parameter("x")
    climb.map(Parameter("xs"))
    broken.map(spread(gather(x)))
    bulky(Parameter("text"))
"""
RUN = (
    *("run", "flow.py", "--executor", "inline", "--quiet"),
    *("-p", "x=2", "-p", "xs=[1, 2]", "-p", "text=@long.txt"),
)
UNUSED = {
    *(("header", "store"), ("standing", "scheduler")),
    *(("parameters", "stored_name"), ("submitted", "leader")),
}
"""Columns that this run has no use for; what is planted fills them all the same."""
KEY = "a key that whoever planted it does not have"


def columns() -> list[tuple[str, str]]:
    """List the columns of all tables of a run file."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        create_tables(connection)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return [
            (table, column[1])
            for (table,) in tables.fetchall()
            for column in connection.execute(f"PRAGMA table_info({table})")
        ]


class Mine:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.folder,)


def shapes(sprung: Path) -> dict[str, tuple[bytes | str, Callable[[Any], Any]]]:
    """Return a pickle in each shape in which a column may hold it, and what opens that shape."""
    bare = pickle.dumps(Mine(str(sprung)), 5)
    text = pickle.dumps(Mine(str(sprung)), 0).decode()
    laid = join([bare])
    cut = msgpack.packb({0: [[laid, None, 0, len(laid), "a pickle"]]})
    return {
        "bare": (bare, pickle.loads),
        "text": (text, lambda one: pickle.loads(one.encode())),
        "laid out": (laid, thaw),
        "cut": (cut, lambda one: thaw(msgpack.unpackb(one, strict_map_key=False)[0][0][0])),
    }


SHAPES = [
    pytest.param(name, marks=pytest.mark.slow) if name in ("bare", "text") else name
    for name in shapes(Path("nowhere"))
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with a flow and its journal of one run, which is signed in one of them."""
    made = {}
    for name, key in (("plain", None), ("signed", KEY)):
        folder = made[name] = tmp_path_factory.mktemp(name)
        (folder / "flow.py").write_text(FLOW)
        (folder / "long.txt").write_text("x" * 70_000)
        with _within(folder), _key(key):
            found = CliRunner().invoke(main, [*RUN])
        assert found.exit_code == 1, found.output  # one task of it is broken
    return made


@contextlib.contextmanager
def _within(folder: Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _key(key: str | None) -> Any:
    setting("journal-key")  # defaults that are registered within `set` go when that ends
    return dask.config.set({"daskloop.journal-key": key})


@pytest.fixture
def folder(runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the plain journal, in the current folder."""
    return _copied(runs["plain"], tmp_path, monkeypatch)


def _copied(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(source, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def _run_of(folder: Path) -> Path:
    (run,) = (folder / ".daskloop").iterdir()
    return run


def plant(path: Path, table: str, column: str, value: object) -> int:
    """Write a value into a column of each row, with checksums that are right; count the rows."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        count = connection.execute(f"UPDATE {table} SET {column} = ?", (value,)).rowcount
        if column != "checksum":
            _sign_again(connection, keep=column if table == "standing" else "")
    return count


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[int, Sequence[Any], bytes]]:
    found = connection.execute(f"SELECT rowid, * FROM {table} ORDER BY id").fetchall()
    return [(number, list(row), checksum) for number, *row, checksum in found]


def _sign_again(connection: sqlite3.Connection, keep: str) -> None:
    """Do what whoever knows the format would do who has no key."""
    signer = Signer()

    def put(table: str, number: int, checksum: bytes) -> None:
        connection.execute(f"UPDATE {table} SET checksum = ? WHERE rowid = ?", (checksum, number))

    given, marks = (
        connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
        for table in ("parameters", "tasks")
    )
    ((number, header, _),) = _rows(connection, "header")
    anchor = head = signer.checksum(b"header", b"", (header, given, marks))
    put("header", number, anchor)
    for number, row, _ in _rows(connection, "records"):
        head = signer.checksum(b"records", head, row)
        put("records", number, head)
    tally = bytes(SIZE)
    for number, row, _ in _rows(connection, "submitted"):
        checksum = signer.checksum(b"submitted", anchor, row)
        put("submitted", number, checksum)
        tally = combined(tally, checksum)
    for column, value in (("head", head), ("tally", tally)):
        if column != keep:
            connection.execute(f"UPDATE standing SET {column} = ?", (value,))
    ((number, (_, *standing), _),) = _rows(connection, "standing")
    put("standing", number, signer.checksum(b"standing", anchor, standing))


def readers(run: str) -> list[tuple[str, ...]]:
    """List the commands that read a journal; the last ones change it."""
    tasks = ("climb[0]", "gather", "broken")
    return [
        ("runs",),
        ("runs", "--all", "--json"),
        ("show", run),
        ("show", run, "--json"),
        *(("show", run, task, *more) for task in tasks for more in ((), ("--json",))),
        ("watch", run),
        ("page", run),
        ("cancel", run),
        ("runs", "--prune", "--yes", "--older-than", "0s"),
    ]


def test_every_command_that_takes_a_run_is_among_the_readers() -> None:
    opening = {"resume", "debug"}  # by design: whose journal it is, is looked at before
    taking = {
        name
        for name, command in main.commands.items()
        if any(isinstance(one, click.Argument) and one.name == "run" for one in command.params)
    }
    assert taking - opening == {words[0] for words in readers("run")} - {"runs"}


def read_by_all(run: str) -> list[int]:
    """Read by everything there is that reads; return the exit codes of commands."""
    journal = FolderJournal(".daskloop")
    for look in (
        journal.runs,
        lambda: journal.read(run),
        lambda: journal.follow(run).look(),
        lambda: journal.place(run),
    ):
        with contextlib.suppress(JournalError):
            look()
    # What a command raises that is no refusal is raised here.
    runner = CliRunner()
    return [
        runner.invoke(main, [*words], catch_exceptions=False).exit_code for words in readers(run)
    ]


def test_each_shape_of_the_pickle_would_run(tmp_path: Path) -> None:
    for name, (planted, opened) in shapes(tmp_path / "sprung").items():
        opened(planted)
        assert (tmp_path / "sprung").is_dir(), name
        (tmp_path / "sprung").rmdir()


def test_the_journal_has_something_in_each_column(folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(_run_of(folder) / "run.sqlite")) as connection:
        empty = {
            (table, column)
            for table, column in columns()
            if not connection.execute(f"SELECT count({column}) FROM {table}").fetchone()[0]
        }
    assert empty <= UNUSED, empty - UNUSED
    assert not (folder / "sprung").exists()
    assert 0 in read_by_all(_run_of(folder).name)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("table", "column"), columns())
def test_no_reader_opens_a_pickle_in_a_column(
    folder: Path, tmp_path: Path, table: str, column: str, shape: str
) -> None:
    run, sprung = _run_of(folder), tmp_path / "sprung"
    planted, _ = shapes(sprung)[shape]
    try:
        assert plant(run / "run.sqlite", table, column, planted)
    except sqlite3.IntegrityError:
        assert column == "id"  # a number for SQLite: it takes nothing else
    read_by_all(run.name)
    assert not sprung.exists()


def test_a_value_that_was_planted_is_what_readers_read(folder: Path, tmp_path: Path) -> None:
    """The control: it comes through all checks, and runs as soon as somebody opens it."""
    run, sprung = _run_of(folder), tmp_path / "sprung"
    planted, _ = shapes(sprung)["laid out"]
    with contextlib.closing(sqlite3.connect(run / "run.sqlite")) as connection, connection:
        connection.execute("UPDATE records SET stored_name = NULL, stored_offset = 0")
    plant(run / "run.sqlite", "records", "value", planted)
    record = next(one for one in FolderJournal(".daskloop").read(run.name).records if one.value)
    assert 0 in read_by_all(run.name)
    assert not sprung.exists()
    assert record.value is not None
    unseal(record.value, None)
    assert sprung.is_dir()


@pytest.mark.parametrize("shape", SHAPES)
def test_no_reader_opens_a_pickle_in_place_of_a_file(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    sprung = tmp_path / "sprung"
    source = _run_of(runs["plain"])
    found = {one.relative_to(source) for one in source.rglob("*") if one.is_file()}
    assert any(one.parts[0] == "payloads" for one in found)
    beside = ("stop", "run.sqlite-wal", "run.sqlite-shm", "run.sqlite-journal", "claims/0123")
    for number, file in enumerate(sorted({*found, *map(Path, beside)})):
        folder = _copied(runs["plain"], tmp_path / str(number), monkeypatch)
        planted, _ = shapes(sprung)[shape]
        place = _run_of(folder) / file
        place.parent.mkdir(mode=0o700, exist_ok=True)
        place.write_bytes(planted.encode() if isinstance(planted, str) else planted)
        read_by_all(_run_of(folder).name)
        assert not sprung.exists(), file


@pytest.mark.parametrize(("table", "column"), [one for one in columns() if one[1] != "id"])
@pytest.mark.parametrize("source", ["plain", "signed"])
def test_who_has_a_key_resumes_and_debugs_nothing_that_was_planted(
    runs: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    table: str,
    column: str,
) -> None:
    sprung = tmp_path / "sprung"
    folder = _copied(runs[source], tmp_path, monkeypatch)
    run = _run_of(folder)
    plant(run / "run.sqlite", table, column, shapes(sprung)["laid out"][0])
    before = (run / "run.sqlite").read_bytes()
    with _key(KEY):
        for words in (("resume", run.name, "flow.py"), ("debug", run.name, "bulky", "flow.py")):
            found = CliRunner().invoke(main, [*words], catch_exceptions=False)
            assert found.exit_code == 3, found.output
    assert not sprung.exists()
    assert (run / "run.sqlite").read_bytes() == before


def test_no_run_of_others_leads_prune_to_a_scheduler_or_a_store(folder: Path) -> None:
    run, told = _run_of(folder), []
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = "tcp://{}:{}".format(*server.getsockname())
        plant(run / "run.sqlite", "standing", "scheduler", address)
        (run / "run.sqlite").chmod(0o620)
        told.append(_prune())
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    plant(run / "run.sqlite", "standing", "scheduler", None)
    (folder / "store" / "payloads").mkdir(mode=0o700, parents=True)
    plant(run / "run.sqlite", "header", "store", str(folder / "store"))
    told.append(_prune())
    assert (folder / "store" / "payloads").is_dir()
    assert all("is kept: Cannot remove" in one and "others may write" in one for one in told)
    (run / "run.sqlite").chmod(0o600)
    assert "1 run removed" in _prune()
    assert not (folder / "store" / "payloads").exists()


def _prune() -> str:
    words = ["runs", "--prune", "--yes", "--older-than", "0s"]
    found = CliRunner().invoke(main, words, catch_exceptions=False)
    return found.output + found.stderr
