"""A program that runs the mixed flow again and again in one process: ``SECONDS JOURNAL ADDRESS``.

Prints a line for each run that ended: how many iterations there have been.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from daskloop.record.folder_journal import FolderJournal
from tests.chaos import expected
from tests.chaos.full_caches import fill
from tests.chaos.mixed_flow import FLOWS
from tests.chaos.notes import FOLDER

SIZE = 10


def main() -> None:
    seconds, journal, address = sys.argv[1:]
    fill()
    ends = time.monotonic() + float(seconds)
    done = 0
    while time.monotonic() < ends:
        for name, flow in FLOWS.items():
            results = expected.results(SIZE, name == "careful")
            state = flow.run(size=SIZE, journal=journal, executor=address)
            for task, found in state.result.items():
                wanted = results.get(task.name, found.result)
                assert found.result == wanted, f"{task.name}: {found.result!r:.200}"
            done += len(expected.iterations(SIZE, name == "careful"))
        for summary in FolderJournal(journal).runs():
            run = summary.header.run
            FolderJournal(journal).remove(run)
            Path(os.environ[FOLDER], f"{run}.notes").unlink()
        print(done, flush=True)


if __name__ == "__main__":
    main()
