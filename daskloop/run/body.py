"""Call user code: its surroundings, and the clock that a `timeout` sets."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from types import CoroutineType
from typing import Any

from daskloop.contexts import Later
from daskloop.define.signature import is_async
from daskloop.errors import StoreError, TaskTimeout
from daskloop.keys import full_name, idempotency_key
from daskloop.loggers import RunLogger, logger_name, passing_logger
from daskloop.record.store import PayloadStore
from daskloop.run.attempt_log import LogOrder
from daskloop.run.log_book import LogBook
from daskloop.run.order import Attempt, Shared, open_tree

__all__ = ["Surroundings", "call", "too_long"]


class Surroundings(Mapping[str, Any]):
    """The values of `daskloop.context` for one attempt, put together when somebody looks.

    What has to be opened is opened at once: it may turn out to be broken, which fails the attempt
    before it begins. The payload is a copy of this attempt's own, so that a failed attempt cannot
    spoil it.
    """

    __slots__ = (
        "_given",
        "_made",
        "_mine",
        "_open",
        "_order",
        "_payload",
        "_started",
        "_store",
        "book",
    )

    def __init__(
        self,
        order: Shared,
        mine: Attempt,
        store: PayloadStore | None,
        open_book: Callable[[LogOrder], LogBook] = LogBook,
    ) -> None:
        self._order, self._mine, self._store, self._open = order, mine, store, open_book
        self._started = time.time()
        self._made: Mapping[str, Any] | None = None
        self.book: LogBook | None = None
        """What the attempt logs; None as long as it has logged nothing."""
        self._given = None if order.context is None else open_tree(order.context, store)
        self._payload = None if mine.payload is None else open_tree(mine.payload, store)

    def _values(self) -> Mapping[str, Any]:
        if self._made is None:
            self._made = {
                **_values(
                    self._order, self._mine, self._store, self._started, self._given, self._payload
                ),
                "logger": Later(self._logger),
            }
        return self._made

    def open_book(self) -> LogBook:
        """Return what the attempt logs to."""
        if self.book is None:
            self.book = self._open(LogOrder(*self._order.log))
        return self.book

    def _logger(self) -> RunLogger:
        fields = _fields(self._order, self._mine)
        if not self._order.log:
            return passing_logger(fields)
        own = logging.Logger(logger_name(self._order.task_name), self._order.log[0])
        own.addHandler(self.open_book())
        return RunLogger(own, fields)

    def __getitem__(self, key: str) -> Any:
        # What nearly every iteration asks for, and most for nothing else.
        if key == "task_loop_result":
            if self._mine.payload is None:
                raise KeyError(key)
            return self._payload
        return self._values()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())


def _values(
    order: Shared,
    mine: Attempt,
    store: PayloadStore | None,
    started: float,
    given: Mapping[str, Any] | None,
    payload: Any,
) -> Mapping[str, Any]:
    now = datetime.fromtimestamp(started, timezone.utc)
    values: dict[str, Any] = {"date": now, "today": Later(lambda: now.strftime("%Y-%m-%d"))}
    if given is not None:
        values.update(given)
    address = order.address(mine.child, mine.iteration)
    values.update(
        task_name=order.task_name,
        task_full_name=full_name(order.task_name, mine.title),
        task_slug=order.task_slug,
        map_index=mine.child,
        task_run_count=mine.run_count,
        run_id=order.run_id,
        flow_name=order.flow_name,
        idempotency_key=Later(lambda: idempotency_key(order.run_id, address)),
        parameters=Later(lambda: _parameters(order, store)),
    )
    if mine.payload is not None:
        values["task_loop_count"] = mine.iteration
        values["task_loop_result"] = payload
    if mine.resumed:
        values["resume"] = True
    return values


def _fields(order: Shared, mine: Attempt) -> dict[str, Any]:
    """Say whose log it is, see `daskloop.loggers.FIELDS`."""
    return {
        "run": order.run_id,
        "flow": order.flow_name,
        "task": order.task_name,
        "child": full_name(order.task_name, mine.title),
        "map_index": mine.child,
        "iteration": mine.iteration,
        "attempt": mine.run_count,
    }


def _parameters(order: Shared, store: PayloadStore | None) -> Any:
    if order.parameters is None:
        raise StoreError(
            "context.parameters cannot travel with every attempt: it is large and this cluster "
            "shares no payload store (pass store= to flow.run), or one of them is secret, or "
            "cannot be pickled; give the task the parameter it needs as an argument"
        )
    return open_tree(order.parameters, store)


def call(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    timeout: float | None,
    full_name: Callable[[], str],
) -> Any:
    """Call a function, for at most `timeout` seconds.

    Raises
    ------
    TaskTimeout
        When the time is up. The call itself cannot be stopped from here: its thread is abandoned
        and whatever it still returns is ignored. Where it can be, see `daskloop.run.apart`.
    """
    if timeout is None:
        return invoke(function, arguments)
    name = full_name()
    box: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def body() -> None:
        try:
            box.put((invoke(function, arguments), None))
        # Carried over to the waiting thread and raised there.
        except BaseException as error:
            box.put((None, error))

    inside = contextvars.copy_context()
    thread = threading.Thread(target=inside.run, args=(body,), name=f"daskloop-{name}", daemon=True)
    thread.start()
    try:
        result, error = box.get(timeout=timeout)
    except queue.Empty:
        raise too_long(name, timeout) from None
    thread.join()
    if error is not None:
        raise error
    return result


def invoke(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call a function; one that is async is run to its end."""
    result = function(**arguments)
    if type(result) is not CoroutineType or not is_async(function):
        return result
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(result)
    # Inline in a notebook: this thread has a loop that runs, so the coroutine gets another.
    with ThreadPoolExecutor(1, "daskloop-async") as threads:
        return threads.submit(contextvars.copy_context().run, asyncio.run, result).result()


def too_long(full_name: str, timeout: float) -> TaskTimeout:
    """Make the error of a call that ran out of time."""
    return TaskTimeout(f"{full_name} ran longer than its timeout of {timeout:g} s")
