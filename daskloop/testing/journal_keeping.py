"""Promises of a journal about what it keeps: all of it, as it was, and in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from daskloop.record.entries import Header, Recorded, Submitted, Summary
from daskloop.record.stretch import Turn, pack_turns, unfolded
from daskloop.testing.journal_bench import RUN, Bench, hold, looped, same
from daskloop.testing.journal_samples import WHEN, Trap, at, header, pickled, plain, records, sent

__all__ = ["KEEPING"]


def _fresh(bench: Bench) -> None:
    """A fresh journal has no runs."""
    found = list(bench.journal.runs())
    hold(not found, f"runs() lists {found!r:.300}")


def _headers(bench: Bench) -> None:
    """Every field of a header comes back as it was."""
    bare = Header("bare-run", "", 0.0)
    elsewhere = Header("far-run", "f", 1.5, store="memory://payloads")
    for head in (header(RUN), bare, elsewhere):
        bench.begin(head=head).close()
        same(bench.journal.read(head.run).summary.header, head, "header, by read(),")
        same(bench.summary(head.run).header, head, "header, by runs(),")
        same(bench.resume(head.run)[0].summary.header, head, "header, by resume(),")


def _round_trip(bench: Bench) -> None:
    """Every field of a record comes back as it was."""
    wanted = records()
    ledger = bench.begin()
    ledger.commit(wanted, ())
    for _ in ("while it is written", "when it was let go"):
        found = bench.journal.read(RUN).records
        hold(len(found) == len(wanted), f"{len(found)} records came back, not {len(wanted)}")
        for one, other in zip(found, wanted, strict=True):
            same(one, other, f"record {other!r:.200} has come back changed: its")
        ledger.close()


def _stretches(bench: Bench) -> None:
    """Iterations that ended in one future come back one by one, and are counted so."""
    turns = [
        Turn(2, "first", plain(1), WHEN, WHEN + 1.5),
        Turn(1, "\udc80", pickled(Trap()), WHEN + 1.5, WHEN + 2.0),
    ]
    record = Recorded(
        *(at("long-6", 4, 7), 1, 3, "Looped", "third", plain(3)), stretch=pack_turns(turns)
    )
    ledger = bench.begin()
    ledger.commit([record], ())
    same(bench.journal.read(RUN).records, tuple(unfolded(record)), "a stretch of iterations")
    _count(bench.summary(), (0, 3, 3, 0))
    ledger.close()


def _order(bench: Bench) -> None:
    """Records come back in the order of the commits, over epochs too."""
    ledger = bench.begin()
    for number in range(1, 60, 3):
        if number % 2 == 0:
            ledger.close()
            _, ledger = bench.resume()
        ledger.commit([looped(number + more, -number % 7) for more in (2, 0, 1)], ())
    found = [one.address[0].iteration for one in bench.journal.read(RUN).records]
    wanted = [number + more for number in range(1, 60, 3) for more in (2, 0, 1)]
    same(found, wanted, "the order of the iterations")


def _submitted(bench: Bench) -> None:
    """The newest submission of each child comes back, and no other."""
    ledger = bench.begin()
    ledger.commit((), [sent(), sent(0), sent(1)])
    ledger.commit([looped(1)], [sent(None, 2), sent(1, 1, 1), sent(1, 1, 2)])
    ledger.close()
    _, ledger = bench.resume()
    ledger.commit((), [sent(0, 5), sent(2)])
    wanted: list[Submitted] = [sent(None, 2), sent(0, 5), sent(1, 1, 2), sent(2)]
    found = sorted(bench.journal.read(RUN).submitted, key=lambda one: str(one.address[0].child))
    same(found, sorted(wanted, key=lambda one: str(one.address[0].child)), "what was submitted")


def _nothing(bench: Bench) -> None:
    """A commit of nothing is fine."""
    ledger = bench.begin()
    ledger.commit((), ())
    ledger.commit([], [])
    past = bench.journal.read(RUN)
    hold((past.records, past.submitted) == ((), ()), f"something came back: {past!r:.300}")


def _counts(bench: Bench) -> None:
    """The summary counts ended children, iterations that are done, attempts and failures."""
    ledger = bench.begin()
    failed = Recorded(at("net", 0), 1, 0, "Failed", "")
    waits = Recorded(at("net", 0), 2, 0, "Retrying", "", attempted=False)
    done = [Recorded(at("net", child), 2, 0, "Success", "") for child in (0, 1)]
    skipped = Recorded(at("end"), 1, 0, "Skipped", "", attempted=False)
    back = Recorded(at("net", 1), 1, 0, "TakenBack", "", attempted=False)
    ledger.commit([looped(1), looped(2), failed, waits], ())
    ledger.commit([*done, skipped], ())
    _count(bench.summary(), (3, 4, 5, 1))
    ledger.close()
    _, ledger = bench.resume()
    ledger.commit([back], ())
    _count(bench.summary(), (2, 4, 5, 1))
    ledger.commit([Recorded(at("net", 1), 1, 1, "TimedOut", "")], ())
    _count(bench.summary(), (3, 4, 6, 2))
    _count(bench.journal.read(RUN).summary, (3, 4, 6, 2))


def _count(summary: Summary, wanted: tuple[int, int, int, int]) -> None:
    found = (summary.children, summary.iterations, summary.attempts, summary.failures)
    hold(found == wanted, f"children, iterations, attempts, failures are {found}, not {wanted}")


def _separate(bench: Bench) -> None:
    """Runs do not mix."""
    first, second = bench.begin(), bench.begin("other-run")
    for number in (1, 2, 3):
        first.commit([looped(number)], [sent(1, number)])
        second.commit([looped(-number)], [sent(2, number)])
    for run, sign, child in ((RUN, 1, 1), ("other-run", -1, 2)):
        past = bench.journal.read(run)
        same(past.records, tuple(looped(sign * n) for n in (1, 2, 3)), f"records of {run}")
        same(past.submitted, (sent(child, 3),), f"what {run} submitted")


def _unpickles_nothing(bench: Bench) -> None:
    """Nothing is unpickled by beginning, listing, reading, resuming or removing."""
    Trap.sprung = 0
    ledger = bench.begin()
    ledger.commit([Recorded(at(), 1, 0, "Success", "", pickled(Trap())), *records()], ())
    ledger.close()
    bench.journal.runs()
    bench.journal.read(RUN)
    _, ledger = bench.resume()
    ledger.close()
    bench.journal.remove(RUN)
    hold(Trap.sprung == 0, f"{Trap.sprung} values were unpickled")


def _threads(bench: Bench) -> None:
    """A ledger may be used on another thread than the one that began the run."""
    ledger = bench.begin()
    errors: list[BaseException] = []

    def drive() -> None:
        try:
            ledger.commit([looped(1)], [sent()])
            ledger.finish("success", "")
            ledger.close()
        # Told on the thread that waits.
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=drive)
    thread.start()
    thread.join()
    hold(not errors, f"on another thread: {errors!r}")
    same(bench.journal.read(RUN).records, (looped(1),), "the records")


KEEPING: Sequence[Callable[[Bench], None]] = (
    _fresh,
    _headers,
    _round_trip,
    _stretches,
    _order,
    _submitted,
    _nothing,
    _counts,
    _separate,
    _unpickles_nothing,
    _threads,
)
"""Each says in its docstring what is promised."""
