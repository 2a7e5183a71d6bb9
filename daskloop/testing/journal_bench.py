"""What the promises of a journal are checked with: it, its ledgers, and comparisons that speak."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from daskloop.errors import JournalError
from daskloop.record.entries import Header, Past, Recorded, Summary
from daskloop.record.journal import Journal, Ledger
from daskloop.testing.journal_samples import at, header, plain

__all__ = ["RUN", "Bench", "hold", "looped", "refuses", "same"]

RUN = "quiet-heron-7f3a9c12"


def hold(fact: bool, text: str) -> None:
    """Assert, also where Python was started to leave assertions out."""
    if not fact:
        raise AssertionError(text)


class Bench:
    """A journal under test, and the ledgers that are to be closed."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._open: list[Ledger] = []

    def begin(self, run: str = RUN, head: Header | None = None) -> Ledger:
        """Begin a run."""
        ledger = self.journal.begin(head or header(run))
        self._open.append(ledger)
        return ledger

    def resume(self, run: str = RUN) -> tuple[Past, Ledger]:
        """Resume a run."""
        past, ledger = self.journal.resume(run)
        self._open.append(ledger)
        return past, ledger

    def summary(self, run: str = RUN) -> Summary:
        """Return what the list of runs says of one."""
        found = [one for one in self.journal.runs() if one.header.run == run]
        hold(len(found) == 1, f"runs() lists run {run!r} {len(found)} times")
        return found[0]

    def close(self) -> None:
        """Close all ledgers."""
        for ledger in self._open:
            with contextlib.suppress(Exception):  # what failed before is what is to be told
                ledger.close()


def same(found: Any, wanted: Any, what: str) -> None:
    """Compare two values part by part, types included, to name what differs."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        same(sorted(found), sorted(wanted), f"the keys of {what}")
        for key in wanted:
            same(found[key], wanted[key], f"{what}[{key!r}]")
        return
    hold(type(found) is type(wanted), f"{what} came back as {found!r:.300}, not {wanted!r:.300}")
    if is_dataclass(wanted):
        for field in fields(wanted):
            name = field.name
            same(getattr(found, name), getattr(wanted, name), f"{what}.{name}")
    elif hasattr(wanted, "_fields"):  # a named tuple
        for name in wanted._fields:
            same(getattr(found, name), getattr(wanted, name), f"{what} {name}")
    elif isinstance(wanted, (tuple, list)):
        hold(len(found) == len(wanted), f"{what} has {len(found)} parts, not {len(wanted)}")
        for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
            same(one, other, f"{what}[{number}]")
    else:
        hold(found == wanted, f"{what} came back as {found!r:.300}, not {wanted!r:.300}")


def refuses(call: Callable[[], object], what: str, *words: str) -> JournalError:
    """Call what must raise `JournalError`, with all the words in its text."""
    try:
        call()
    except JournalError as error:
        for word in words:
            hold(word in str(error), f"{what} does not name {word!r}: {error}")
        return error
    raise AssertionError(f"{what} is not refused with JournalError")


def looped(iteration: int, child: int | None = None) -> Recorded:
    """Make the record of an iteration that goes on to another."""
    address = at("fib-1", child, iteration)
    return Recorded(address, 1, 0, "Looped", f"{iteration}", plain(iteration), at=float(iteration))
