"""Measure what it costs to show in a terminal how a run goes, beside the same run without.

python ci/bench/terminal.py [--quick] [--only 1,2]

  1  100 loops of 20 iterations, each a future of its own
  2  a map of 20,000 trivial tasks, batch="auto"
  3  2,000 loops of 10 trivial iterations, batch="auto"
  4  one frame of a run with 10,000 children under way, and one event heard: milliseconds of CPU

1 to 3 are run in turns on one cluster of two processes, with stdout and stderr on a terminal of
80x24 that another process reads: with the setting daskloop.progress as it is ("daskloop" in the
table), and with it false ("by hand"). Below each: the CPU time of the threads that hear of the run
and draw it, in percent of the time that the run took; other work on the machine disturbs it least.

Prints a table. A run without --quick writes every figure of what it measured to
docs/performance/raw-terminal.json, and leaves what it did not measure there as it is.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dask
import looping
from distributed import Client
from measuring import Figure, Row, command_line, in_turns, sample, settle

from daskloop.events import AttemptsSent, IterationEnded, MapOpened
from daskloop.executors.local_cluster import start_processes
from daskloop.keys import Place
from daskloop.report.run_tally import RunTally
from daskloop.run.announcer import Announcer
from daskloop.terminal.glance import Glances
from daskloop.terminal.layout import frame, room
from daskloop.terminal.live import LiveView, _console, _styled

_HERE = Path(__file__).resolve().parent
_BUSY = 2.0  # load above which figures of two cores say little
_RAW = _HERE.parents[1] / "docs" / "performance" / "raw-terminal.json"
_GOAL = 1.05  # of the time without


@contextmanager
def on_a_terminal() -> Iterator[None]:
    """Have stdout and stderr of this process be a terminal that somebody reads."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    reader = subprocess.Popen(["cat"], stdin=master, stdout=subprocess.DEVNULL)
    os.close(master)
    kept = os.dup(1), os.dup(2)
    sys.stdout.flush()
    os.dup2(slave, 1)
    os.dup2(slave, 2)
    os.close(slave)
    try:
        yield
    finally:
        for number, saved in zip((1, 2), kept, strict=True):
            os.dup2(saved, number)
            os.close(saved)
        reader.kill()
        reader.wait()


@contextmanager
def clocked_threads() -> Iterator[list[float]]:
    """Collect the CPU seconds of the threads that hear and draw, as each ends."""
    spent: list[float] = []

    def clocked(work: Callable[..., None]) -> Callable[..., None]:
        def worked(*given: Any) -> None:
            try:
                work(*given)
            finally:
                spent.append(time.thread_time())

        return worked

    kept = LiveView._work, Announcer._pass_on
    LiveView._work, Announcer._pass_on = map(clocked, kept)  # type: ignore[method-assign]
    try:
        yield spent
    finally:
        LiveView._work, Announcer._pass_on = kept  # type: ignore[method-assign]


def measured(what: str, flow: Any, amount: int, repeats: int, **options: Any) -> Iterator[Row]:
    """Run a flow with and without being shown."""
    cluster = start_processes(2)
    try:
        with Client(cluster.scheduler_address) as client:

            def run(progress: bool | None) -> None:
                with dask.config.set({"daskloop.progress": progress}):
                    flow.run(executor=client, **options).raise_if_failed()

            shares: list[float] = []

            def run_shown() -> None:
                began = time.monotonic()
                with clocked_threads() as spent:
                    run(None)
                shares.append(100 * sum(spent) / (time.monotonic() - began))

            ways: dict[str, Callable[[], object]] = {
                "shown": run_shown,
                "not shown": partial(run, False),
            }
            with on_a_terminal():
                shown, bare = in_turns(
                    ways,
                    unit="ms",
                    amount=amount,
                    repeats=repeats,
                    between=partial(settle, client),
                )
        yield compared(what, shown, bare)
        share = Figure("threads", "%", [sample(one) for one in shares[1:]])
        yield Row("  its threads", "this process", share, "1 %", share.median <= 1)
    finally:
        cluster.close()


def compared(what: str, shown: Figure, bare: Figure) -> Row:
    """Put both into a row; the goal is about CPU, which other work on the machine disturbs less."""
    ratio = shown.median / bare.median
    cpu = (shown.cpu or 0.0) / (bare.cpu or 1.0)
    return Row(what, "processes", shown, "CPU within 5 %", cpu <= _GOAL, bare, ratio)


def loops(quick: bool) -> Iterator[Row]:
    """Loops as they are by default."""
    count = 10 if quick else 100
    seeds = list(range(count))
    yield from measured(
        f"{count} loops of 20, a future each",
        looping.loops_flow,
        count * 20,
        1 if quick else 3,
        seeds=seeds,
        iterations=20,
    )


def wide_map(quick: bool) -> Iterator[Row]:
    """Tiny tasks, many in a future."""
    width = 1_000 if quick else 20_000
    yield from measured(
        f"map of {width:,}, batch=auto",
        looping.map_flow,
        width,
        1 if quick else 3,
        xs=list(range(width)),
        batch="auto",
    )


def many_loops(quick: bool) -> Iterator[Row]:
    """Tiny iterations, many in a future."""
    count = 100 if quick else 2_000
    yield from measured(
        f"{count:,} loops of 10, batch=auto",
        looping.loops_flow,
        count * 10,
        1 if quick else 3,
        seeds=list(range(count)),
        iterations=10,
        batch="auto",
    )


def pieces(quick: bool) -> Iterator[Row]:
    """What one frame and one event take by themselves."""
    children = 1_000 if quick else 10_000
    tally = RunTally("quiet-heron-7f3a9c12")
    places = [(Place("m-1", child, 1),) for child in range(children)]
    tally.hear(MapOpened("r", 0.0, "m-1", "m", children))
    tally.hear(AttemptsSent("r", 0.0, places))
    heard = [IterationEnded("r", 1.0, place, "m", "a message", "w", 0.1) for place in places]
    yield alone("one iteration heard", _clocked(lambda: [*map(tally.hear, heard)], children), 0.05)
    glances, given = Glances(tally), room(80, 24, 1)
    from rich.live import Live

    with Live(console=_console(io.StringIO()), auto_refresh=False) as live:

        def draw() -> None:
            lines = frame(glances.take(given.tasks, given.children), given, 24, "Ctrl-C: stop")
            live.update(_styled(lines), refresh=True)

        yield alone(f"one frame, {children:,} children under way", _clocked(draw, 1), 20.0)


def _clocked(piece: Callable[[], object], amount: int) -> Figure:
    piece()
    samples = []
    for _ in range(9):
        began = time.thread_time()
        piece()
        samples.append(sample((time.thread_time() - began) / amount * 1000))
    return Figure("alone", "ms", samples)


def alone(what: str, found: Figure, most: float) -> Row:
    """Put what was measured alone into a row."""
    return Row(what, "this process", found, f"{most:g} ms", found.median <= most)


if __name__ == "__main__":
    command_line(__doc__, {"1": loops, "2": wide_map, "3": many_loops, "4": pieces}, _RAW, _BUSY)
