"""The log as JSON: one object in one line for each record, for programs that collect logs."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from typing import Any

from daskloop.loggers import FIELDS, extra_of

__all__ = ["JsonLines"]

_ABOUT = (*FIELDS, "worker", "event")


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON.

    Notes
    -----
    Each object has `time` (ISO 8601, UTC), `level`, `logger` and `message`. What is known of the
    record besides stands beside them: `run`, `flow`, `task`, `child`, `map_index`, `iteration`,
    `attempt`, `worker`; `event` of what daskloop itself says; `trace`; and in `extra` what was given
    by ``extra=``. Signs beyond ASCII are
    escaped, so that no terminal takes one for a command.

    Examples
    --------
    >>> record = logging.LogRecord("daskloop.run", logging.INFO, "", 0, "one line", None, None)
    >>> record.created = 0.25
    >>> JsonLines().format(record)
    '{"time": "1970-01-01T00:00:00.250000+00:00", "level": "INFO", "logger": "daskloop.run", "message": "one line"}'
    """  # noqa: E501

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = datetime.fromtimestamp(record.created, timezone.utc)
        line: dict[str, Any] = {
            "time": time.isoformat(timespec="microseconds"),
            "level": record.levelname,
            "logger": record.name,
            # What a task said, without whose it is: the other fields say that.
            "message": getattr(record, "said", None) or record.getMessage(),
        }
        found = ((name, getattr(record, name, None)) for name in _ABOUT)
        line.update((name, value) for name, value in found if value is not None)
        trace = getattr(record, "trace", None) or record.exc_text
        if not trace and record.exc_info:
            trace = self.formatException(record.exc_info)
        if trace:
            line["trace"] = trace
        extra = extra_of(record.__dict__)
        if extra:
            line["extra"] = extra
        return json.dumps(line, default=str)
