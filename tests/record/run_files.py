"""Small journals for tests, and other processes that drive them."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask

from daskloop.config import setting
from daskloop.record.entries import Header, Recorded, Submitted
from daskloop.record.folder_journal import FolderJournal
from daskloop.testing.journal_samples import at, plain

ROOT = Path(__file__).resolve().parents[2]
RUN = "quiet-heron-7f3a9c12"

BEGIN = """
import os, sys
from tests.record.run_files import *
journal = FolderJournal(sys.argv[1])
ledger = journal.begin(header())
"""


def configured(name: str, value: Any) -> Any:
    """Set one of daskloop's settings, as a context."""
    setting(name)  # defaults that are registered within `dask.config.set` go when that ends
    return dask.config.set({f"daskloop.{name}": value})


def header(run: str = RUN, begun: float = 1.5) -> Header:
    """Make a small header."""
    return Header(run, "Fibonacci", begun, versions={"python": "3.12"})


def looped(iteration: int, child: int | None = None) -> Recorded:
    """Make the record of an iteration, with a payload that tells which it is."""
    value = plain({"n": iteration, "text": "x" * (iteration % 50)})
    return Recorded(at("fib-1", child, iteration), 1, 0, "Looped", f"{iteration}", value, at=2.5)


def sent(iteration: int, child: int | None = None) -> Submitted:
    """Make the note of an attempt that was sent."""
    return Submitted(at("fib-1", child, iteration), 1, 0, 3.5)


def python(code: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start another interpreter that can import package and tests."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **options,
    )


@contextlib.contextmanager
def driver(path: Path, code: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Let another process begin the run, do more, say so, and wait to be killed."""
    wait = "\nprint('ready', flush=True)\nsys.stdin.read()"
    with python(BEGIN + code + wait, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()


def killed(path: Path, commits: int = 3) -> FolderJournal:
    """Make a journal whose driver was killed after some commits of two records each."""
    code = f"for n in range({commits}): ledger.commit([looped(n), looped(n, 1)], [sent(n)])"
    with driver(path, code) as process:
        process.send_signal(signal.SIGKILL)
    return FolderJournal(path)


def file_of(journal: FolderJournal, run: str = RUN) -> Path:
    """Return the SQLite file of a run."""
    return Path(journal.path) / run / "run.sqlite"


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return all files below a folder: when they were changed, and what is in them."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def change(path: Path, statement: str, *values: Any) -> None:
    """Change a run file with a tool that knows nothing of checksums."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)
