"""Start a process so that it, and all that it starts, can be ended by their process ids.

What is started inherits a mark in its environment, and a session of its own. Daemons that leave
their parent and their process group keep one of them, so they are found where the system tells of
both (Linux); elsewhere the process group is ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["MARK", "STARTED", "end_all", "start", "started_by"]

MARK = "DASKLOOP_BENCH_MARK"
STARTED = "DASKLOOP_BENCH_STARTED"
"""Tells a process when it was started, in seconds since the epoch."""
_PATIENCE = 3.0  # seconds between asking a process to end and ending it


def start(
    command: Sequence[str], mark: str = "", env: Mapping[str, str] | None = None, **options: Any
) -> tuple[subprocess.Popen[str], str]:
    """Start a command in a session of its own, and return it with its mark."""
    mark = f"{mark}/{uuid.uuid4().hex}"
    environment = {**os.environ, **(env or {}), MARK: mark, STARTED: repr(time.time())}
    process = subprocess.Popen(
        list(command), env=environment, start_new_session=True, text=True, **options
    )
    return process, mark


def started_by(process: subprocess.Popen[str], mark: str) -> list[int]:
    """Find the processes that live and that `start` started, or that those started.

    They carry the mark, or are of the session, or descend from such a one: a process that gives
    itself a title may have written it over its environment.
    """
    if sys.platform != "linux":
        return []
    parents: dict[int, int] = {}
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        # Gone meanwhile, or of another user: not ours in either case.
        with contextlib.suppress(OSError):
            pid = int(folder.name)
            status, parent, _, session = (
                (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            )
            if status == "Z":
                continue
            parents[pid] = int(parent)
            wanted = f"{MARK}={mark}".encode()
            if int(session) == process.pid or wanted in (folder / "environ").read_bytes():
                found.add(pid)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {os.getpid()})


def end_all(process: subprocess.Popen[str], mark: str) -> int:
    """End a process that `start` started with all that it started; return how many there were."""
    left = started_by(process, mark)
    count = len(left)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if not left and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        left = _still_there(process, mark, _PATIENCE)
    process.wait()
    return count


def _still_there(process: subprocess.Popen[str], mark: str, patience: float) -> list[int]:
    deadline = time.monotonic() + patience
    while left := started_by(process, mark):
        process.poll()  # or it stays a zombie
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return left
