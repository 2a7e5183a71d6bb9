"""Make attempts that have a `timeout` where they can be stopped: in a process beside the worker.

A worker that is a process of one thread has such a *runner*, from its first attempt with a
timeout on. Whoever makes its attempts in threads cannot stop them: there, they are abandoned.

::

    share ─► execute ─► runner ─► envelope ─► entry
                          ├── time is up ─► TimedOut; retry predicates are asked in the next child
                          └── child died ─► this process ends in the same way (rule R8)
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn
from weakref import ref

import msgpack

from daskloop.run.apart_runner import ChildDied, Runner, TimeIsUp
from daskloop.run.attempt_log import LogOrder, line_from_wire
from daskloop.run.body import too_long
from daskloop.run.envelope import Entry, decode_envelope
from daskloop.run.inputs import Inputs
from daskloop.run.log_book import LogBook
from daskloop.run.order import Attempt, Own, pack_own
from daskloop.run.outcome import Judge, error_text, outcome_of
from daskloop.run.share import Bench

__all__ = ["Apart", "apart_from", "can_stop"]

IDLE = 60.0
"""Seconds after which a worker lets go of a runner that has nothing to do."""

_LOOK = 0.5  # seconds between looks whether the worker still wants it

_lock = threading.Lock()
_known: dict[str, Apart] = {}


def can_stop(worker: Any) -> bool:
    """Tell whether a call on a Dask worker can be stopped: it is a process of one thread."""
    return (
        hasattr(os, "fork")
        and bool(sys.executable)
        and worker.state.nthreads == 1
        and not str(worker.address).startswith("inproc://")
    )


def apart_from(worker: Any, shared: bytes, who: str) -> Callable[[Bench, Attempt, Inputs], Entry]:
    """Return what makes attempts apart from a Dask worker.

    Parameters
    ----------
    worker : distributed.Worker
        Where this is called, see `can_stop`.
    shared : bytes
        The packed `Shared` order of the attempts.
    who : str
        How the worker is named in its claims.
    """
    address = str(worker.address)
    with _lock:
        apart = _known.get(address)
        if apart is None:
            for ended in [name for name, one in _known.items() if one.gone()]:
                del _known[ended]
            gone, stamp = partial(_is_gone, ref(worker)), partial(_stamp, worker.local_directory)
            apart = _known[address] = Apart(gone, stamp)
    return partial(apart.execute, shared, who)


class Apart:
    """What one worker has beside it: a runner while there is use for one.

    Parameters
    ----------
    gone : callable
        Tells whether the worker has ended, in a process that goes on.
    stamp : callable
        Returns another value when files were uploaded to the worker: modules that were imported
        before may be old.
    end : callable, optional
        Ends this process as a child has ended, whose exit code it takes.
    """

    def __init__(
        self,
        gone: Callable[[], bool],
        stamp: Callable[[], object],
        end: Callable[[int], NoReturn] | None = None,
    ) -> None:
        self.gone = gone
        self._stamp = stamp
        self._end = end or _end_like
        self._lock = threading.Lock()
        self._runner: Runner | None = None
        self._stamped: object = None
        self._used = 0.0
        self._over = threading.Event()
        self._watch: threading.Thread | None = None

    def execute(self, shared: bytes, who: str, bench: Bench, mine: Attempt, own: Inputs) -> Entry:
        """Make one attempt, and stop it when its time is up.

        Notes
        -----
        The arguments are opened in the other process, from `mine`: `own` is for those made here.
        """
        timeout, packed = bench.order.timeout, pack_own(Own("", 0.0, 1, [mine]))
        book = LogBook(LogOrder(*bench.order.log))
        with self._lock:
            try:
                make = partial(self._ready().make, shared, packed, bench.worker, who)
                try:
                    data = make(timeout, hear=partial(_note, book))
                except TimeIsUp as late:
                    if not late.ask:
                        return _timed_out(bench, mine, late.started)
                    data = make(None, late.started)
            except ChildDied as death:
                self._end(death.code)
            except OSError as error:
                self._let_go()
                return _not_started(bench.worker, error)
            except BaseException:  # nobody knows what the child is about
                self._let_go()
                raise
            finally:
                bench.keep_log(mine, book)
                self._used = time.monotonic()
        ((_, entry),) = decode_envelope(data).reports
        return entry

    def close(self) -> None:
        """End the runner, if there is one."""
        self._over.set()
        with self._lock:
            self._let_go()
        if self._watch is not None:
            self._watch.join()

    def _ready(self) -> Runner:
        stamp = self._stamp()
        if self._runner is None:
            runner = self._runner = Runner()
            self._watch = threading.Thread(
                target=self._look, args=(runner,), name="daskloop-runner", daemon=True
            )
            self._watch.start()
        elif stamp != self._stamped:
            self._runner.replace()
        self._stamped = stamp
        return self._runner

    def _look(self, runner: Runner) -> None:
        """Let go of a runner once nobody has use for it."""
        while not self._over.wait(_LOOK):
            with self._lock:
                if self._runner is not runner:
                    return
                if self.gone() or time.monotonic() - self._used > IDLE:
                    self._let_go()

    def _let_go(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()


def _note(book: LogBook, line: bytes) -> None:
    # Sent as it is logged: of an attempt that is stopped, what it said last is worth most.
    book.note(line_from_wire(msgpack.unpackb(line, unicode_errors="surrogatepass")))


def _is_gone(worker: ref[Any]) -> bool:
    found = worker()
    return found is None or str(found.status.name) in ("closing", "closed", "failed")


def _stamp(directory: str) -> object:
    """Describe the files that users have uploaded to a worker."""
    try:
        with os.scandir(directory) as entries:
            files = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    except OSError:
        return None
    return sorted((name, found.st_mtime_ns, found.st_size) for name, found in files)


def _end_like(code: int) -> NoReturn:
    """End this process at once: its attempt is lost as if it had been made here.

    The cause is in the last words, which the child has left in this process's name; of one that
    was killed there are none.
    """
    if code < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(code)


def _timed_out(bench: Bench, mine: Attempt, started: float) -> Entry:
    judge = Judge(bench.order, mine, bench.worker, bench.store)
    error = too_long(judge.name(), bench.order.timeout or 0.0)
    return outcome_of(judge, error, started, None, None)


def _not_started(worker: str, error: OSError) -> Entry:
    text = f"the process for an attempt with a timeout could not be started on {worker}: {error}"
    return Entry("failed", text, None, error_text(error), True, worker=worker)
