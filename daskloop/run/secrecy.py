"""Keep secret values out of what is said about attempts, before anybody else sees it.

Messages, errors, tracebacks and previews are texts that the driver logs, records and shows. What a
task itself loops with or returns is no text about it: that is kept as it is, for it has to be used.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass

from daskloop.plain_text import hidden
from daskloop.record.sealed import ErrorText, HeldError, Sealed, seal, seal_error
from daskloop.record.stretch import changed_turns
from daskloop.run.envelope import Ahead, Entry, Parts
from daskloop.run.error_words import error_text, guarded
from daskloop.signals import SKIP, Signal
from daskloop.states import State

__all__ = ["SEARCHED", "Redaction"]

SEARCHED = 1_000_000
"""Bytes of an exception that secrets are looked for in."""

Cuts = dict[int, "tuple[Sealed, ...] | str"]


@dataclass(frozen=True, slots=True)
class Redaction:
    """Takes secrets out of the entries of attempts, and of states that handlers and triggers give.

    Examples
    --------
    >>> Redaction(("hunter22",)).of(Entry("looped", "asked with hunter22")).message
    'asked with •••'
    """

    secrets: tuple[str, ...]

    def of(self, entry: Entry) -> Entry:
        """Return an entry that quotes no secret."""
        if entry.kind == "skipped" and entry.value is None:  # see `daskloop.run.outcome`
            skip = SKIP(None if entry.message is None else self.text(entry.message))
            entry = entry._replace(value=seal(skip, "the signal", 0, None, ""))
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
            parts=self._cuts(entry.parts),
            ahead=None if entry.ahead is None else self._ahead(entry.ahead),
        )

    def of_state(self, state: State) -> State:
        """Return a state that quotes no secret: the same one, if a user's function gave that."""
        if not self.secrets:
            return state
        message, result = state.message, state.unopened_result
        said = "" if message is None else guarded(str, message)
        if self.text(said) != said:
            message = self.text(said)
        # Any other result is no text about the task, and for whoever takes it.
        if isinstance(result, Signal) or (state.is_failed() and isinstance(result, BaseException)):
            result = self.of_error(result)
        if message is state.message and result is state.unopened_result:
            return state
        shown = copy.copy(state)  # the user's function may hold on to its own, and give it again
        shown.message, shown.result = message, result
        return shown

    def of_error(self, error: BaseException) -> BaseException:
        """Return an exception; if it holds a secret, one that stands for it in words alone."""
        if not self.secrets:
            return error
        own = error_text(error)
        words = ErrorText(own.class_name, *self._all((own.text, own.traceback)))
        sealed = seal_error(error, 0, None, "")
        unsearched = sealed is None or sealed.size > SEARCHED
        if words == own and not unsearched and not self._is_in(sealed):
            return error
        if isinstance(error, SKIP):
            return SKIP(words.text or None)
        told: BaseException = HeldError(
            None, None, words.class_name, words.text, words.traceback
        ).open()
        return told

    def of_closed(self, value: Sealed | None, parts: Cuts) -> tuple[Sealed | None, Cuts]:
        """Return the closed result of a state, with previews that quote no secret."""
        if not self.secrets:
            return value, parts
        return None if value is None else self._shown(value), self._cuts(parts)

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        return hidden(text, self.secrets)

    def _all(self, texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(self.text(one) for one in texts)

    def _cuts(self, parts: Parts) -> Cuts:
        return {key: self._cut(cut) for key, cut in parts.items()}

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
