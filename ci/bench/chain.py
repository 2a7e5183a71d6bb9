"""Compare daskloop with Dask driven by hand, side by side in one run.

python ci/bench/chain.py [--quick] [--only 1,2]

  1  one loop, against a blocking chain of `client.submit(...).result()`
  2  100 loops of 20 iterations, against an `as_completed` driver
  3  a map of 2,000, against `client.map` and `client.gather`
  4  bytes sent for each child of a map, by its width
  5  a loop that carries 50 MB, on two processes, and the memory of the client
  6  64 children that fail once and wait 1 s for their retry, on two slots

Prints a table. A run without --quick writes every figure of what it measured to
docs/performance/raw-chain.json, and leaves what it did not measure there as it is.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import looping
import raw_dask
from distributed import Client, LocalCluster
from measuring import Figure, Row, command_line, in_turns, sample, settle
from memory import local_processes
from retrying import seconds_of_retries
from wire import bytes_per_child, order_bytes

_HERE = Path(__file__).resolve().parent
_RAW = _HERE.parents[1] / "docs" / "performance" / "raw-chain.json"
_KINDS = ("threads", "processes")
_QUIET = 1.0  # load above which the figures of a machine with two cores say little

Way = Callable[[Client], object]


@contextmanager
def connected(kind: str) -> Iterator[Client]:
    """Start a cluster on loopback, connect to it, and close both in the end."""
    if kind == "processes":
        cluster = local_processes()
    else:
        cluster = LocalCluster(
            n_workers=1,
            threads_per_worker=4,
            processes=False,
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
        )
    with cluster, Client(cluster) as client:
        yield client


def beside(kind: str, unit: str, amount: int, repeats: int, raw: Way, ours: Way) -> list[Figure]:
    """Measure the way by hand and ours in turns, on one and the same client."""
    with connected(kind) as client:
        return in_turns(
            {"by hand": partial(raw, client), "daskloop": partial(ours, client)},
            unit=unit,
            amount=amount,
            repeats=repeats,
            between=partial(settle, client),
        )


def one_loop(quick: bool) -> Iterator[Row]:
    """Measure the time of one iteration of one loop."""
    count, repeats = (60, 2) if quick else (300, 7)
    for kind in _KINDS:
        raw, ours = beside(
            kind,
            "ms",
            count,
            repeats,
            lambda client: raw_dask.blocking_chain(client, count),
            lambda client: looping.chain(client, count),
        )
        ratio = ours.median / raw.median
        what = f"1. one loop of {count}, per iteration"
        yield Row(what, kind, ours, "ratio <= 1.15", ratio <= 1.15, raw, ratio)


def many_loops(quick: bool) -> Iterator[Row]:
    """Measure the iterations per second of many loops at once."""
    loops, count, repeats = (40, 5, 2) if quick else (100, 20, 7)
    for kind in _KINDS:
        raw, ours = beside(
            kind,
            "/s",
            loops * count,
            repeats,
            lambda client: raw_dask.completed_loops(client, loops, count),
            lambda client: looping.loops(client, loops, count),
        )
        ratio = ours.median / raw.median
        what = f"2. {loops} loops of {count}, iterations"
        yield Row(what, kind, ours, "ratio >= 1.0", ratio >= 1.0, raw, ratio)


def wide_map(quick: bool) -> Iterator[Row]:
    """Measure the tasks per second of a map."""
    width, repeats = (300, 2) if quick else (2000, 7)
    for kind in _KINDS:
        raw, ours = beside(
            kind,
            "/s",
            width,
            repeats,
            lambda client: raw_dask.map_and_gather(client, width),
            lambda client: looping.wide_map(client, width),
        )
        ratio = ours.median / raw.median
        what = f"3. a map of {width}, tasks"
        yield Row(what, kind, ours, "ratio >= 0.8", ratio >= 0.8, raw, ratio)


def bytes_sent(quick: bool) -> Iterator[Row]:
    """Measure what travels from the client to the scheduler for each child of a map."""
    widths, repeats = ((100, 400), 1) if quick else ((100, 1000, 4000), 3)
    orders: dict[int, Figure] = {}
    wire: dict[tuple[str, int], Figure] = {}
    with connected("processes") as client:
        ways = {"by hand": raw_dask.map_and_gather, "daskloop": looping.wide_map}
        for width in widths:
            own = order_bytes(partial(looping.wide_map, client), width)
            orders[width] = Figure("daskloop", "bytes", [sample(own)])
            for name, way in ways.items():
                found = []
                for _ in range(repeats):
                    settle(client)
                    found.append(sample(bytes_per_child(client, partial(way, client), width)))
                wire[name, width] = Figure(name, "bytes", found)
    for width in widths:
        grows = orders[width].median - orders[widths[0]].median
        # The digits of a child's number are in its key, its name and its value.
        yield Row(
            f"4. order of each child of {width}", "processes", orders[width], "same", grows < 32
        )
    for width in widths:
        ours, raw = wire["daskloop", width], wire["by hand", width]
        ratio = ours.median / raw.median
        # With all that is shared, which travels once for each submission of several children.
        what = f"4. on the wire for each child of {width}"
        least = wire["daskloop", widths[-2]].median
        met = width != widths[-1] or ours.median < 1.25 * least
        yield Row(what, "processes", ours, "levels off", met, raw, ratio)


def large_payload(quick: bool) -> Iterator[Row]:
    """Measure a loop that carries an array, each time in a fresh process."""
    count, repeats = (8, 1) if quick else (30, 3)
    for executor in ("processes", "client"):
        found = []
        for _ in range(repeats):
            program = [sys.executable, str(_HERE / "memory.py"), executor, "50", str(count)]
            ended = subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True)
            found.append(json.loads(ended.stdout.splitlines()[-1]))
        where = "executor='processes'" if executor == "processes" else "Client of 2 processes"
        for what, name, unit, goal in (
            ("per iteration", "seconds_per_iteration", "s", 0.150),
            ("client grew by, at its peak", "peak_mb", "MB", 40.0),
            ("client grew by, in the end", "end_mb", "MB", 40.0),
        ):
            figure = Figure("daskloop", unit, [sample(one[name]) for one in found])
            text = f"5. 50 MB over {count} iterations, {what}"
            yield Row(text, where, figure, f"< {goal:g} {unit}", figure.median < goal)


def retries(quick: bool) -> Iterator[Row]:
    """Measure how long many retries take that all wait at once."""
    for kind in _KINDS:
        seconds = [sample(seconds_of_retries(kind, 64)) for _ in range(1 if quick else 5)]
        figure = Figure("daskloop", "s", seconds)
        what = "6. 64 children fail once, wait 1 s"
        yield Row(what, f"{kind}, 2 slots", figure, "< 1.8 s", figure.median < 1.8)


_MEASUREMENTS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "1": one_loop,
    "2": many_loops,
    "3": wide_map,
    "4": bytes_sent,
    "5": large_payload,
    "6": retries,
}


if __name__ == "__main__":
    command_line(__doc__, _MEASUREMENTS, _RAW, _QUIET * 2)
