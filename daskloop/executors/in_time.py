"""Call something that may hang, and wait for it no longer than so many seconds."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar, cast

__all__ = ["in_time"]

T = TypeVar("T")


def in_time(
    function: Callable[[], T], limit: float, discard: Callable[[T], object] | None = None
) -> T:
    """Call a function in a thread of its own, and stop waiting for it after `limit` seconds."""
    outcome: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()
    late = threading.Event()

    def call() -> None:
        try:
            result = function()
        except BaseException as error:  # raised again by the thread that waits
            outcome.put((None, error))
            return
        outcome.put((result, None))
        if late.is_set() and discard is not None:
            discard(result)

    threading.Thread(target=call, name="daskloop connection", daemon=True).start()
    try:
        result, error = outcome.get(timeout=limit)
    except queue.Empty:
        late.set()
        raise TimeoutError(f"no answer within {limit:g} s") from None
    except BaseException:  # Ctrl-C: nobody will use what is being made
        late.set()
        raise
    if error is not None:
        raise error
    return cast(T, result)
