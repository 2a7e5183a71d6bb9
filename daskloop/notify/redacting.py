"""Keep tokens out of the logs of libraries that send: urllib3 logs paths, apprise whole URLs."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from daskloop.plain_text import hidden

__all__ = ["keep_out_of_logs"]

_LOGGERS = ("urllib3.connectionpool", "apprise")


class _Redacting(logging.Filter):
    """Puts dots in the place of secrets; only records that are logged anyway come here."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: frozenset[str] = frozenset()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        safe = hidden(text, sorted(self.secrets, key=len, reverse=True))
        if safe != text:
            record.msg, record.args = safe, None
        return True


_redacting = _Redacting()


def keep_out_of_logs(secrets: Iterable[str]) -> None:
    """Never let the libraries that send messages log these texts, from now on."""
    _redacting.secrets |= frozenset(secrets)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_redacting)  # once: a filter is not added twice
