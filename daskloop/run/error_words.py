"""Put exceptions into words, guarded against what their own methods do."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from daskloop.record.sealed import ErrorText

__all__ = ["LONGEST", "alone", "error_text", "guarded", "message_text"]

LONGEST = 65_536
"""Characters of an error's text or traceback that travel."""


def error_text(error: BaseException) -> ErrorText:
    """Put an exception into words, guarded against what its own methods do."""
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    return ErrorText(name, guarded(str, error)[:LONGEST], _traceback(error))


def alone(error: BaseException) -> None:
    """Take from an exception its traceback and those that it followed from."""
    # Past what its class does when it is written to: a frozen dataclass refuses that.
    for name in ("__traceback__", "__cause__", "__context__"):
        BaseException.__setattr__(error, name, None)


def message_text(message: object) -> str:
    """Write the message of a state down; users give other things than texts, too."""
    if not message:
        return ""
    return message if type(message) is str else guarded(str, message)[:LONGEST]


def guarded(show: Callable[[Any], str], error: Any) -> str:
    """Return what `str` or `repr` makes of an object of the user's, or say that it raised."""
    try:
        return show(error)
    except KeyboardInterrupt:
        raise
    # `__str__` and `__repr__` of user exceptions may raise anything.
    except BaseException as trouble:
        return f"<{type(error).__name__} whose {show.__name__} raised {type(trouble).__name__}>"


def _traceback(error: BaseException) -> str:
    """Format the traceback from user code on, without the engine's own frames."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace):
        trace = trace.tb_next
    if trace is None:
        return ""
    try:
        lines = traceback.format_exception(type(error), error, trace, limit=-50)
    except KeyboardInterrupt:
        raise
    # Formatting calls `__str__` of the exception and of its causes.
    except BaseException as trouble:
        return f"<traceback could not be formatted: {type(trouble).__name__}>"
    text = "".join(lines)
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]}\n...\n{text[-half:]}"


def _is_ours(trace: TracebackType) -> bool:
    return str(trace.tb_frame.f_globals.get("__name__", "")).startswith("daskloop.run.")
