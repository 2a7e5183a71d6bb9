"""Loggers for tasks, handlers and hooks: every record says whose it is.

::

    get_run_logger().info("page %d", 3)
        ─► a record with run, flow, task, child, iteration, attempt ─► the attempt's own handler
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

from daskloop.contexts import context
from daskloop.plain_text import one_line

__all__ = [
    "FIELDS",
    "TASKS",
    "RunLogger",
    "extra_of",
    "get_run_logger",
    "logger_name",
    "passing_logger",
    "whose",
]

TASKS = "daskloop.task"
"""Name of the logger that what tasks log comes out of; each task has one below it."""

FIELDS = ("run", "flow", "task", "child", "map_index", "iteration", "attempt")
"""What every record of a task says about itself, as attributes of the record."""

_WIDEST = 2_000  # columns of a message


class RunLogger(logging.LoggerAdapter):  # type: ignore[type-arg]  # generic from Python 3.11 on
    """A logger whose records say which run, task, child, iteration and attempt they are from.

    Parameters
    ----------
    logger : logging.Logger
        Takes the records.
    extra : mapping
        Attributes of each record, see `FIELDS`.

    Notes
    -----
    Attributes that are given by ``extra=`` in a call stay, unless they are named like one of these.
    A copy that travels to another process logs there like any other logger.
    """

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the attributes to those that the call gives."""
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **(self.extra or {})}
        return msg, kwargs

    def __reduce__(self) -> tuple[Any, ...]:
        return RunLogger, (logging.getLogger(self.logger.name), self.extra)


def get_run_logger() -> RunLogger:
    """Return the logger of the attempt, handler or hook that this is called in.

    Returns
    -------
    RunLogger
        What it logs comes out of the logger ``daskloop.task.NAME`` in the process that drives the
        run, with run, task, child, iteration and attempt. Outside of a run, where functions of
        tasks are called by tests, it is the plain logger ``daskloop.task``.

    Examples
    --------
    >>> get_run_logger().name
    'daskloop.task'
    """
    found = context.get("logger")
    return found if isinstance(found, RunLogger) else RunLogger(logging.getLogger(TASKS), {})


def logger_name(task: str) -> str:
    """Name the logger of a task.

    Examples
    --------
    >>> logger_name("fetch")
    'daskloop.task.fetch'
    """
    return f"{TASKS}.{task}"


def whose(fields: Mapping[str, Any], message: str) -> str:
    """Say in words whose message it is.

    Examples
    --------
    >>> whose({"child": "fetch[3]", "iteration": 2, "attempt": 1}, "page 3")
    'fetch[3]: iteration 2, try 1: page 3'
    """
    found = [f"{word} {fields[key]}" for key, word in _WORDS if fields.get(key) is not None]
    parts = [one_line(fields.get("child", "")), ", ".join(found), one_line(message, _WIDEST)]
    return ": ".join(part for part in parts if part)


_WORDS = (("iteration", "iteration"), ("attempt", "try"))


_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {
    *("message", "asctime", "taskName", "worker", "event", "said", "trace"),
    *FIELDS,
}
"""Attributes of records that are no user's."""

_MOST = 20  # attributes of a record
_LONGEST = 500  # characters of one of them


def extra_of(attributes: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Return what a user gave to a record by ``extra=``, as plain data.

    Parameters
    ----------
    attributes : mapping
        Those of a record.

    Examples
    --------
    >>> extra_of({"levelno": 20, "page": 3, "site": "a.org"})
    {'page': 3, 'site': 'a.org'}
    """
    found = [(name, value) for name, value in attributes.items() if name not in _OWN]
    return {str(name)[:_LONGEST]: _plain(value) for name, value in found[:_MOST]}


def _plain(value: Any) -> str | int | float | bool:
    if isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    try:
        return str(value)[:_LONGEST]
    # `__str__` of user objects may raise anything.
    except Exception as error:
        return f"<{type(value).__name__} whose str raised {type(error).__name__}>"


def passing_logger(fields: Mapping[str, Any]) -> RunLogger:
    """Return the logger of a function of the user's that the driver calls: a hook, a handler.

    Parameters
    ----------
    fields : mapping
        Attributes of its records, `task` among them.
    """
    name = logger_name(fields["task"])
    own = logging.Logger(name, logging.getLogger(name).getEffectiveLevel())
    own.addHandler(_Passing())
    return RunLogger(own, fields)


class _Passing(logging.Handler):
    """Says whose a record is, and hands it to the logger of its name."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        # A message that does not fit its arguments is said on stderr, as logging does.
        except Exception:
            self.handleError(record)
            return
        record.said = text
        record.msg, record.args = whose(record.__dict__, text), None
        logging.getLogger(record.name).handle(record)
