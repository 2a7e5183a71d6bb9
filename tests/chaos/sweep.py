"""A program that ends its driver at each step that it takes, each time it takes it, and resumes.

python -m tests.chaos.sweep FOLDER [--every N] [--only STEP] [--mutant]

Every life of a driver is a fork of this process, so that thousands take minutes. A driver without
a cluster executes attempts itself: they die with it. Prints what was wrong; 1 if anything was.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from daskloop.executors.inline import InlineSession
from daskloop.record import folder_journal, run_file
from daskloop.record.claims import Claim, Claims
from daskloop.record.folder_journal import FolderJournal
from daskloop.record.ledger import SqliteLedger
from daskloop.record.lock import RunLock
from daskloop.record.store import PayloadStore
from daskloop.run import driver
from daskloop.run.announcer import Announcer
from daskloop.run.board import Board
from daskloop.run.handlers import Handlers
from daskloop.run.machine import Machine
from daskloop.run.scribe import Scribe
from tests.chaos.audit import judge
from tests.chaos.notes import FOLDER, read_notes
from tests.chaos.swept_flow import ITERATIONS, RESULTS, flow

POINTS: dict[str, tuple[Any, str]] = {
    "make the file of a run": (run_file, "create"),
    "write its header": (folder_journal, "write_header"),
    "name its folder": (FolderJournal, "_rename"),
    "take its lock": (RunLock, "take"),
    "take over": (SqliteLedger, "take_over"),
    "read news": (driver._Shift, "_read"),
    "decide": (Machine, "take"),
    "record": (Scribe, "write"),
    "commit": (SqliteLedger, "_write"),
    "trust the commit": (SqliteLedger, "_written"),
    "note for others": (Board, "note"),
    "submit": (driver._Shift, "_submit"),
    "adopt": (InlineSession, "adopt"),
    "execute": (InlineSession, "work"),
    "claim a start": (Claims, "start"),
    "give up": (Claims, "give_up"),
    "finish a claim": (Claim, "finish"),
    "store a payload": (PayloadStore, "put"),
    "let go": (driver._Shift, "_let_go"),
    "drop a payload": (PayloadStore, "remove"),
    "ask a handler": (Handlers, "ask"),
    "announce": (Announcer, "tell"),
    "finish": (Scribe, "finish"),
    "tidy": (Scribe, "_tidy"),
    "remove claims": (Claims, "remove_all"),
    "close": (SqliteLedger, "close"),
}
"""The steps of a driver: where they are in the code."""

OF_A_LATER_LIFE = ("take over", "adopt", "give up")
"""Those that only a driver comes to which resumes a run."""

_DEAD = 137


def life(journal: Path, prepare: Callable[[], object]) -> int:
    """Let one driver live, in a fork; return its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            prepare()
            code = 0 if _drive(journal).is_successful() else 3
        except Exception:  # the fork ends here, whatever it was: its parent reads the code
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _drive(journal: Path) -> Any:
    begun = FolderJournal(journal).runs() if journal.exists() else ()
    resume = begun[0].header.run if begun else False
    return flow.run(executor="inline", journal=journal, resume=resume)


class Death(NamedTuple):
    """Where a driver dies."""

    point: str
    hit: int
    """The how-manieth time that it comes there."""
    before: bool
    """True to die before the step, False after it."""
    life: int = 1
    """Which driver of the run."""

    def __str__(self) -> str:
        when = "before" if self.before else "after"
        return f"{when} {self.point!r}, time {self.hit}, life {self.life}"


def dying(death: Death, mutant: Callable[[], object]) -> Callable[[], None]:
    """Have a driver die there; it may be broken first."""
    point, hit, before, _ = death

    def prepare() -> None:
        mutant()
        passed = 0

        def at(real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            nonlocal passed
            passed += 1
            if before and passed == hit:
                os._exit(_DEAD)
            result = real(*args, **kwargs)
            if passed == hit:
                os._exit(_DEAD)
            return result

        _wrap(point, at)

    return prepare


_FIRST_DEATH = Death("execute", 9, True)
"""Of the driver before the one that dies in its second life."""


def counting(path: Path) -> Callable[[], None]:
    """Have the driver count how often it passes which point."""

    def prepare() -> None:
        passed: Counter[str] = Counter()

        def counter(point: str) -> Callable[..., Any]:
            def at(real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
                passed[point] += 1
                path.write_text(json.dumps(passed))
                return real(*args, **kwargs)

            return at

        for point in POINTS:
            _wrap(point, counter(point))

    return prepare


def _wrap(point: str, at: Callable[..., Any]) -> None:
    owner, name = POINTS[point]
    found = vars(owner)[name]
    real = getattr(found, "__func__", found)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return at(real, *args, **kwargs)

    setattr(owner, name, classmethod(wrapped) if isinstance(found, classmethod) else wrapped)


def nobody_looks_at_claims() -> None:
    """Break the driver: what an earlier one had begun is taken for not begun."""
    Claims.give_up = Claims.read = lambda self, key_text: None  # type: ignore[method-assign]


def check(folder: Path, journal: Path) -> Iterator[str]:
    """Say what is wrong with a run that was resumed to its end."""
    summaries = FolderJournal(journal).runs()
    if len(summaries) != 1 or summaries[0].status != "success":
        yield f"runs: {[(one.header.run, one.status) for one in summaries]}"
        return
    run = summaries[0].header.run
    records = FolderJournal(journal).read(run).records
    yield from judge(run, records, read_notes(folder, run), ITERATIONS).wrong
    states = flow.run(executor="inline", journal=journal, resume=run).result
    found = {task.name: state.result for task, state in states.items() if task.name in RESULTS}
    if found != RESULTS:
        yield f"results: {found}"
    left = [path.name for path in (journal / run).rglob("*") if path.is_file()]
    if extra := [name for name in left if name not in ("run.sqlite", "lock")]:
        yield f"left behind: {extra}"


def sweep(
    folder: Path, every: int, only: str | None, mutant: Callable[[], object]
) -> tuple[int, list[str]]:
    """End drivers at every point; return how many died, and what was wrong after which.

    Parameters
    ----------
    folder : Path
        For notes and journals.
    every : int
        Let a driver die at each n-th of all places only.
    only : str or None
        And at this step only.
    mutant : callable
        Breaks the driver before it lives.
    """
    os.environ[FOLDER] = str(folder)
    counts = folder / "counts"
    assert not life(folder / "first", counting(counts)), "a driver that nobody ends fails"
    passed = json.loads(counts.read_text())
    missed = sorted(POINTS.keys() - passed.keys() - set(OF_A_LATER_LIFE))
    wrong = [f"no driver comes to {point!r}" for point in missed]
    died = 0
    shutil.rmtree(folder / "first")
    for death in [one for one in _deaths(passed) if only in (None, one.point)][::every]:
        for notes in folder.glob("*.notes"):
            notes.unlink()
        journal = folder / "journal"
        if death.life > 1:
            life(journal, dying(_FIRST_DEATH, mutant))
        died += life(journal, dying(death, mutant)) == _DEAD
        code = life(journal, mutant)
        found = check(folder, journal) if not code else [f"the next driver ended with {code}"]
        wrong += [f"{death}: {text}" for text in found]
        shutil.rmtree(journal)
    return died, wrong


def _deaths(passed: dict[str, int]) -> Iterator[Death]:
    """List the deaths of first drivers, then those of second ones."""
    for point in POINTS:
        for hit in range(1, passed.get(point, 0) + 1):
            yield Death(point, hit, True)
            yield Death(point, hit, False)
    for point in (*OF_A_LATER_LIFE, "take its lock", "record", "commit", "submit", "let go"):
        for hit in (1, 2, 3):
            yield Death(point, hit, True, 2)
            yield Death(point, hit, False, 2)


def main(arguments: list[str]) -> int:
    """Sweep; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.sweep")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--only", choices=POINTS)
    parser.add_argument("--mutant", action="store_true", help="break the driver first")
    given = parser.parse_args(arguments)
    mutant = nobody_looks_at_claims if given.mutant else lambda: None
    died, wrong = sweep(given.folder, given.every, given.only, mutant)
    print("\n".join(wrong))
    print(f"{died} drivers died, {len(wrong)} times something was wrong")
    return 1 if wrong or not died else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
