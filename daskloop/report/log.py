"""Tell the standard library's logging what happens in a run.

Ended children, retries and the summary are logged at INFO, failures at ERROR, a run in which
nothing moves at WARNING, single iterations at DEBUG.
"""

from __future__ import annotations

import logging

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

__all__ = ["LogListener"]

_PRICE = 0.003  # seconds that a future costs on Dask, all processes together
_MANY = 100  # futures whose price is worth a word
_LONGEST = 500  # characters of a message in a log line


class LogListener:
    """Writes a line for each event that is worth one.

    Parameters
    ----------
    logger : logging.Logger, optional
        ``daskloop.run`` if not given.
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
        if text:
            self._logger.log(level, "%s", text)


def _line(event: Event) -> tuple[int, str]:
    """Return the level and the text of an event; no text if it is not worth a line."""
    match event:
        case RunStarted():
            return logging.INFO, f"run {event.run}: flow '{event.flow}' on {event.executor}"
        case MapOpened():
            return logging.INFO, f"{event.name}: mapped over {event.width} elements"
        case IterationEnded():
            done = event.address[-1].iteration
            which = (
                f"iteration {done}" if event.count == 1 else f"{event.count} iterations to {done}"
            )
            return logging.DEBUG, f"{event.name}: {which}: {_short(event.message)}"
        case AttemptFailed():
            where = f"iteration {event.address[-1].iteration}, try {event.run_count}"
            return logging.INFO, f"{event.name}: {where} of {event.attempts}: failed: " + _short(
                event.message
            )
        case RetryScheduled():
            return logging.INFO, f"{event.name}: try {event.run_count} in {event.delay:.3g} s"
        case AttemptLost():
            if event.charged:
                return logging.WARNING, f"{event.name}: attempt lost: {_short(event.reason)}"
            return logging.INFO, f"{event.name}: attempt is made again: {_short(event.reason)}"
        case ChildPaused():
            until = "" if event.until is None else f" for {event.until - event.at:.3g} s at most"
            return logging.WARNING, f"{event.name}: waits for approval{until}: " + _short(
                event.message
            )
        case ChildEnded():
            return _ended(event)
        case RunEnded():
            return logging.INFO, _summary(event)
    return logging.DEBUG, ""


def _ended(event: ChildEnded) -> tuple[int, str]:
    state = event.state
    text = f"{event.name}: {type(state).__name__}"
    if state.loop_count is not None and state.loop_count > 1:
        text += f" at iteration {state.loop_count}"
    if not state.is_failed():
        return logging.INFO, f"{text} in {event.seconds:.3g} s"
    # What only followed from another failure needs no line of its own at this level.
    level = logging.INFO if state.is_trigger_failed() else logging.ERROR
    return level, f"{text}: {_short(state.message or '')}"


def _summary(event: RunEnded) -> str:
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
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
