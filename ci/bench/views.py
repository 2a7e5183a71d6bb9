"""Measure what all views of a run cost together, beside the same run that nobody looks at.

python ci/bench/views.py [--quick]

100 loops of 20 iterations, each a future of its own, in turns on one cluster of two processes with
a dashboard. Looked at: drawn on a terminal of 80x24 that another process reads, a page about it
(report=), a webhook on this machine told of it (notify=), and the page Loops of Dask's dashboard
fetched twice a second while it runs. Not looked at: none of these.

Prints a table. A run without --quick writes every figure to docs/performance/raw-views.json.
"""

from __future__ import annotations

import http.server
import os
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dask
import looping
from distributed import Client, LocalCluster
from measuring import Row, command_line, in_turns, settle
from terminal import on_a_terminal

from daskloop.notify import Webhook

_RAW = Path(__file__).resolve().parents[2] / "docs" / "performance" / "raw-views.json"
_GOAL = 1.05  # of the time without
_HERE = "127.0.0.1:0"


class _Taker(http.server.BaseHTTPRequestHandler):
    """Takes what is posted."""

    def do_POST(self) -> None:
        """Answer that it is well."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def webhook() -> Iterator[str]:
    """Serve on this machine; gives the URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Taker)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def looked_at(address: str) -> Iterator[None]:
    """Fetch a page of the dashboard twice a second."""
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            with urllib.request.urlopen(address, timeout=20) as answer:
                answer.read()
            over.wait(0.5)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def all_views(quick: bool) -> Iterator[Row]:
    """Compare a run with all views and one with none."""
    count = 10 if quick else 100
    given = {"seeds": list(range(count)), "iterations": 20}
    with (
        tempfile.TemporaryDirectory() as folder,
        webhook() as url,
        LocalCluster(
            n_workers=2,
            threads_per_worker=2,
            dashboard_address=_HERE,
            worker_dashboard_address=_HERE,
        ) as cluster,
        Client(cluster) as client,
    ):
        page = f"{client.dashboard_link.rsplit('/', 1)[0]}/loops"
        report = os.path.join(folder, "run.html")

        def run(**options: Any) -> None:
            looping.loops_flow.run(executor=client, **given, **options).raise_if_failed()

        def shown() -> None:
            with dask.config.set({"daskloop.progress": None}), looked_at(page):
                run(report=report, notify=[Webhook(url)])

        def bare() -> None:
            with dask.config.set({"daskloop.progress": False, "daskloop.dashboard": False}):
                run()

        ways: dict[str, Callable[[], object]] = {"all views": shown, "none": bare}
        with on_a_terminal():
            with_all, with_none = in_turns(
                ways,
                unit="ms",
                amount=count * 20,
                repeats=1 if quick else 9,
                between=partial(settle, client),
            )
    ratio = with_all.median / with_none.median
    what = f"{count} loops of 20, all views / none"
    yield Row(what, "processes", with_all, "within 5 %", ratio <= _GOAL, with_none, ratio)


if __name__ == "__main__":
    command_line(__doc__, {"1": all_views}, _RAW, busy=2.5)
