"""One child's share of a future: its attempt, and the iterations that go on from it.

::

    attempt ─► looped ─► the next iteration, from the payload as it would travel ─► looped ─► ...
                                                                    anything else ─► the entry

An iteration goes on in the same future only if it said to loop, its payload is small, and there
is time left; what ended before it is told with it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from daskloop.contexts import context
from daskloop.define import signature
from daskloop.define.again import Fields
from daskloop.record.store import PayloadStore
from daskloop.record.stretch import Turn, pack_turns
from daskloop.run.attempt_log import AttemptLog, LogOrder, log_size
from daskloop.run.body import Surroundings, call
from daskloop.run.decide import MESSAGES
from daskloop.run.envelope import Ahead, Entry
from daskloop.run.inputs import Inputs
from daskloop.run.keeping import kept
from daskloop.run.log_book import LogBook
from daskloop.run.order import Attempt, Shared, Uncomputed, value_tree
from daskloop.run.outcome import Judge, ended_with, outcome_of, returned
from daskloop.run.overheard import call_overheard
from daskloop.run.unopened import broken, hopeless

__all__ = ["HEAVY", "Bench", "Clock", "execute_here", "share"]

_MORE = LogOrder._fields.index("more")

_LONG = 0.020
"""Seconds of an iteration that has a future of its own."""

HEAVY = 1_000_000
"""Bytes of values that travel back together."""


@dataclass(slots=True)
class Clock:
    """Says for how long a future may go on beginning attempts."""

    began: float
    """When the future began, on `time.perf_counter`."""
    ends: float
    """When it begins no attempt any more."""
    left: int
    """Attempts that it may still make."""
    room: int = HEAVY
    """Characters of their logs that it may still bring back."""

    def allows(self, last: float) -> bool:
        """Tell whether another attempt may begin after one that took so many seconds."""
        return self.left > 0 < self.room and last < _LONG and time.perf_counter() < self.ends


@dataclass(frozen=True, slots=True)
class Bench:
    """What all shares of a future have in common."""

    order: Shared
    worker: str
    store: PayloadStore | None
    load: Callable[[], tuple[Callable[..., Any], Any, Any]]
    """Returns the task's function and its retry predicates."""
    shared: Inputs | None
    """Those that are the same for all children, if there are some."""
    let_through: tuple[type[BaseException], ...]
    clock: Clock
    execute: Callable[[Bench, Attempt, Inputs], Entry]
    """Makes one attempt: `execute_here`, or in a process beside this one."""
    calling: Callable[..., Any] = call
    """Calls the function, see `call`."""
    logs: list[AttemptLog] = field(default_factory=list)
    """What the attempts have logged so far."""
    open_book: Callable[[LogOrder], LogBook] = LogBook
    """Opens what an attempt logs to."""

    def keep_log(self, mine: Attempt, book: LogBook) -> None:
        """Take over what an attempt has logged, if it has logged anything."""
        log = book.take(mine.child, mine.iteration, mine.run_count, self.worker)
        if log.lines or log.left_out:
            self.logs.append(log)
            self.clock.room -= log_size(log)


def share(bench: Bench, mine: Attempt, say: Callable[[int, int], None]) -> Entry:
    """Make an attempt, and the iterations that follow from it while there is time.

    Parameters
    ----------
    bench : Bench
        What it is made with.
    mine : Attempt
        The first attempt.
    say : callable
        Hears which iteration of which child begins now; a child of no map has the number -1.

    Returns
    -------
    Entry
        How the last of them ended, with those ahead of it.
    """
    ahead: _Before | None = None
    own = Inputs(mine.inputs, bench.store, bench.shared)
    until = None if mine.left is None else bench.clock.began + mine.left
    number = -1 if mine.child is None else mine.child
    while True:
        bench.clock.left -= 1
        say(number, mine.iteration)
        try:
            entry = bench.execute(bench, mine, own)
        except bench.let_through:
            raise
        # Whatever user objects raise while their outcome is put into words.
        except BaseException as error:
            entry = hopeless(bench.worker, error)
        size = 0 if ahead is None else ahead.size
        if entry.kind != "looped" or not _goes_on(bench, mine, entry, until, size):
            return entry if ahead is None else entry._replace(ahead=ahead.told())
        ahead = ahead or _Before(bench.order.whole)
        ahead.add(mine.run_count, entry)
        assert entry.value is not None
        payload = value_tree(entry.value)
        # Written out: `_replace` takes three times as long, and this is done for each iteration.
        child, iteration, inputs, left = mine.child, mine.iteration + 1, mine.inputs, mine.left
        mine = Attempt(child, iteration, 1, 0, payload, inputs, left, False, mine.label)


def _goes_on(bench: Bench, mine: Attempt, entry: Entry, until: float | None, size: int) -> bool:
    value, limit = entry.value, bench.order.max_loops
    if entry.start_time is not None or entry.parts:  # it waits on no worker; its metric is told
        return False
    if not bench.order.ahead or value is None or value.data is None or size + value.size > HEAVY:
        return False
    if limit is not None and mine.iteration >= limit:
        return False
    if until is not None and time.perf_counter() >= until:
        return False
    return bench.clock.allows(entry.ended - entry.started)


class _Before:
    """The iterations of a share that have gone on."""

    def __init__(self, whole: bool) -> None:
        self.count = 0
        self.size = 0
        """Bytes of the payloads that are told."""
        self._whole = whole
        self._ended: deque[tuple[int, Entry]] = deque(maxlen=None if whole else MESSAGES)
        self._seconds = 0.0

    def add(self, run_count: int, entry: Entry) -> None:
        """Note an iteration that goes on."""
        assert entry.value is not None
        self.count += 1
        self.size += entry.value.size if self._whole else 0
        self._seconds += entry.ended - entry.started
        self._ended.append((run_count, entry))

    def told(self) -> Ahead:
        """Put them into the form that travels."""
        told = list(self._ended)
        _, last = told[-1]
        assert last.value is not None
        return Ahead(
            self.count,
            tuple([entry.message or "" for _, entry in told[-MESSAGES:]]),
            last.value,
            self._seconds,
            last.started,
            last.ended,
            pack_turns([_turn(*one) for one in told[:-1]]) if self._whole else b"",
        )


def _turn(run_count: int, entry: Entry) -> Turn:
    assert entry.value is not None
    return Turn(run_count, entry.message or "", entry.value, entry.started, entry.ended)


def execute_here(bench: Bench, mine: Attempt, own: Inputs) -> Entry:
    """Open what was sent, call the function, close what came of it."""
    order, store = bench.order, bench.store
    judge = Judge(order, mine, bench.worker, store)
    what: str | None = "the function"
    try:
        function, retry_on, retry_if = bench.load()
        what = "an argument"
        arguments = own.fresh()
        what = None  # the payload
        values = Surroundings(order, mine, store, bench.open_book)
        if mine.payload is not None and type(values["task_loop_result"]) is Fields:
            arguments = {**arguments, **values["task_loop_result"]}
    except bench.let_through:
        raise
    except Uncomputed as before:
        entry = outcome_of(judge, before.error, time.time(), (), None)
        text = f"'{before.name}', whose result it takes, could not be computed: {entry.message}"
        return entry._replace(message=text)
    # A module that is missing here, a class that will not be rebuilt, a store that is gone.
    except BaseException as error:
        return broken(judge, error, what)
    started = time.time()
    try:
        if mine.over:
            return ended_with(judge, values["task_loop_result"], started)
        with context.only(values):
            calling = bench.calling
            if order.log and order.log[_MORE]:
                log = LogOrder(*order.log)
                calling = partial(call_overheard, log, values.open_book(), calling)
            if order.keeping is not None:
                compute = partial(calling, function, arguments, order.timeout, judge.name)
                return kept(judge, order.keeping, function, own.fresh, compute, started)
            result = calling(function, arguments, order.timeout, judge.name)
        return returned(judge, result, started)
    except bench.let_through:
        raise
    # The one place where everything that user code may raise becomes data.
    except BaseException as error:
        if type(error) is TypeError and type(values.get("task_loop_result")) is Fields:
            error = _refused_field(judge.name(), function, values["task_loop_result"]) or error
        return outcome_of(judge, error, started, retry_on, retry_if)
    finally:
        if values.book is not None:
            bench.keep_log(mine, values.book)


def _refused_field(name: str, function: Callable[..., Any], fields: Fields) -> TypeError | None:
    """Say which field of ``again(...)`` the function does not take, if that was it."""
    for one in fields:
        if not signature.takes(function, name, one):
            return TypeError(
                f"the iteration before returned again({one}=...), and {name!r} has no argument "
                f"'{one}'; it takes {signature.shown(function, name)}"
            )
    return None
