"""Run a program, kill it, start it again; then compare what was recorded with what was started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from daskloop.record.folder_journal import FolderJournal
from tests.flows import killed_flow

PROGRAM = Path(killed_flow.__file__)
FINISHED = {"Looped", "Success", "Failed", "Skipped"}


class Killed:
    """One run of `killed_flow` that is killed and resumed until it ends.

    Parameters
    ----------
    folder : Path
        For its journal and its trace.
    executor : str
        Where it runs.
    **environment
        Variables for the program.
    """

    def __init__(self, folder: Path, executor: str, **environment: str) -> None:
        self.journal = folder / "journal"
        self.trace = folder / "trace"
        self.executor = executor
        self.kills = 0
        self._environment = {**os.environ, **environment}

    def life(self, *point: str, starts: int | None = None, delay: float = 0.0) -> str | None:
        """Start the program once; return what it printed, or None if it was killed.

        Parameters
        ----------
        *point : str
            Where the program is to kill itself.
        starts : int, optional
            Kill it once it has started so many attempts.
        delay : float
            And so many seconds later.
        """
        arguments = [self.executor, str(self.journal), str(self.trace), *point]
        with started(PROGRAM, *arguments, env=self._environment) as process:
            if starts is not None:
                self._await_starts(process, len(self.starts()) + starts)
                time.sleep(delay)
                process.kill()
            said, _ = process.communicate(timeout=60)
        if process.returncode == -signal.SIGKILL:
            self.kills += 1
            return None
        assert process.returncode == 0, process.returncode
        return str(said)

    def _await_starts(self, process: subprocess.Popen[str], count: int) -> None:
        while process.poll() is None and len(self.starts()) < count:
            time.sleep(0.002)

    def check_result(self, said: str | None) -> None:
        """Compare the result with that of an unbroken run."""
        assert said is not None
        assert json.loads(said.splitlines()[-1]) == ["Success", killed_flow.EXPECTED]

    def check_starts(self) -> None:
        """Check that nothing was started after it was recorded, and nothing is missing."""
        (summary,) = FolderJournal(self.journal).runs()
        records = FolderJournal(self.journal).read(summary.header.run).records
        ended = {
            (r.address[-1].slug.removesuffix("-1"), *r.address[-1][1:], r.run_count): r.at
            for r in records
            if r.attempted and r.state in FINISHED
        }
        loops = {key[:3] for key in ended if key[0] == "grow"}
        assert len(loops) == killed_flow.ITERATIONS
        late = [start for start in self.starts() if start[4] > ended[tuple(start[:4])]]
        assert not late, f"started after they were recorded: {late}"

    def starts(self) -> list[Sequence[Any]]:
        """List the starts of attempts: task, index, iteration, attempt, time."""
        if not self.trace.exists():
            return []
        lines = self.trace.read_text().split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def again(self) -> dict[tuple[Any, ...], int]:
        """Count the attempts that were started more than once."""
        counts = Counter(tuple(start[:4]) for start in self.starts())
        return {attempt: count - 1 for attempt, count in counts.items() if count > 1}


@contextlib.contextmanager
def started(program: Path, *arguments: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a program in a session of its own, and end whatever is left of it."""
    process = subprocess.Popen(
        [sys.executable, str(program), *arguments],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **more,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
