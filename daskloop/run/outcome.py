"""Turn what a call returned or raised into an entry, on the worker where the objects live."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from typing import Any

from daskloop.define.again import Again, Fields
from daskloop.define.goal import metric_value
from daskloop.define.limits import duration
from daskloop.errors import HandlerError, PayloadError, StoreError, TaskTimeout
from daskloop.keys import dask_key, full_name, key_text
from daskloop.record.in_cluster import PREFIX, is_collection, publish
from daskloop.record.metrics import Reported, as_parts
from daskloop.record.pickling import preview
from daskloop.record.sealed import Sealed, seal, seal_error
from daskloop.record.store import PayloadStore
from daskloop.run.envelope import NO_PARTS, Entry, Kind, Parts
from daskloop.run.error_words import LONGEST, alone, error_text, guarded
from daskloop.run.order import Attempt, Shared
from daskloop.run.parting import cut_into, emitted_items
from daskloop.run.secrecy import SEARCHED
from daskloop.run.states_of import moment_of, start_of
from daskloop.signals import (
    FAIL,
    LOOP,
    PAUSE,
    RETRY,
    SKIP,
    SUCCESS,
    TRIGGERFAIL,
    Signal,
    Waiting,
)

__all__ = [
    "Judge",
    "ended_with",
    "error_text",
    "failed",
    "outcome_of",
    "returned",
]

_SUCCEEDED = "Task run succeeded."
_SHORT = 2_000  # characters of an error's repr in a message

RetryOn = tuple[type[BaseException], ...] | None
RetryIf = Callable[[BaseException], bool] | None


_PLAIN = frozenset({int, float, bool, str, bytes, type(None), tuple, list, dict, set})
"""Kinds of values that are neither signals nor collections, for certain."""


def _parts(value: Any) -> Iterable[Any]:
    return value.values() if type(value) is Fields else (value,)


class Judge:
    """What is needed to close the values of one attempt and to name them in errors."""

    __slots__ = ("mine", "order", "store", "worker")

    def __init__(
        self, order: Shared, mine: Attempt, worker: str, store: PayloadStore | None
    ) -> None:
        self.order = order
        self.mine = mine
        self.worker = worker
        self.store = store

    def seal(self, value: Any, what: str) -> Sealed:
        """Close a value of the attempt's."""

        # Names are for errors and files, and take longer than all the rest.
        def called() -> str:
            return f"the {what} of iteration {self.mine.iteration} of {self.name()!r}"

        return seal(value, called, self.order.inline_limit, self.store, self.tag)

    def seal_payload(self, value: Any) -> Sealed:
        """Close what an iteration hands on, which may stay in the cluster."""
        kind = type(value)
        if kind not in _PLAIN and any(map(is_collection, _parts(value))):
            name = f"{PREFIX}{self.order.run_id}-{self.tag()}"
            if publish(value, name, here=self.worker == "inline"):
                return Sealed(None, name, 0, 0, preview(value))
        return self.seal(value, "payload")

    def name(self) -> str:
        """Return the full name of the child."""
        return full_name(self.order.task_name, self.mine.title)

    def tag(self) -> str:
        """Make the mark of what the attempt writes to the store."""
        mine = self.mine
        address = self.order.address(mine.child, mine.iteration)
        key = key_text(dask_key(self.order.run_id, address, mine.run_count, mine.submission))
        return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def returned(judge: Judge, result: Any, started: float) -> Entry:
    """Make the entry of a call that returned."""
    ended = time.time()
    if type(result) not in _PLAIN:  # as few are
        if isinstance(result, Signal) or (isinstance(result, type) and issubclass(result, Signal)):
            name = result.__name__ if isinstance(result, type) else type(result).__name__
            raise TypeError(f"{judge.name()!r} returned {name}; raise it: raise {name}(...)")
        if isinstance(result, Again):
            more = result.after, result.metric, result.emit, result.emit_all
            signal = LOOP(result.message, result.fields, *more)
            return _looped(judge, signal, _said(signal), started)
    return _success(judge, result, _SUCCEEDED, started, ended)


def ended_with(judge: Judge, payload: Any, started: float) -> Entry:
    """Make the entry of a loop that is over, with a payload as its result."""
    return _success(judge, _result_of(payload), judge.mine.over, started, time.time())


def _result_of(payload: Any) -> Any:
    """Make a result of a payload: the fields of ``again(...)`` are a dict like any other then."""
    return dict(payload) if type(payload) is Fields else payload


def _success(
    judge: Judge,
    result: Any,
    message: str,
    started: float,
    ended: float,
    emitted: Parts = NO_PARTS,
) -> Entry:
    value = judge.seal(result, "result")
    worker = judge.worker
    entry = Entry("success", message, value, None, True, None, NO_PARTS, worker, started, ended)
    cuts = judge.order.cuts
    if not cuts and not emitted:
        return entry
    parts = {cut: cut_into(judge, result, cut) for cut in cuts}
    return entry._replace(parts={**parts, **emitted})


def outcome_of(
    judge: Judge, error: BaseException, started: float, retry_on: RetryOn, retry_if: RetryIf
) -> Entry:
    """Make the entry of a call that raised."""
    try:
        if type(error) is LOOP and error.message is None:
            return _looped(judge, error, "", started)
        return _signalled(judge, error, started) or failed(
            judge, error, started, "failed", _retriable(error, retry_on, retry_if)
        )
    except StoreError as refused:
        return failed(judge, refused, started, "failed", True)
    except KeyboardInterrupt:
        raise
    # Closing a value and judging an error run user code, which may raise anything.
    except BaseException as refused:
        return failed(judge, refused, started, "failed", False)


def _signalled(judge: Judge, error: BaseException, started: float) -> Entry | None:
    """Make the entry of a signal; None for anything else that was raised."""
    ended = time.time()
    if isinstance(error, LOOP):
        return _looped(judge, error, _said(error), started)
    if isinstance(error, SUCCESS):
        text = _said(error) or _SUCCEEDED
        return _success(judge, error.result, text, started, ended, emitted_items(judge, error))
    if isinstance(error, SKIP):
        entry = Entry("skipped", _said(error) or "Task was skipped.", _skip_value(judge, error))
        return entry._replace(worker=judge.worker, started=started, ended=ended)
    if isinstance(error, (PAUSE, RETRY)):
        return _waiting(judge, error, started)
    if isinstance(error, (FAIL, TRIGGERFAIL)):
        kind: Kind = "failed" if isinstance(error, FAIL) else "trigger_failed"
        return failed(judge, error, started, kind, True)
    return None


def _looped(judge: Judge, error: LOOP, text: str, started: float) -> Entry:
    ended = time.time()
    order, limit = judge.order, judge.order.max_loops
    if error.metric is None and order.measured:
        at = f"iteration {judge.mine.iteration} of {judge.name()!r}"
        text = f"{at} reported no metric, which until=, patience= and losers= need"
        raise TypeError(f"{text}: give again(metric=...) or LOOP(metric=...)")
    if order.returns and not order.measured and limit is not None and judge.mine.iteration >= limit:
        said = f"The loop ended at max_loops={limit}, with the payload of that iteration."
        items = emitted_items(judge, error)
        return _success(judge, _result_of(error.result), said, started, ended, items)
    start = None
    if error.after is not None:
        start = ended + duration(error.after, "LOOP(after=...)")
    value = judge.seal_payload(error.result)
    text = text or f"Task is looping: iteration {judge.mine.iteration} is done."
    parts = emitted_items(judge, error)
    if error.metric is not None:
        parts = {**parts, **as_parts(Reported(metric_value(error.metric, "metric")))}
    return Entry("looped", text, value, None, True, start, parts, judge.worker, started, ended)


def _waiting(judge: Judge, error: Waiting, started: float) -> Entry:
    ended, when = time.time(), start_of(error)
    start = None if when is None else when.timestamp()
    moment_of(start)  # refused here if the driver could not read it
    entry = Entry("retry", _said(error) or "Task asked for a retry.", start_time=start)
    if isinstance(error, PAUSE):
        value = None if error.result is None else judge.seal(error.result, "result")
        text = _said(error) or "Task waits for approval."
        entry = entry._replace(kind="paused", message=text, value=value)
    return entry._replace(worker=judge.worker, started=started, ended=ended)


def _retriable(error: BaseException, retry_on: RetryOn, retry_if: RetryIf) -> bool:
    if isinstance(error, PayloadError):  # it would not travel the next time either
        return False
    if retry_on is not None and not isinstance(error, retry_on):
        return False
    if retry_if is None:
        return True
    try:
        return bool(retry_if(error))
    except KeyboardInterrupt:
        raise
    # The user's predicate may raise anything; both errors are told.
    except BaseException as trouble:
        raise HandlerError(f"retry_if raised {trouble!r} when asked about {error!r}") from error


def failed(
    judge: Judge, error: BaseException, started: float, kind: Kind, retriable: bool
) -> Entry:
    """Make the entry of an attempt that failed by an error."""
    if isinstance(error, TaskTimeout):
        kind = "timed_out"
    text = error_text(error)
    # The words hold the traceback and the causes. The objects must not travel: they drag along
    # whatever their frames and attributes refer to, where tblib has taught pickle to follow them.
    alone(error)
    return Entry(
        kind,
        _message(error),
        _failure_value(judge, error),
        text,
        retriable,
        worker=judge.worker,
        started=started,
        ended=time.time(),
    )


def _message(error: BaseException) -> str:
    if isinstance(error, Signal):
        return _said(error) or f"{type(error).__name__} signal raised."
    if isinstance(error, SystemExit):
        return (
            f"Task called sys.exit({error.code!r}): {guarded(repr, error)}. To end early, return a "
            "value or raise SUCCESS, SKIP or FAIL"
        )
    if isinstance(error, (TaskTimeout, PayloadError)):
        return str(error)
    return f"Unexpected error: {guarded(repr, error)[:_SHORT]}"


def _failure_value(judge: Judge, error: BaseException) -> Sealed | None:
    if isinstance(error, FAIL) and error.result is not None:
        return judge.seal(error.result, "result")
    if not judge.order.has_secrets:
        return seal_error(error, judge.order.inline_limit, judge.store, judge.tag)
    sealed = seal_error(error, 0, None, "")
    return sealed if sealed is not None and sealed.size <= SEARCHED else None


def _skip_value(judge: Judge, error: SKIP) -> Sealed | None:
    """Close the result of a SKIP: itself, if it has none.

    Where there are secrets it does not travel, since it may hold one: the driver, which knows
    them, makes another of the same message.
    """
    if error.result is not None:
        return judge.seal(error.result, "result")
    if judge.order.has_secrets:
        return None
    alone(error)  # what it followed from is no part of it, and may not even be fit to travel
    return judge.seal(error, "result")


def _said(signal: Signal) -> str:
    """Return a signal's message as a text that may travel; users give other things too."""
    return "" if signal.message is None else guarded(str, signal.message)[:LONGEST]
