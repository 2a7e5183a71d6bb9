"""Tell the standard library's logging what happens in a run.

Ended children, retries and the summary are logged at INFO, failures at ERROR, a run in which
nothing moves at WARNING, single iterations at DEBUG.
"""

from __future__ import annotations

import logging
from typing import Any

from daskloop.events import (
    AttemptFailed,
    AttemptLost,
    ChildEnded,
    ChildPaused,
    Event,
    IterationEnded,
    MapOpened,
    RetryScheduled,
    RunEnded,
    RunStarted,
)
from daskloop.plain_text import one_line

__all__ = ["LogListener", "summary"]

_PRICE = 0.003  # seconds that a future costs on Dask, all processes together
_MANY = 100  # futures whose price is worth a word
_LONGEST = 500  # columns of a message in a log line
_AT_ONCE = 0.001  # seconds of a wait that is none


class LogListener:
    """Writes a line for each event that is worth one.

    Parameters
    ----------
    logger : logging.Logger, optional
        ``daskloop.run`` if not given.

    Notes
    -----
    Records have the attributes `run` and `event`, the name of the event's class; those about a
    child also `child`, `map_index` and `iteration`.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("daskloop.run")

    @property
    def level(self) -> int:
        """The least level of which a line would be written."""
        return self._logger.getEffectiveLevel()

    def hear(self, event: Event) -> None:
        """Log one event."""
        level, text = _line(event)
        if text and self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", text, extra=_fields(event))


def _fields(event: Event) -> dict[str, Any]:
    fields = {"run": event.run, "event": type(event).__name__}
    address = getattr(event, "address", None)
    if address:
        place = address[-1]
        child = one_line(getattr(event, "name", ""))
        fields.update(child=child, map_index=place.child, iteration=place.iteration)
    return fields


def _line(event: Event) -> tuple[int, str]:
    """Return the level and the text of an event; no text if it is not worth a line."""
    name = one_line(getattr(event, "name", ""))
    match event:
        case RunStarted():
            executor = one_line(event.executor)
            return logging.INFO, f"run {event.run}: flow '{event.flow}' on {executor}"
        case MapOpened(grows=True):
            return logging.DEBUG, f"{name}: mapped over {event.width} elements so far"
        case MapOpened():
            return logging.INFO, f"{name}: mapped over {event.width} elements"
        case IterationEnded():
            done = event.address[-1].iteration
            which = (
                f"iteration {done}" if event.count == 1 else f"{event.count} iterations to {done}"
            )
            return logging.DEBUG, f"{name}: {which}: {_short(event.message)}"
        case AttemptFailed():
            where = f"iteration {event.address[-1].iteration}, try {event.run_count}"
            return logging.INFO, f"{name}: {where} of {event.attempts}: failed: " + _short(
                event.message
            )
        case RetryScheduled():
            return logging.INFO, f"{name}: try {event.run_count} {_after(event.delay)}"
        case AttemptLost():
            if event.charged:
                return logging.WARNING, f"{name}: attempt lost: {_short(event.reason)}"
            return logging.INFO, f"{name}: attempt is made again: {_short(event.reason)}"
        case ChildPaused():
            until = "" if event.until is None else f" for {event.until - event.at:.3g} s at most"
            return logging.WARNING, f"{name}: waits for approval{until}: {_short(event.message)}"
        case ChildEnded():
            return _ended(event, name)
        case RunEnded():
            return logging.INFO, summary(event)
    return logging.DEBUG, ""


def _after(seconds: float) -> str:
    return "at once" if seconds < _AT_ONCE else f"in {seconds:.3g} s"


def _ended(event: ChildEnded, name: str) -> tuple[int, str]:
    state = event.state
    text = f"{name}: {type(state).__name__}"
    if state.loop_count is not None and state.loop_count > 1:
        text += f" at iteration {state.loop_count}"
    if not state.is_failed():
        return logging.INFO, f"{text} in {event.seconds:.3g} s"
    # What only followed from another failure needs no line of its own at this level.
    level = logging.INFO if state.is_trigger_failed() else logging.ERROR
    return level, f"{text}: {_short(state.message or '')}"


def summary(event: RunEnded) -> str:
    """Say in a line how a run ended."""
    text = (
        f"run {event.run}: {type(event.state).__name__} in {event.seconds:.3g} s, "
        f"{event.iterations} iterations, {event.retries} retries, {event.losses} losses"
    )
    each = event.work / max(event.futures, 1)
    if event.batched or event.futures < _MANY or each >= _PRICE:
        return text
    return (
        f"{text}; each of its {event.futures:,} futures held {each * 1000:.2g} ms of work, and a "
        f'future costs about {_PRICE * 1000:g} ms: batch="auto" puts many attempts into one'
    )


def _short(text: str) -> str:
    return one_line(text, _LONGEST)
