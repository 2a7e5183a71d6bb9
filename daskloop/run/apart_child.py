"""The process in which attempts with a timeout are made, one after the other.

Its main thread takes a request, executes it as a worker would, and sends back an envelope. The
worker is told when the function is called and when it has ended: only that is limited.
"""

from __future__ import annotations

import contextlib
import contextvars
import io
import os
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import msgpack

from daskloop.events import LogLine
from daskloop.record.last_words import LastWords
from daskloop.record.store import open_store
from daskloop.run.apart_outfit import put_on
from daskloop.run.apart_wire import ANSWER, BEGUN, BEGUN_ASK, ENDED, LOGGED, Request, unpack_request
from daskloop.run.attempt import load
from daskloop.run.attempt_log import LogOrder, line_to_wire
from daskloop.run.body import call, too_long
from daskloop.run.envelope import Entry, Envelope, encode_envelope
from daskloop.run.inputs import Inputs
from daskloop.run.log_book import LogBook
from daskloop.run.order import Attempt, Shared, unpack_own, unpack_shared
from daskloop.run.outcome import Judge, outcome_of
from daskloop.run.share import Bench, Clock, execute_here
from daskloop.run.unopened import broken, hopeless

__all__ = ["serve"]


def serve(line: Connection) -> None:
    """Make attempts until the worker is gone.

    Parameters
    ----------
    line : Connection
        To the worker.
    """
    _keep_nothing_back()
    kept: dict[int, _Kept] = {}
    while True:
        try:
            request = unpack_request(line.recv_bytes())
            if request.shared is not None:
                kept[request.slot] = _Kept(unpack_shared(request.shared))
            # A copy for each: no attempt sees what another has set.
            entry = contextvars.copy_context().run(_entry, kept[request.slot], request, line)
            _send(line, ANSWER + entry)
        except (EOFError, ConnectionError):
            return


def _keep_nothing_back() -> None:
    """Write what user code prints at each line: whatever waits is lost with a killed process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(line_buffering=True)


class _Kept:
    """What all attempts of a task share, as far as it can be opened once."""

    def __init__(self, order: Shared) -> None:
        self.order = order
        self.store = open_store(order.store, order.durable, order.verify) if order.store else None
        self.inputs = Inputs(order.inputs, self.store)


def _entry(kept: _Kept, request: Request, line: Connection) -> bytes:
    if request.change is not None:
        put_on(request.change)
    if kept.order.claims is not None:
        # In the worker's name: the worker ends as this process does.
        LastWords(kept.order.claims).listen(request.who)
    (mine,) = unpack_own(request.own).attempts
    try:
        if request.late is None:
            entry = _made(kept, mine, request.worker, line)
        else:
            entry = _judged_late(kept, mine, request.worker, request.late)
    # Whatever user objects raise while their outcome is put into words.
    except BaseException as error:
        entry = hopeless(request.worker, error)
    return encode_envelope(Envelope(0.0, [(mine.child, entry)]))


def _made(kept: _Kept, mine: Attempt, worker: str, line: Connection) -> Entry:
    bench = Bench(
        kept.order,
        worker,
        kept.store,
        partial(load, kept.order, kept.store),
        kept.inputs,
        (),
        Clock(0.0, 0.0, 1),
        execute_here,
        partial(_call, kept, line),
        open_book=partial(_SentBook, line),
    )
    return execute_here(bench, mine, Inputs(mine.inputs, kept.store, kept.inputs))


_sending = threading.Lock()


def _send(line: Connection, message: bytes) -> None:
    """Send a message whole, whatever other threads of the attempt log meanwhile."""
    with _sending:
        line.send_bytes(message)


class _SentBook(LogBook):
    """Sends each line to the worker at once, who keeps it though this process is killed."""

    def __init__(self, line: Connection, order: LogOrder) -> None:
        super().__init__(order)
        self._line = line
        self._process = os.getpid()

    def _write(self, line: LogLine) -> None:
        if os.getpid() == self._process:  # else a fork of this process logs
            _send(
                self._line,
                LOGGED + msgpack.packb(line_to_wire(line), unicode_errors="surrogatepass"),
            )


def _call(
    kept: _Kept,
    line: Connection,
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    timeout: float | None,
    full_name: Callable[[], str],
) -> Any:
    """Call a function, and tell the worker, whose clock it is, when it begins and has ended."""
    process = os.getpid()
    _, retry_on, retry_if = load(kept.order, kept.store)
    _send(line, BEGUN if retry_on is None and retry_if is None else BEGUN_ASK)
    try:
        return call(function, arguments, None, full_name)
    finally:
        if os.getpid() == process:  # else a fork of this process has come here too
            _send(line, ENDED)


def _judged_late(kept: _Kept, mine: Attempt, worker: str, started: float) -> Entry:
    """Make the entry of an attempt that was stopped: its retry predicates are user code as well."""
    judge = Judge(kept.order, mine, worker, kept.store)
    error = too_long(judge.name(), kept.order.timeout or 0.0)
    try:
        _, retry_on, retry_if = load(kept.order, kept.store)
    # What could be opened a moment ago may be gone now.
    except BaseException as trouble:
        return broken(judge, trouble, "the function")
    return outcome_of(judge, error, started, retry_on, retry_if)
