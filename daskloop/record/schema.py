"""The tables of a run file, with what each column means, and how older files become newer ones.

The comments are part of the file: ``sqlite3 run.sqlite .schema`` shows them. Texts that are no
Unicode (lone surrogates) are kept as BLOB in UTF-8 with surrogates.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from types import MappingProxyType

from daskloop.errors import JournalError
from daskloop.record.checksums import Signer
from daskloop.record.journal_trouble import damaged

__all__ = [
    "APPLICATION_ID",
    "STEPS",
    "TABLES",
    "VERSION",
    "Step",
    "check_tables",
    "check_version",
    "create_tables",
    "migrate",
]

APPLICATION_ID = 0x44534B4C
"""``DSKL``: by this a run file is told from other SQLite files."""

VERSION = 4
"""Version of the tables, kept as ``user_version``."""

Step = Callable[[sqlite3.Connection, Signer], None]
"""Brings a file to the next version: changes tables and rows, and signs anew what it changed."""


def _count_what_is_done(connection: sqlite3.Connection, signer: Signer) -> None:
    """Say what `standing.iterations` counts: before, only those that went on to another.

    Those that were counted stay, and so does the checksum of the row.
    """
    connection.execute("ALTER TABLE standing RENAME TO before")
    connection.execute(_STANDING)
    connection.execute("INSERT INTO standing SELECT * FROM before")
    connection.execute("DROP TABLE before")


STEPS: Mapping[int, Step] = MappingProxyType({3: _count_what_is_done})
"""By the version that each step starts from."""

_HEADER = """\
CREATE TABLE header ( -- one row: what was known of the run when it began; never changed
    id INTEGER PRIMARY KEY, -- 1
    run TEXT NOT NULL, -- name of the run
    flow TEXT NOT NULL, -- name of the flow
    begun REAL NOT NULL, -- seconds since 1970, UTC
    origin TEXT, -- FILE:FLOW where the flow is found again; NULL for a run begun in Python
    store TEXT, -- URL of the payload store; NULL if it lies beside this file
    versions TEXT NOT NULL, -- JSON: of daskloop, python, dask and distributed
    signed INTEGER NOT NULL, -- 1 if the checksums were made with a key
    checksum BLOB NOT NULL -- over this row and all of parameters and tasks
)"""

_PARAMETERS = """\
CREATE TABLE parameters ( -- one row for each parameter of the flow
    id INTEGER PRIMARY KEY, -- from 1, in order
    name TEXT NOT NULL, -- name of the parameter
    digest TEXT NOT NULL, -- tells values apart; empty for a secret one
    value, -- JSON as TEXT, a pickle as BLOB; NULL if stored, or secret
    stored_name TEXT, -- name in the payload store, if it lies there
    stored_offset INTEGER, -- where it begins in what is stored
    size INTEGER, -- bytes of the value; NULL for a secret one, which is never written
    preview TEXT, -- at most 200 characters of its repr
    length INTEGER -- how many elements it has, if it has a length
)"""

_TASKS = """\
CREATE TABLE tasks ( -- one row for each task of the flow: by what it is known again
    id INTEGER PRIMARY KEY, -- from 1, in order
    slug TEXT NOT NULL, -- names the task within the flow
    name TEXT NOT NULL, -- its name for people
    source TEXT NOT NULL, -- digest of the function's source
    call TEXT NOT NULL, -- digest of its inputs: constants, and which result goes where
    mapped INTEGER NOT NULL, -- 1 if it is mapped
    wires TEXT NOT NULL -- JSON: results that go into it, [[slug, argument or null, mapped], ...]
)"""

_STANDING = """\
CREATE TABLE standing ( -- one row: how the run stands; written anew by every commit
    id INTEGER PRIMARY KEY, -- 1
    epoch INTEGER NOT NULL, -- how often the run was begun or resumed
    status TEXT NOT NULL, -- running | stopped | failed | success
    message TEXT NOT NULL, -- of the flow's state
    updated REAL NOT NULL, -- when something was written last, seconds since 1970, UTC
    pid INTEGER NOT NULL, -- process that drives the run, or drove it last
    host TEXT NOT NULL, -- its machine
    since REAL NOT NULL, -- when it took the run, seconds since 1970, UTC
    executor TEXT NOT NULL, -- where attempts are executed, in words
    scheduler TEXT, -- address of a scheduler that lives longer than the run
    records INTEGER NOT NULL, -- rows of the table records
    head BLOB NOT NULL, -- checksum of the last of them
    submitted INTEGER NOT NULL, -- rows of the table submitted
    tally BLOB NOT NULL, -- exclusive or of their checksums
    children INTEGER NOT NULL, -- tasks and children of maps that have their final state
    iterations INTEGER NOT NULL, -- iterations that went on to another, or ended their loop well
    attempts INTEGER NOT NULL, -- attempts that ended
    failures INTEGER NOT NULL, -- attempts that failed
    checksum BLOB NOT NULL -- over this row, going on from that of the header
)"""

_RECORDS = """\
CREATE TABLE records ( -- one row for each state that stands, in the order in which they came to
    id INTEGER PRIMARY KEY, -- from 1, without gaps
    slug TEXT NOT NULL, -- which task
    child INTEGER, -- which child of a map, from 0; NULL if the task is not mapped
    iteration INTEGER NOT NULL, -- which iteration, from 1
    run_count INTEGER NOT NULL, -- number of the attempt at this iteration, from 1
    submission INTEGER NOT NULL, -- number of its submission, from 0
    state TEXT NOT NULL, -- name of the state's class; Lost: a worker was; TakenBack: done again
    message TEXT NOT NULL, -- of the state
    value, -- payload, result or exception: JSON as TEXT, a pickle as BLOB; NULL if none, or stored
    stored_name TEXT, -- name in the payload store, if it lies there
    stored_offset INTEGER, -- where it begins in what is stored
    size INTEGER, -- bytes of the value; NULL if there is none
    preview TEXT, -- at most 200 characters of its repr
    error_class TEXT, -- class of the exception
    error_text TEXT, -- what it says
    traceback TEXT, -- the worker's traceback
    retriable INTEGER NOT NULL, -- 0 if trying again cannot help
    final INTEGER NOT NULL, -- 1 if a failure must not be retried
    attempted INTEGER NOT NULL, -- 0 if the state followed without an attempt
    start_time REAL, -- when the next attempt may start, seconds since 1970, UTC
    parts BLOB, -- msgpack: the result cut into elements, for each way to cut it; NULL if not cut
    width INTEGER, -- of a map: how many children there are
    stretch BLOB, -- msgpack: the iterations just before it that ended in the same future, if any
    worker TEXT NOT NULL, -- address of the worker
    started REAL NOT NULL, -- by the worker's clock, seconds since 1970, UTC; 0 if it never began
    ended REAL NOT NULL, -- the same; 0 if it never began
    at REAL NOT NULL, -- when the driver took the state for standing, seconds since 1970, UTC
    epoch INTEGER NOT NULL, -- of the driver that wrote the row
    outer TEXT, -- JSON: places around this one, [[slug, child, iteration], ...]; NULL if none
    checksum BLOB NOT NULL -- over this row, going on from that of the row before, or the header
)"""

_SUBMITTED = """\
CREATE TABLE submitted ( -- one row for each child: its newest attempt that was sent on its way
    id INTEGER PRIMARY KEY, -- from 1, in the order in which the children were first sent
    slug TEXT NOT NULL, -- which task
    child INTEGER, -- which child of a map, from 0; NULL if the task is not mapped
    iteration INTEGER NOT NULL, -- which iteration, from 1
    run_count INTEGER NOT NULL, -- number of the attempt at this iteration, from 1
    submission INTEGER NOT NULL, -- number of its submission, from 0
    at REAL NOT NULL, -- when it was sent, seconds since 1970, UTC
    leader TEXT, -- JSON: numbers in the key of the future it travels in; NULL if that is its own
    epoch INTEGER NOT NULL, -- of the driver that sent it
    outer TEXT, -- JSON: places around this one, as in records
    checksum BLOB NOT NULL -- over this row, going on from that of the header
)"""


def _utc(column: str) -> str:
    """Write a time for people; zero is none."""
    return f"strftime('%Y-%m-%dT%H:%M:%fZ', nullif({column}, 0), 'unixepoch') AS {column}"


_READABLE = f"""\
CREATE VIEW readable AS -- the records with times as ISO 8601 in UTC, without pickles
SELECT id, slug, child, iteration, run_count, submission, state, message,
    CASE typeof(value) WHEN 'text' THEN value ELSE preview END AS value,
    size, error_class, error_text, {_utc("start_time")}, width, worker,
    {_utc("started")}, {_utc("ended")}, round(ended - started, 6) AS seconds,
    {_utc("at")}, epoch
FROM records ORDER BY id"""

TABLES: Mapping[str, str] = MappingProxyType(
    {
        "header": _HEADER,
        "parameters": _PARAMETERS,
        "tasks": _TASKS,
        "standing": _STANDING,
        "records": _RECORDS,
        "submitted": _SUBMITTED,
        "readable": _READABLE,
    }
)
"""What makes each table and view."""


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of a new run file, within the caller's transaction."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    for statement in TABLES.values():
        connection.execute(statement)


def check_version(connection: sqlite3.Connection, path: str) -> int:
    """Return the version of a run file.

    Raises
    ------
    JournalError
        If it is newer than what this daskloop knows, or so old that no step leads from it.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise JournalError(
            f"The journal of a run has version {version}, and this daskloop knows versions up to "
            f"{VERSION}: {path!r}. Nothing was changed. Use the newer daskloop that wrote it."
        )
    missing = next((one for one in range(version, VERSION) if one not in STEPS), None)
    if missing is not None:
        raise JournalError(
            f"The journal of a run has version {version}, from which no step leads to version "
            f"{VERSION}: {path!r}. Nothing was changed. Use the daskloop that wrote it."
        )
    return version


def check_tables(connection: sqlite3.Connection, path: str) -> None:
    """Refuse a file of this version whose tables are not exactly those that we make."""
    query = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite@_%' ESCAPE '@'"
    found = dict(connection.execute(query).fetchall())
    for name in sorted(TABLES.keys() | found.keys(), key=str):
        if name not in TABLES:
            raise damaged(path, f"it holds {name!r}, which daskloop did not make (drop it)")
        if found.get(name) != TABLES[name]:
            raise damaged(path, f"its table {name!r} is missing, or not as daskloop makes it")


def migrate(connection: sqlite3.Connection, signer: Signer) -> None:
    """Bring an older file to this version, all steps or none.

    Notes
    -----
    The caller has checked the version, and put a copy of the file beside it.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        while version < VERSION:
            STEPS[version](connection, signer)
            version += 1
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except BaseException:  # whatever a step raised, or Ctrl-C: the file stays as it was
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
