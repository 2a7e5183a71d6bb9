"""Measure what the views of a run cost, each and together, beside a run that nobody looks at.

python ci/bench/views.py [--quick] [--only 1,2,3,4]

  1  all views together: drawn on a terminal of 80x24 that another process reads, a page about it
     (report=), a webhook on this machine told of it (notify=), and the page Loops of Dask's
     dashboard fetched twice a second while it runs
  2  the same, and the page Loops held open by its websocket as well, as a browser does
  3  each view alone
  4  the CPU time of each view's own work in runs with all of them, as 2: clocked on its thread, so
     other work on the machine disturbs it least; beside the CPU time of the whole run in turns with
     it, without any view

100 loops of 20 iterations, each a future of its own, in turns on one cluster of two processes with
a dashboard, whose scheduler lives in this process. Who looks from elsewhere is a process of its own
(onlooker.py), as a browser is one; its CPU time counts all the same. Not looked at: none of these,
and with the settings daskloop.progress and daskloop.dashboard false.

Prints a table. A run without --quick writes every figure to docs/performance/raw-views.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import dask
import looping
from distributed import Client, LocalCluster
from measuring import Figure, Row, command_line, in_turns, sample, settle
from terminal import on_a_terminal

from daskloop.dashboard.entrance import _Entrance
from daskloop.dashboard.page import LoopsPage
from daskloop.flow.page_writer import PageWriter
from daskloop.notify import Webhook
from daskloop.notify.delivery import Delivery
from daskloop.run.announcer import Announcer
from daskloop.run.showing import Showing
from daskloop.terminal.live import LiveView

_HERE = Path(__file__).resolve().parent
_RAW = _HERE.parents[1] / "docs" / "performance" / "raw-views.json"
_GOAL = 1.05  # of what it takes without
_ADDRESS = "127.0.0.1:0"


class Onlooker:
    """Somebody elsewhere."""

    def __init__(self) -> None:
        command = [sys.executable, str(_HERE / "onlooker.py")]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = self._answer()
        """Of the webhook."""

    def tell(self, line: str) -> dict[str, int]:
        """Say what to do; returns what was received since the last word."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        found: dict[str, int] = json.loads(self._answer())
        return found

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError("who looks from elsewhere has ended")
        return line

    def close(self) -> None:
        """Let it end."""
        self._process.communicate(timeout=30)


class Scene(NamedTuple):
    """Where runs are looked at."""

    client: Client
    onlooker: Onlooker
    folder: str

    @property
    def page(self) -> str:
        """The address of the page Loops."""
        return f"{self.client.dashboard_link.rsplit('/', 1)[0]}/loops"

    def run(
        self,
        count: int,
        *,
        terminal: bool = False,
        report: bool = False,
        notify: bool = False,
        dashboard: bool = False,
        page: tuple[str, ...] = (),
    ) -> None:
        """Run the loops, looked at in these ways, and check that they were."""
        options: dict[str, Any] = {}
        path = os.path.join(self.folder, "run.html")
        if report:
            options["report"] = path
        if notify:
            options["notify"] = [Webhook(self.onlooker.url)]
        for word in page:
            self.onlooker.tell(f"{word} {self.page}")
        progress = None if terminal else False
        shown = None if dashboard or page else False
        with dask.config.set({"daskloop.progress": progress, "daskloop.dashboard": shown}):
            seeds = list(range(count))
            given = {"seeds": seeds, "iterations": 20, "executor": self.client}
            looping.loops_flow.run(**given, **options).raise_if_failed()
        found = self.onlooker.tell("rest")
        assert found["messages"] == notify, found
        assert (found["pages"] > 0) == ("fetch" in page), found
        assert not report or os.path.exists(path)


@contextmanager
def scene() -> Iterator[Scene]:
    """Have a cluster, a terminal, a folder and somebody elsewhere."""
    onlooker = Onlooker()
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            LocalCluster(
                n_workers=2,
                threads_per_worker=2,
                dashboard_address=_ADDRESS,
                worker_dashboard_address=_ADDRESS,
            ) as cluster,
            Client(cluster) as client,
            on_a_terminal(),
        ):
            found = Scene(client, onlooker, folder)
            found.run(1, dashboard=True)  # puts the page there
            yield found
    finally:
        onlooker.close()


_ALL: Mapping[str, Any] = {"terminal": True, "report": True, "notify": True, "page": ("fetch",)}
_ALONE: Mapping[str, Mapping[str, Any]] = {
    "terminal": {"terminal": True},
    "report=": {"report": True},
    "notify=": {"notify": True},
    "dashboard, nobody looks": {"dashboard": True},
    "dashboard, page fetched": {"page": ("fetch",)},
    "dashboard, page open": {"page": ("open",)},
}


def compared(quick: bool, ways: Mapping[str, Mapping[str, Any]], repeats: int) -> Iterator[Row]:
    """Compare runs that are looked at in some ways with one that is not."""
    count = 10 if quick else 100
    with scene() as here:
        calls: dict[str, Callable[[], object]] = {
            name: partial(here.run, count, **how) for name, how in {"none": {}, **ways}.items()
        }
        bare, *looked_at = in_turns(
            calls,
            unit="ms",
            amount=count * 20,
            repeats=1 if quick else repeats,
            between=partial(settle, here.client),
        )
    for one in looked_at:
        yield row(f"{count} loops of 20, {one.name} / none", one, bare)


def row(what: str, ours: Figure, bare: Figure) -> Row:
    """Put both into a row; the ratio is the middle of those of neighbours.

    What a machine does besides comes and goes within a minute, by more than views cost; two runs
    that follow each other have much of it in common.
    """
    pairs = zip(ours.samples, bare.samples, strict=True)
    ratio = median(one.value / other.value for one, other in pairs)
    return Row(what, "processes", ours, "within 5 %", ratio <= _GOAL, bare, ratio)


def all_views(quick: bool) -> Iterator[Row]:
    """Look in all ways."""
    yield from compared(quick, {"all views": _ALL}, 25)


def all_open(quick: bool) -> Iterator[Row]:
    """Look in all ways, and have the page open besides."""
    ways = {"all views and the page open": {**_ALL, "page": ("fetch", "open")}}
    yield from compared(quick, ways, 15)


def alone(quick: bool) -> Iterator[Row]:
    """Look in one way at a time."""
    yield from compared(quick, _ALONE, 9)


_WORK: Mapping[str, tuple[type, str]] = {
    "events told to listeners": (Announcer, "_pass_on"),
    "terminal drawn": (LiveView, "_work"),
    "page of the run made (report=)": (PageWriter, "__call__"),
    "webhook": (Delivery, "_work"),
    "dashboard told": (Showing, "_work"),
    "pages Loops answered": (_Entrance, "get"),
    "page Loops made": (LoopsPage, "__init__"),
    "page Loops drawn": (LoopsPage, "update"),
}
"""What a view does, by where it does it; none of these is within another."""


@contextmanager
def clocked() -> Iterator[Counter[str]]:
    """Add up the CPU seconds of what views do; `_Entrance.get` never waits in between."""
    spent: Counter[str] = Counter()

    def clocking(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        if name == "pages Loops answered":

            @wraps(work)
            async def answered(*given: Any) -> None:
                began = time.thread_time()
                await work(*given)
                spent[name] += time.thread_time() - began

            return answered

        @wraps(work)
        def worked(*given: Any) -> Any:
            began = time.thread_time()
            try:
                return work(*given)
            finally:
                spent[name] += time.thread_time() - began

        return worked

    kept = {name: getattr(*where) for name, where in _WORK.items()}
    for name, where in _WORK.items():
        setattr(*where, clocking(name, kept[name]))
    try:
        yield spent
    finally:
        for name, where in _WORK.items():
            setattr(*where, kept[name])


def own_work(quick: bool) -> Iterator[Row]:
    """Clock what each view does."""
    count, found = 10 if quick else 100, dict[str, list[float]]()
    with clocked() as spent, scene() as here:

        def looked_at() -> None:
            spent.clear()
            here.run(count, **{**_ALL, "page": ("fetch", "open")})
            for name in _WORK:
                found.setdefault(name, []).append(1000 * spent[name])

        ways: dict[str, Callable[[], object]] = {"none": partial(here.run, count), "all": looked_at}
        between = partial(settle, here.client)
        bare, _ = in_turns(ways, unit="ms", amount=1, repeats=1 if quick else 5, between=between)
    whole = Figure("CPU of a run", "ms", [sample(one.cpu or 0.0) for one in bare.samples])
    for name, values in found.items():
        ours = Figure(name, "ms", [sample(one) for one in values[1:]])
        ratio = ours.median / whole.median
        yield Row(
            f"{count} loops of 20, {name}", "this process", ours, "stated", True, whole, ratio
        )


if __name__ == "__main__":
    measured = {"1": all_views, "2": all_open, "3": alone, "4": own_work}
    command_line(__doc__, measured, _RAW, busy=2.5)
