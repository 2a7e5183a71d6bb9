"""Call a task's function once, on a worker, and bring back an envelope whatever it does.

::

    order ─► claim ─► open inputs ─► set context ─► call ─► outcome ─► seal ─► envelope

Nothing gets past this wrapper: no exception, no `BaseException`, no exit, no value that cannot
be pickled. All of them become entries of an envelope, which is plain bytes.
"""

from __future__ import annotations

import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from daskloop.contexts import context
from daskloop.record.claims import Claim, Taken, open_claims
from daskloop.record.last_words import LastWords
from daskloop.record.store import PayloadStore, open_store
from daskloop.run.body import call, surroundings
from daskloop.run.envelope import Entry, encode_envelope
from daskloop.run.order import Attempt, Shared, open_tree, unpack
from daskloop.run.outcome import Judge, broken, hopeless, outcome_of, returned

__all__ = ["attempt", "attempt_here"]

_KEPT_FUNCTIONS = 128


def attempt(shared: bytes, own: bytes) -> bytes:
    """Execute an attempt on a worker.

    Parameters
    ----------
    shared, own : bytes
        The packed `Shared` and `Attempt` orders.

    Returns
    -------
    bytes
        An envelope.
    """
    return _attempt(shared, own, ())


def attempt_here(shared: bytes, own: bytes) -> bytes:
    """Execute an attempt in the user's own thread, where Ctrl-C has to reach the user."""
    return _attempt(shared, own, (KeyboardInterrupt,))


def _attempt(shared: bytes, own: bytes, let_through: tuple[type[BaseException], ...]) -> bytes:
    order: Shared = unpack(Shared, shared)
    mine: Attempt = unpack(Attempt, own)
    worker = _worker_name()
    store = open_store(order.store, order.durable, order.verify) if order.store else None
    claim = _claim(order, mine, worker)
    if isinstance(claim, Taken):
        # Dask started this attempt a second time: its first worker is gone.
        if claim.outcome is not None:
            return claim.outcome
        return encode_envelope([Entry("lost", claim.who, worker=worker)])
    try:
        envelope = encode_envelope([_execute(order, mine, worker, store, let_through)])
    except let_through:
        raise
    # Whatever user objects raise while their outcome is put into words.
    except BaseException as error:
        envelope = encode_envelope([hopeless(worker, error)])
    if claim is not None:
        claim.finish(envelope)
    return envelope


def _claim(order: Shared, mine: Attempt, worker: str) -> Claim | Taken | None:
    if order.claims is None:
        return None
    claims = open_claims(order.claims)
    who = f"{worker} (process {os.getpid()})"
    LastWords(claims.directory).listen(who)
    return claims.start(mine.key, who)


def _worker_name() -> str:
    """Return the address of the Dask worker that this thread belongs to."""
    if "distributed.worker" not in sys.modules:
        return "inline"
    from distributed import get_worker

    try:
        return str(get_worker().address)
    except ValueError:
        return "inline"


def _execute(
    order: Shared,
    mine: Attempt,
    worker: str,
    store: PayloadStore | None,
    let_through: tuple[type[BaseException], ...],
) -> Entry:
    """Open what was sent, call the function, close what came of it."""
    judge = Judge(order, mine, worker, store)
    what = "the function"
    try:
        function, retry_on, retry_if = _load(order, store)
        what = "an argument"
        arguments = {name: open_tree(tree, store) for name, tree in (*order.inputs, *mine.inputs)}
        what = f"the payload of iteration {mine.iteration - 1}"
        values = surroundings(order, mine, store)
    except let_through:
        raise
    # A module that is missing here, a class that will not be rebuilt, a store that is gone.
    except BaseException as error:
        return broken(judge, error, what)
    started = time.time()
    try:
        with context.only(values):
            result = call(function, arguments, order.timeout, judge.full_name)
        return returned(judge, result, started)
    except let_through:
        raise
    # The one place where everything that user code may raise becomes data.
    except BaseException as error:
        return outcome_of(judge, error, started, retry_on, retry_if)


_functions: OrderedDict[str, tuple[Callable[..., Any], Any, Any]] = OrderedDict()


def _load(order: Shared, store: PayloadStore | None) -> tuple[Callable[..., Any], Any, Any]:
    """Return the task's function and its retry predicates, unpickled once per process."""
    loaded = _functions.get(order.digest)
    if loaded is None:
        loaded = open_tree(order.function, store)
        _functions[order.digest] = loaded
        while len(_functions) > _KEPT_FUNCTIONS:
            _functions.popitem(last=False)
    return loaded
