"""A program that drives several runs at once, beside others like it, in one journal.

python -m tests.flows.many_drivers FOLDER COUNT

It begins COUNT runs, whose first iterations wait for a file `go`. For each line that it is given it
does one thing more, and prints what came of it as JSON: `knock` tries to take every run of the
journal, `end` waits for its own, `resume` goes on with every run, in an order of its own.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from daskloop import Flow, Parameter, context, task
from daskloop.engine.signals import LOOP
from daskloop.errors import RunLocked
from daskloop.record.folder_journal import FolderJournal
from tests.chaos.notes import FOLDER, noted

BREAKS = 3
"""The iteration at which each loop fails until there is a file `mended`."""
LAST = 5
CHILDREN = 2


@task
def walk(number: int) -> int:
    """Wait for the others, then loop, and fail on the way as long as nothing is mended."""
    folder = Path(os.environ[FOLDER])
    while not (folder / "go").exists():
        time.sleep(0.01)
    with noted(greedy=False, synced=False):
        count: int = context.get("task_loop_count", 1)
        if count == BREAKS and not (folder / "mended").exists():
            raise ValueError("not mended yet")
        if count < LAST:
            raise LOOP(result=number * count)
        return number * count


with Flow("many") as flow:
    walked = walk.map(Parameter("numbers"))


def knock(journal: Path) -> dict[str, int]:
    """Try to take every run; count how it went."""
    found = {"refused": 0, "taken": 0}
    for one in FolderJournal(journal).runs():
        try:
            flow.run(executor="inline", journal=journal, resume=one.header.run)
        except RunLocked:
            found["refused"] += 1
        else:
            found["taken"] += 1
    return found


def resume(journal: Path) -> dict[str, Any]:
    """Go on with every run that nobody else has; return the results of those that ended."""
    names = [one.header.run for one in FolderJournal(journal).runs()]
    random.Random(os.getpid()).shuffle(names)
    found = {}
    for name in names:
        try:
            state = flow.run(executor="inline", journal=journal, resume=name)
        except RunLocked:  # whoever has it will end it
            continue
        found[name] = state.result[walked].result
    return found


def main(folder: Path, count: int) -> None:
    """Do what is asked for, line by line."""
    os.environ[FOLDER] = str(folder)
    journal = folder / "runs"
    numbers = list(range(1, CHILDREN + 1))
    runs = [flow.submit(numbers=numbers, executor="inline", journal=journal) for _ in range(count)]
    for text in sys.stdin:
        said: Any
        if text == "end\n":
            said = [type(run.result()).__name__ for run in runs]
        else:
            said = {"knock\n": knock, "resume\n": resume}[text](journal)
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
