"""What is part of an attempt's log besides what its own logger takes: prints, logs of libraries.

::

    print ─────────────────────────┐
    logging.getLogger("library") ──┴─► the attempt that runs here ─► its log book

Logs of libraries are taken only where the process that drives the run would not see them: there,
they come out of the same loggers again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from daskloop.run.attempt_log import LogOrder, this_process
from daskloop.run.log_book import LogBook
from daskloop.run.printed import call_printing_to

__all__ = ["call_overheard"]

_listening: ContextVar[tuple[LogBook, Mapping[str, int]] | None] = ContextVar(
    "daskloop_overheard", default=None
)


class _Overhearing(logging.Handler):
    """Sits at a logger for as long as the process lives; takes what is logged in an attempt."""

    def __init__(self, logger: str) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        listening = _listening.get()
        if listening is not None and record.levelno >= listening[1].get(self._logger, 100):
            listening[0].handle(record)


def call_overheard(
    order: LogOrder, book: LogBook, function: Callable[..., Any], *arguments: Any
) -> Any:
    """Call a function, and take into a log what it prints and what libraries log meanwhile.

    Notes
    -----
    Loggers of libraries are set to the level that is wanted, and stay so in this process. Threads
    that the function starts are not heard, unless they run in a copy of its context.
    """
    levels = {} if order.driver == this_process() else dict(order.loggers)
    for name, level in levels.items():
        _sit_at(name, level)
    token = _listening.set((book, levels) if levels else None)
    try:
        if order.stdout:
            return call_printing_to(book, function, *arguments)
        return function(*arguments)
    finally:
        _listening.reset(token)


def _sit_at(name: str, level: int) -> None:
    logger = logging.getLogger(name)
    if not any(isinstance(one, _Overhearing) for one in logger.handlers):
        logger.addHandler(_Overhearing(name))
    if logger.getEffectiveLevel() > level:
        logger.setLevel(level)
