"""Execute a future's attempts on a worker, and bring back an envelope whatever they do.

::

    orders ─► claim ─► for each child: open inputs ─► set context ─► call ─► outcome ─► seal ─┐
    envelope ◄────────────────────────────────────────────────────────────────────────────────┘

Nothing gets past this wrapper: no exception, no `BaseException`, no exit, no value that cannot
be pickled. All of them become entries of an envelope, which is plain bytes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from daskloop.errors import StoreError
from daskloop.record.claims import Claim, Taken, open_claims
from daskloop.record.last_words import LastWords
from daskloop.record.store import PayloadStore, open_store
from daskloop.run.envelope import Entry, Envelope, Report, encode_envelope
from daskloop.run.inputs import Inputs
from daskloop.run.order import Attempt, Own, Shared, open_tree, unpack_own, unpack_shared
from daskloop.run.share import HEAVY, Bench, Clock, execute_here, share

__all__ = ["attempt", "attempt_here", "load"]

logger = logging.getLogger("daskloop.run")

_KEPT_FUNCTIONS = 128


def attempt(shared: bytes, own: bytes) -> bytes:
    """Execute a future's attempts on a worker.

    Parameters
    ----------
    shared, own : bytes
        The packed `Shared` and `Own` orders.

    Returns
    -------
    bytes
        An envelope.
    """
    return _attempt(shared, own, ())


def attempt_here(shared: bytes, own: bytes) -> bytes:
    """Execute attempts in the user's own thread, where Ctrl-C has to reach the user."""
    return _attempt(shared, own, (KeyboardInterrupt,))


def _attempt(shared: bytes, own: bytes, let_through: tuple[type[BaseException], ...]) -> bytes:
    began = time.perf_counter()
    order, mine = unpack_shared(shared), unpack_own(own)
    dask_worker = _dask_worker()
    worker = "inline" if dask_worker is None else str(dask_worker.address)
    store = open_store(order.store, order.durable, order.verify) if order.store else None
    claim = _claim(order, mine.key, worker)
    if isinstance(claim, Taken):
        # Dask started this future a second time: its first worker is gone.
        if claim.outcome is not None:
            return claim.outcome
        lost = Entry("lost", claim.who, worker=worker)
        return encode_envelope(Envelope(0.0, [(mine.attempts[0].child, lost)]))
    many = claim is not None and mine.most > 1
    with claim.beacon() if many and claim else contextlib.nullcontext(_nobody_asks) as beacon:
        bench = Bench(
            order,
            worker,
            store,
            partial(load, order, store),
            Inputs(order.inputs, store) if order.inputs else None,
            let_through,
            Clock(began, began + mine.seconds, mine.most),
            execute_here if let_through else _place(order, dask_worker, shared),
        )
        reports = _reports(bench, mine, beacon)
    envelope = encode_envelope(Envelope(time.perf_counter() - began, reports, bench.logs))
    if claim is not None:
        _finish(claim, mine.key, envelope)
    return envelope


def _finish(claim: Claim, key: str, envelope: bytes) -> None:
    try:
        claim.finish(envelope)
    except StoreError as error:  # it has run, and how it ended is not lost for want of a copy
        logger.warning("attempt %s ended, and its claim cannot say so: %s", key, error)


def _nobody_asks(child: int, iteration: int) -> None:
    """Say nothing: with one attempt it is clear which one runs, and without claims nobody can."""


def _reports(bench: Bench, mine: Own, beacon: Callable[[int, int], None]) -> list[Report]:
    """Let each child have its share, until the time is up."""
    reports: list[Report] = []
    size = 0
    for one in mine.attempts:
        if reports:
            last = reports[-1][1]
            size += _size(last)
            if size > HEAVY or not bench.clock.allows(last.ended - last.started):
                break
        reports.append((one.child, share(bench, one, beacon)))
    return reports


def _size(entry: Entry) -> int:
    """Count the bytes of what an entry brings back by value."""
    value = entry.value
    size = 0 if value is None or value.data is None else len(value.data)
    for cut in entry.parts.values() if entry.parts else ():
        size += 0 if isinstance(cut, str) else sum(len(one.data or b"") for one in cut)
    return size


def _claim(order: Shared, key: str, worker: str) -> Claim | Taken | None:
    if order.claims is None:
        return None
    claims = open_claims(order.claims)
    who = _claimant(worker)
    LastWords(claims.directory).listen(who)
    return claims.start(key, who)


def _claimant(worker: str) -> str:
    return f"{worker} (process {os.getpid()})"


def _dask_worker() -> Any:
    """Return the Dask worker that this thread belongs to; None if it belongs to none."""
    if "distributed.worker" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        return get_worker()
    except ValueError:
        return None


def _place(order: Shared, worker: Any, shared: bytes) -> Callable[[Bench, Attempt, Inputs], Entry]:
    """Say where attempts are made: here, or in a process apart from which they can be stopped."""
    if order.timeout is None or worker is None:
        return execute_here
    from daskloop.run.apart import apart_from, can_stop

    if not can_stop(worker):
        return execute_here
    return apart_from(worker, shared, _claimant(str(worker.address)))


_functions: OrderedDict[str, tuple[Callable[..., Any], Any, Any]] = OrderedDict()


def load(order: Shared, store: PayloadStore | None) -> tuple[Callable[..., Any], Any, Any]:
    """Return the task's function and its retry predicates, unpickled once per process."""
    loaded = _functions.get(order.digest)
    if loaded is None:
        loaded = open_tree(order.function, store)
        _functions[order.digest] = loaded
        while len(_functions) > _KEPT_FUNCTIONS:
            _functions.popitem(last=False)
    return loaded
