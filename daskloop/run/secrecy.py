"""Keep secret values out of what is said about attempts, before anybody else sees it.

Messages, errors, tracebacks and previews are texts that the driver logs, records and shows. What a
task itself loops with or returns is no text about it: that is kept as it is, for it has to be used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from daskloop.plain_text import hidden
from daskloop.record.sealed import ErrorText, Sealed
from daskloop.record.stretch import changed_turns
from daskloop.run.envelope import Ahead, Entry

__all__ = ["Redaction"]


@dataclass(frozen=True, slots=True)
class Redaction:
    """Takes secrets out of the entries of attempts.

    Examples
    --------
    >>> Redaction(("hunter22",)).of(Entry("looped", "asked with hunter22")).message
    'asked with •••'
    """

    secrets: tuple[str, ...]

    def of(self, entry: Entry) -> Entry:
        """Return an entry that quotes no secret."""
        if not self.secrets:
            return entry
        error, value = entry.error, entry.value
        if error is not None:
            words = ErrorText(error.class_name, *self._all((error.text, error.traceback)))
            # An exception that holds one is kept in words alone, since its pickle would tell.
            if words != error or self._is_in(value):
                value = None
            error = words
        return entry._replace(
            message=None if entry.message is None else self.text(entry.message),
            value=None if value is None else self._shown(value),
            error=error,
            parts={key: self._cut(cut) for key, cut in entry.parts.items()},
            ahead=None if entry.ahead is None else self._ahead(entry.ahead),
        )

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        return hidden(text, self.secrets)

    def _all(self, texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(self.text(one) for one in texts)

    def _shown(self, value: Sealed) -> Sealed:
        return value._replace(preview=self.text(value.preview))

    def _cut(self, cut: tuple[Sealed, ...] | str) -> tuple[Sealed, ...] | str:
        return self.text(cut) if isinstance(cut, str) else tuple(self._shown(one) for one in cut)

    def _ahead(self, ahead: Ahead) -> Ahead:
        return ahead._replace(
            messages=self._all(ahead.messages),
            payload=self._shown(ahead.payload),
            packed=changed_turns(
                ahead.packed,
                lambda turn: turn._replace(
                    message=self.text(turn.message), value=self._shown(turn.value)
                ),
            ),
        )

    def _is_in(self, value: Sealed | None) -> bool:
        if value is None or value.data is None:
            return False
        return any(one.encode("utf-8", "surrogatepass") in value.data for one in self.secrets)
