"""Call user code: its surroundings, and the clock that a `timeout` sets."""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from daskloop.contexts import Later
from daskloop.errors import StoreError, TaskTimeout
from daskloop.keys import full_name
from daskloop.record.store import PayloadStore
from daskloop.run.order import Attempt, Shared, open_tree

__all__ = ["call", "surroundings"]


def surroundings(order: Shared, mine: Attempt, store: PayloadStore | None) -> Mapping[str, Any]:
    """Make the values of `daskloop.context` for one attempt.

    The payload is a copy of this attempt's own, so that a failed attempt cannot spoil it.
    """
    now = datetime.now(timezone.utc)
    values: dict[str, Any] = {"date": now, "today": Later(lambda: now.strftime("%Y-%m-%d"))}
    if order.context is not None:
        values.update(open_tree(order.context, store))
    values.update(
        task_name=order.task_name,
        task_full_name=full_name(order.task_name, mine.index),
        task_slug=order.task_slug,
        map_index=mine.index,
        task_run_count=mine.run_count,
        run_id=order.run_id,
        flow_name=order.flow_name,
        idempotency_key=mine.idempotency_key,
        logger=logging.getLogger(f"daskloop.task.{order.task_name}"),
        parameters=Later(lambda: _parameters(order, store)),
    )
    if mine.payload is not None:
        values["task_loop_count"] = mine.iteration
        values["task_loop_result"] = open_tree(mine.payload, store)
    return values


def _parameters(order: Shared, store: PayloadStore | None) -> Any:
    if order.parameters is None:
        raise StoreError(
            "context.parameters cannot travel with every attempt: it is large and this cluster "
            "shares no payload store (pass store= to flow.run), or one of them is secret, or "
            "cannot be pickled; give the task the parameter it needs as an argument"
        )
    return open_tree(order.parameters, store)


def call(
    function: Callable[..., Any], arguments: Mapping[str, Any], timeout: float | None, name: str
) -> Any:
    """Call a function, for at most `timeout` seconds.

    Raises
    ------
    TaskTimeout
        When the time is up. The call itself cannot be stopped: its thread is abandoned and
        whatever it still returns is ignored.
    """
    if timeout is None:
        return function(**arguments)
    box: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def body() -> None:
        try:
            box.put((function(**arguments), None))
        # Carried over to the waiting thread and raised there.
        except BaseException as error:
            box.put((None, error))

    inside = contextvars.copy_context()
    thread = threading.Thread(target=inside.run, args=(body,), name=f"daskloop-{name}", daemon=True)
    thread.start()
    try:
        result, error = box.get(timeout=timeout)
    except queue.Empty:
        raise TaskTimeout(f"{name} ran longer than its timeout of {timeout:g} s") from None
    thread.join()
    if error is not None:
        raise error
    return result
