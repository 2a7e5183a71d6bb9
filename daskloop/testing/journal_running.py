"""Promises of a journal about its runs: names, one driver at a time, how each stands."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from daskloop.errors import RunLocked
from daskloop.record.entries import Header, Status
from daskloop.testing.journal_bench import RUN, Bench, hold, looped, refuses, same
from daskloop.testing.journal_samples import header

__all__ = ["RUNNING"]


def _epochs(bench: Bench) -> None:
    """The epoch is 1 at first, and grows with each resume."""
    ledger = bench.begin()
    hold(ledger.epoch == 1, f"begin() gives epoch {ledger.epoch}")
    for epoch in (2, 3, 4):
        ledger.close()
        past, ledger = bench.resume()
        hold(ledger.epoch == epoch, f"resume gives epoch {ledger.epoch}, not {epoch}")
        hold(past.summary.epoch == epoch - 1, f"the past has epoch {past.summary.epoch}")
    hold(bench.journal.read(RUN).summary.epoch == 4, "read() does not know the epoch")


def _taken(bench: Bench) -> None:
    """A name that is taken is refused, and the run of that name is not harmed."""
    for _ in ("under way", "ended"):
        if not bench.journal.runs():
            ledger = bench.begin()
            ledger.commit([looped(1)], ())
        refuses(lambda: bench.journal.begin(header(RUN)), "begin() with a name taken", RUN)
        same(bench.journal.read(RUN).records, (looped(1),), "the records of the first run")
        ledger.close()


def _second_owner(bench: Bench) -> None:
    """A second driver is refused at once, with process and host, and the first goes on."""
    ledger = bench.begin()
    for _ in ("begun", "resumed"):
        started = time.monotonic()
        error = refuses(lambda: bench.journal.resume(RUN), "a second resume()", str(os.getpid()))
        hold(isinstance(error, RunLocked), f"a second resume() raises {type(error).__name__}")
        took = time.monotonic() - started
        hold(took < 1, f"the refusal took {took:.1f} s")
        hold(os.uname().nodename in str(error), f"the refusal does not name the host: {error}")
        ledger.commit([looped(1)], ())
        ledger.close()
        _, ledger = bench.resume()
    hold(len(bench.journal.read(RUN).records) == 2, "a commit of the first driver was lost")


def _let_go(bench: Bench) -> None:
    """A ledger that was closed writes no more, and may be closed again."""
    old = bench.begin()
    old.commit([looped(1)], ())
    old.close()
    old.close()
    for _ in ("alone", "while another has the run"):
        refuses(lambda: old.commit([looped(2)], ()), "commit() of a closed ledger")
        refuses(lambda: old.finish("success", ""), "finish() of a closed ledger")
        if bench.journal.read(RUN).summary.epoch == 1:
            bench.resume()
    same(bench.journal.read(RUN).records, (looped(1),), "the records")
    old.close()
    refuses(lambda: bench.journal.resume(RUN), "resume(), after the old ledger closed once more,")


def _status(bench: Bench) -> None:
    """The status says whether a run is under way, was interrupted, or how it ended."""
    ledger = bench.begin()
    ledger.commit([looped(1)], ())
    hold(bench.summary().status == "running", f"begun, it is {bench.summary().status!r}")
    hold(bench.journal.read(RUN).summary.status == "running", "read() says something else")
    ledger.close()
    ends: tuple[Status, ...] = ("success", "failed", "stopped")
    for status in ends:
        hold(bench.summary().status == "interrupted", f"let go, it is {bench.summary().status!r}")
        past, ledger = bench.resume()
        hold(past.summary.status == "interrupted", f"the past is {past.summary.status!r}")
        ledger.finish(status, f"it is {status} 🐝")
        ledger.close()
        for found in (bench.summary(), bench.journal.read(RUN).summary):
            said = (found.status, found.message)
            hold(said == (status, f"it is {status} 🐝"), f"finished as {status}, it is {said}")
        past, ledger = bench.resume()
        hold(past.summary.status == status, f"resumed, its past is {past.summary.status!r}")
        hold(bench.summary().status == "running", f"resumed, it is {bench.summary().status!r}")
        ledger.close()
        hold(bench.summary().status == status, "resumed and let go, nothing done, it changed")
        _, ledger = bench.resume()
        ledger.commit([looped(2)], ())
        ledger.close()


def _owners(bench: Bench) -> None:
    """The summary says who drives a run, where it is executed, and when it was written to."""
    ledger = bench.begin()
    before = bench.summary()
    hold(before.owner is not None and before.owner.pid == os.getpid(), f"{before.owner!r}")
    ledger.connected("2 workers \udc80 at tcp://10.0.0.1:8786", "tcp://10.0.0.1:8786")
    ledger.commit([looped(1)], ())
    after = bench.summary()
    said = after.owner and (after.owner.executor, after.owner.scheduler)
    same(said, ("2 workers \udc80 at tcp://10.0.0.1:8786", "tcp://10.0.0.1:8786"), "the executor")
    now = time.time()
    hold(before.updated <= after.updated <= now, f"updated: {before.updated}, {after.updated}")
    hold(after.updated > now - 60, f"updated is {after.updated}, and it is {now}")


def _stop(bench: Bench) -> None:
    """A request to stop reaches the driver of that run, and not the next one."""
    ledger = bench.begin()
    other = bench.begin("other-run")
    hold(not ledger.stop_asked(), "nobody asked, and stop_asked() is true")
    bench.journal.stop(RUN)
    bench.journal.stop(RUN)
    hold(ledger.stop_asked(), "stop() was called, and stop_asked() is false")
    hold(not other.stop_asked(), "another run is to stop")
    ledger.close()
    _, ledger = bench.resume()
    hold(not ledger.stop_asked(), "the old request stops the driver that resumed the run")


def _unknown(bench: Bench) -> None:
    """A name that is not there is refused, with the nearest ones."""
    journal = bench.journal
    calls: Sequence[Callable[[str], object]] = (
        *(journal.resume, journal.read, journal.stop, journal.remove, journal.place),
    )
    for call in calls:
        refuses(lambda call=call: call(RUN), "an unknown name", RUN)  # type: ignore[misc]
    bench.begin().close()
    for call in calls:
        near = RUN.replace("heron", "herron")
        refuses(lambda call=call, near=near: call(near), "an unknown name", near, RUN)  # type: ignore[misc]
        refuses(lambda call=call: call("../x"), "a name that is a path")  # type: ignore[misc]
    for name in ("", "..", "a/b", "A", "a" * 65, "a\x00", "é", "a b"):
        refuses(lambda name=name: journal.begin(header(name)), f"begin() of {name!r}")  # type: ignore[misc]


def _remove(bench: Bench) -> None:
    """A run is removed, unless it is under way; the others stay, and the name is free."""
    ledger, other = bench.begin(), bench.begin("other-run")
    other.close()
    error = refuses(lambda: bench.journal.remove(RUN), "remove() of a run under way", RUN)
    hold(isinstance(error, RunLocked), f"it raises {type(error).__name__}")
    ledger.commit([looped(1)], ())
    ledger.close()
    bench.journal.remove(RUN)
    left = [one.header.run for one in bench.journal.runs()]
    same(left, ["other-run"], "the runs that are left")
    refuses(lambda: bench.journal.read(RUN), "read() of a removed run")
    bench.begin()
    hold(not bench.journal.read(RUN).records, "the new run has the old one's records")


def _listing(bench: Bench) -> None:
    """Runs are listed newest first."""
    for name, begun in (("run-b", 20.0), ("run-a", 30.0), ("run-d", 10.0), ("run-c", 30.5)):
        bench.begin(head=header(name, begun)).close()
    found = [one.header.run for one in bench.journal.runs()]
    same(found, ["run-c", "run-a", "run-b", "run-d"], "the order of the list")


def _places(bench: Bench) -> None:
    """Journal and ledger name the same place for payloads, and each run has its own."""
    first, second = bench.begin(), bench.begin("other-run")
    hold(first.place in (None, bench.journal.place(RUN)), f"{first.place} is not place()")
    places = {bench.journal.place(RUN), bench.journal.place("other-run")}
    hold(len(places) == 2, f"two runs share {places}")
    del second
    head = Header("far-run", "f", 1.0, store="memory://far")
    hold(bench.begin(head=head).place == "memory://far", "the ledger does not name the store")
    hold(bench.journal.place("far-run") == "memory://far", "place() does not name the store")


RUNNING: Sequence[Callable[[Bench], None]] = (
    _epochs,
    _taken,
    _second_owner,
    _let_go,
    _status,
    _owners,
    _stop,
    _unknown,
    _remove,
    _listing,
    _places,
)
"""Each says in its docstring what is promised."""
