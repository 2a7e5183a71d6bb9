"""Let each child of a map fail once and wait for its retry: does waiting take slots?"""

from __future__ import annotations

import os
import tempfile
import time

import daskloop
from daskloop import Flow, Parameter, task, unmapped

__all__ = ["seconds_of_retries"]


@task(max_retries=1, retry_delay=1.0)
def fail_once(x: int, diary: str) -> int:
    """Fail in the first attempt, and write down when each attempt began and ended."""
    began = time.time()
    first = daskloop.context.task_run_count == 1
    # Opened to append: one write each, whole whatever other processes write.
    descriptor = os.open(diary, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, f"{began!r} {time.time()!r}\n".encode())
    finally:
        os.close(descriptor)
    if first:
        raise ConnectionError("the first attempt fails")
    return x


with Flow("fail-once") as flow:
    done = fail_once.map(Parameter("xs"), unmapped(Parameter("diary")))


def seconds_of_retries(executor: str, children: int) -> float:
    """Return the time from the first attempt's start to the last one's end, on two slots."""
    with tempfile.NamedTemporaryFile("r") as diary:
        state = flow.run(xs=list(range(children)), diary=diary.name, executor=executor, workers=2)
        state.raise_if_failed()
        assert state.result[done].result == list(range(children))
        rows = [tuple(map(float, line.split())) for line in diary]
    assert len(rows) == 2 * children
    return max(end for _, end in rows) - min(start for start, _ in rows)
