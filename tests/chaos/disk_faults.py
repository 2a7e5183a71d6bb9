"""A program that lets each call fail with which a driver changes its journal and its store.

python -m tests.chaos.disk_faults FOLDER [--every N] [--mutant]

Writes, syncs, renames, cuts and new files are counted in a run that nothing happens to; then, in
run after run, the k-th one fails, once by EIO and once by ENOSPC. That happens below Python and
SQLite, by a library that is loaded before the others; `cc` makes it. Prints what was wrong; 1 if
anything was.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from daskloop.errors import DaskloopError, JournalError
from daskloop.keys import idempotency_key
from daskloop.record.entries import Recorded
from daskloop.record.folder_journal import FolderJournal
from daskloop.record.ledger import SqliteLedger
from daskloop.record.stretch import unfolded
from tests.chaos import sweep
from tests.chaos.notes import FOLDER

SOURCE = Path(__file__).with_name("failing_disk.c")
ERRORS = (errno.EIO, errno.ENOSPC)
_SAYS_WHAT_TO_DO = re.compile(r"Free some space|choose another|the run can (then )?be resumed")


class Fault(NamedTuple):
    """Which call fails, and how."""

    number: int
    """From 1; 0 for none."""
    error: int = errno.EIO
    life: int = 1
    """Which driver of the run it happens to."""


class Outcome(NamedTuple):
    """What a driver said when it ended."""

    passed: int
    """How many calls it made that might have failed."""
    failed: str
    """The one that did, and on which file; empty if none."""
    kind: str
    """The class of the run's state, or of what was raised."""
    text: str
    ours: bool
    """Whether it was a state, or an error of ours."""
    acknowledged: Sequence[str]
    """Records that were written, as the driver was told."""


def compile_library(folder: Path) -> Path:
    """Make the library."""
    made = folder / "failing_disk.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(made), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return made


def _name(record: Recorded) -> str:
    return f"{idempotency_key('run', record.address)} {record.run_count} {record.state}"


def failed_is_written() -> None:
    """Break the driver: a commit that failed is taken for written."""
    write = SqliteLedger._write

    def written(self: SqliteLedger, *draft: Any) -> None:
        with contextlib.suppress(JournalError):
            write(self, *draft)

    SqliteLedger._write = written  # type: ignore[method-assign]


def drive(
    folder: Path, journal: Path, fault: Fault, mutant: Callable[[], None] = lambda: None
) -> Outcome:
    """Let a driver live in a fork, to which one call fails; it may be broken first."""
    said = folder / "outcome"
    pid = os.fork()
    if pid == 0:
        try:
            mutant()
            said.write_text(json.dumps(_driven(journal, fault)))
        except BaseException:  # the fork ends here, whatever it was: its parent misses the file
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(0)
    os.waitpid(pid, 0)
    outcome = Outcome(*json.loads(said.read_text()))
    said.unlink()
    return outcome


def _driven(journal: Path, fault: Fault) -> Outcome:
    disk, acknowledged = ctypes.CDLL(None), []
    disk.failing_disk_failed.restype = ctypes.c_char_p
    disk.failing_disk_passed.restype = ctypes.c_long
    commit = SqliteLedger.commit

    def committed(self: SqliteLedger, records: Any, submitted: Any) -> None:
        commit(self, records, submitted)
        acknowledged.extend(_name(one) for record in records for one in unfolded(record))

    SqliteLedger.commit = committed  # type: ignore[method-assign]
    disk.failing_disk(os.fsencode(journal), ctypes.c_long(fault.number), fault.error)
    ours = True
    try:
        state = sweep._drive(journal)
        kind, text = type(state).__name__, " ".join([state.message, *_reasons(state.result)])
    except DaskloopError as error:
        kind, text = type(error).__name__, str(error)
    except Exception as error:
        kind, text, ours = type(error).__name__, "".join(traceback.format_exception(error)), False
    failed = disk.failing_disk_failed().decode()
    return Outcome(disk.failing_disk_passed(), failed, kind, text, ours, acknowledged)


def _reasons(states: dict[Any, Any]) -> Iterator[str]:
    """Say why tasks and children failed."""
    for state in states.values():
        yield from (
            one.message for one in (state, *getattr(state, "map_states", ())) if one.is_failed()
        )


def check(outcome: Outcome, journal: Path, before: Sequence[str]) -> Iterator[str]:
    """Say what is wrong with how a driver ended to which a call failed."""
    if not outcome.ours:
        yield f"it raised {outcome.kind}: {outcome.text}"
    elif outcome.kind != "Success" and not _SAYS_WHAT_TO_DO.search(outcome.text):
        yield f"it does not say what to do: {outcome.kind}: {outcome.text}"
    found = recorded(journal)
    wanted = [*before, *outcome.acknowledged]
    if found[: len(wanted)] != wanted:
        yield f"of {len(wanted)} acknowledged records, these are there: {found}"


def recorded(journal: Path) -> list[str]:
    """Name the records of the run, in order; none if it never began."""
    runs = FolderJournal(journal).runs() if journal.exists() else ()
    return [
        _name(one) for run in runs for one in FolderJournal(journal).read(run.header.run).records
    ]


def faults(passed: dict[int, int]) -> Iterator[Fault]:
    """List them for first drivers, then for those that resume a run."""
    for life, count in passed.items():
        for number in range(1, count + 1):
            yield from (Fault(number, error, life) for error in ERRORS)


def one_run(
    folder: Path, journal: Path, fault: Fault, mutant: Callable[[], None] = lambda: None
) -> tuple[Outcome, list[str]]:
    """Let a call fail in a run and resume it; return what its driver said, and what was wrong."""
    for notes in folder.glob("*.notes"):
        notes.unlink()
    if fault.life > 1:
        sweep.life(journal, sweep.dying(sweep._FIRST_DEATH, lambda: None))
    before = recorded(journal)
    outcome = drive(folder, journal, fault, mutant)
    wrong = list(check(outcome, journal, before))
    code = sweep.life(journal, lambda: None)
    wrong += sweep.check(folder, journal) if not code else [f"the next driver ended with {code}"]
    shutil.rmtree(journal)
    if outcome.kind == "Success" and "Cannot claim the start" in outcome.text:
        # No more than its own failure: the flow has no need of it, and so the run is over.
        wrong = [text for text in wrong if not text.startswith("lost: ring-1[")]
    return outcome, wrong


def main(arguments: list[str]) -> int:
    """Let one call after the other fail; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.disk_faults")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="of all faults, only each N-th")
    parser.add_argument("--mutant", action="store_true", help="break the driver first")
    given = parser.parse_args(arguments)
    folder = given.folder
    mutant = failed_is_written if given.mutant else lambda: None
    if not hasattr(ctypes.CDLL(None), "failing_disk"):
        environment = {**os.environ, "LD_PRELOAD": str(compile_library(folder))}
        command = [sys.executable, "-m", "tests.chaos.disk_faults", *arguments]
        os.execve(sys.executable, command, environment)
    os.environ[FOLDER] = str(folder)
    journal = folder / "journal"
    passed = {}
    for life in (1, 2):
        outcome, wrong = one_run(folder, journal, Fault(0, life=life))
        assert not wrong, wrong
        passed[life] = outcome.passed
    ended: Counter[str] = Counter()
    wrong, failed = [], 0
    for fault in [*faults(passed)][:: given.every]:
        outcome, found = one_run(folder, journal, fault, mutant)
        failed += bool(outcome.failed)
        ended[outcome.kind] += 1
        wrong += [f"{fault}, {outcome.failed or 'nothing failed'}: {text}" for text in found]
    print("\n".join(wrong))
    print(f"calls that may fail: {passed}; ends: {dict(ended)}")
    print(f"{failed} calls failed, {len(wrong)} times something was wrong")
    return 1 if wrong or not failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
