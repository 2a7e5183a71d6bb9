"""What is fed with bytes that nobody promises anything about.

Each target takes bytes, and may refuse them with the errors that it names. Anything else that it
raises is a bug, which becomes a test of its own in `test_found.py`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgpack

from daskloop import Flow, Parameter, task
from daskloop.cli.exit_codes import Usage
from daskloop.cli.targets import find_target
from daskloop.cli.values import parameter_values
from daskloop.define.limits import duration
from daskloop.define.throttle import throttle
from daskloop.errors import JournalError, ResultError
from daskloop.plain_text import one_line
from daskloop.record import reading, rows
from daskloop.record.entries import Header
from daskloop.record.folder_journal import FolderJournal
from daskloop.record.standing_row import Standing
from daskloop.results import cache_entry
from daskloop.results.template import parse_template
from daskloop.run.envelope import Entry, Envelope, decode_envelope, encode_envelope
from daskloop.testing import journal_samples as samples

__all__ = ["SEEDS", "TARGETS", "Target"]

Target = Callable[[bytes], None]


@task
def tell(count: int, rate: float, label: str, on: bool, many: list[int], how: dict, free):
    """Take an argument of each kind that the command line knows."""


with Flow("typed") as _FLOW:
    tell(
        **{name: Parameter(name) for name in ("count", "rate", "label", "on", "how", "free")},
        many=Parameter("many", type=list[int]),
    )


def _row(data: bytes, width: int) -> list[Any]:
    """Make a row as SQLite would give it: numbers, texts, bytes, nulls."""
    try:
        found = msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogatepass")
    except (ValueError, TypeError, msgpack.UnpackException):
        return []
    cells = found if isinstance(found, list) else []
    kept = [one if isinstance(one, (int, float, str, bytes)) else None for one in cells]
    return kept if len(kept) == width else []


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def record(data: bytes) -> None:
    """A row of the table of records, its checksum right."""
    row = _row(data, len(rows.RECORD_COLUMNS.split(",")))
    if row:
        with contextlib.suppress(JournalError):
            reading._made(reading._records_of, row, "run.sqlite", "a row")


def submitted(data: bytes) -> None:
    """A row of the table of attempts, its checksum right."""
    row = _row(data, len(rows.SUBMITTED_COLUMNS.split(",")))
    if row:
        with contextlib.suppress(JournalError):
            reading._made(rows.submitted_of, row, "run.sqlite", "a row")


def standing(data: bytes) -> None:
    """The row that says how a run stands, its checksum right."""
    row = _row(data, len(reading.STANDING_COLUMNS.split(",")))
    if row:
        with contextlib.suppress(JournalError):
            found = reading._made(Standing.of, row, "run.sqlite", "how it stands")
            found.row()
            found.summary(_header(), held=False)


def header(data: bytes) -> None:
    """The header of a run with its parameters and tasks, their checksum right."""
    try:
        found = msgpack.unpackb(data, strict_map_key=False)
        head, given, marks = found
    except (ValueError, TypeError, msgpack.UnpackException):
        return
    if isinstance(head, list) and isinstance(given, list) and isinstance(marks, list):
        with contextlib.suppress(JournalError):
            reading._made(
                lambda _: rows.header_of(head, given, marks), [0], "run.sqlite", "its header"
            )


def run_file(data: bytes) -> None:
    """A run file in which bytes were changed: an offset of three bytes, then the byte, each."""
    changed = bytearray(_sound())
    for at in range(0, len(data) - 3, 4):
        changed[int.from_bytes(data[at : at + 3], "big") % len(changed)] = data[at + 3]
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        Path(folder).chmod(0o700)
        run = Path(folder, "runs", _RUN)
        run.mkdir(mode=0o700, parents=True)
        Path(folder, "runs").chmod(0o700)
        (run / "run.sqlite").write_bytes(changed)
        (run / "run.sqlite").chmod(0o600)
        journal = FolderJournal(Path(folder, "runs"))
        journal.runs()
        with contextlib.suppress(JournalError):
            journal.read(_RUN)


def envelope(data: bytes) -> None:
    """What a worker says that came of a future."""
    with contextlib.suppress(ValueError):
        decode_envelope(data)


def cached(data: bytes) -> None:
    """The file of a cached value, its checksum right."""
    signed = b"".join(
        [cache_entry._MAGIC, blake2b(data, digest_size=cache_entry._SUM).digest(), data]
    )
    for one in (data, signed):
        with contextlib.suppress(ResultError):
            cache_entry.unpack_entry(one, "k", "somewhere")


def parameter(data: bytes) -> None:
    """What is typed behind ``-p``."""
    with contextlib.suppress(Usage):
        parameter_values(_FLOW, _text(data).split("\n"))


def target(data: bytes) -> None:
    """What is typed to name a task, a child, an iteration."""
    marks = _header().tasks
    with contextlib.suppress(Usage):
        find_target(_text(data), marks, _RUN, {marks[0].slug: ["a", "b[1]"]})


def template(data: bytes) -> None:
    """The name of a target or a location."""
    with contextlib.suppress(ValueError):
        found = parse_template(_text(data), "target", lambda name: name == "x", at_the_end=False)
        with contextlib.suppress(ResultError):
            found.render({"x": "value", "task_name": "t", "map_index": 3})


def time_and_rate(data: bytes) -> None:
    """A length of time, and a rate."""
    text = _text(data)
    with contextlib.suppress(ValueError):
        assert duration(text, "timeout") >= 0
    with contextlib.suppress(ValueError):
        throttle(None, text, None)


def shown(data: bytes) -> None:
    """A text of users that is put on a terminal."""
    line = one_line(_text(data), 40)
    assert len(line) <= 120
    assert not any(sign < " " or sign in "\x7f\x9b\u202e" for sign in line)


_RUN = "quiet-heron-7f3a9c12"


def _memory() -> str | None:
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


@functools.cache
def _header() -> Header:
    return samples.header(_RUN)


@functools.cache
def _sound() -> bytes:
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        journal = FolderJournal(Path(folder, "runs"))
        ledger = journal.begin(_header())
        ledger.commit(samples.records()[:12], [samples.sent(1), samples.sent(2)])
        ledger.close()
        return Path(folder, "runs", _RUN, "run.sqlite").read_bytes()


def _packed(*values: Any) -> bytes:
    return bytes(msgpack.packb(values[0], unicode_errors="surrogatepass"))


def _record_rows() -> Sequence[bytes]:
    found = samples.records()
    return [_packed(list(rows.record_row(n, 1, one))) for n, one in enumerate(found, 1)]


def _cached() -> bytes:
    return cache_entry.pack_entry(cache_entry.Head("k", "t", 0.0, None), b"[1]")


def _header_seed() -> bytes:
    head = _header()
    given = [list(rows.given_row(n, one)) for n, one in enumerate(head.parameters, 1)]
    marks = [list(rows.mark_row(n, one)) for n, one in enumerate(head.tasks, 1)]
    return _packed([list(rows.header_row(head, False)), given, marks])


TARGETS: dict[str, Target] = {
    one.__name__: one
    for one in (
        record,
        submitted,
        standing,
        header,
        run_file,
        envelope,
        cached,
        parameter,
        target,
        template,
        time_and_rate,
        shown,
    )
}

_ENVELOPE = Envelope(0.5, [(3, Entry("looped", "more", samples.plain([1])))])

SEEDS: dict[str, Callable[[], Sequence[bytes]]] = {
    "record": _record_rows,
    "submitted": lambda: [_packed(list(rows.submitted_row(1, 1, samples.sent(2))))],
    "standing": lambda: [_packed(list(Standing.of(_standing_row()).row()))],
    "header": lambda: [_header_seed()],
    "run_file": lambda: [b"\0\0\x20\x01", b"\0\x10\x20\x41\0\x0f\0\0"],
    "envelope": lambda: [encode_envelope(_ENVELOPE)],
    "cached": lambda: [_cached(), _cached()[len(cache_entry._MAGIC) + cache_entry._SUM :]],
    "parameter": lambda: [
        b"count=10\nrate=1e3\nlabel=x\non=yes\nmany=[1, 2]\nhow={}\nfree=null",
        b"count=" + b"9" * 5000,
        b"many=" + b"[" * 2000,
    ],
    "target": lambda: [b"fib[3]@9", b"fib@" + b"9" * 5000, "fib[²]".encode(), b"a[b[1]]@1"],
    "template": lambda: [b"{x}-{map_index:03d}.pkl", b"{x!r}/{task_name}", b"{x.y[0]}", b"{{"],
    "time_and_rate": lambda: [b"2s", b"1.5 hours", b"10/s", b"3/10s", b"1e400", b"nan", b"9" * 400],
    "shown": lambda: [b"two\nlines", "\x1b[31mred \u202e 日本語".encode()],
}


def _standing_row() -> Sequence[Any]:
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        import sqlite3

        path = Path(folder, "run.sqlite")
        path.write_bytes(_sound())
        with contextlib.closing(sqlite3.connect(path)) as connection:
            query = f"SELECT {reading.STANDING_COLUMNS} FROM standing"
            found: Sequence[Any] = connection.execute(query).fetchone()
            return found
