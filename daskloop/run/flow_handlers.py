"""Let the handlers of the flow itself see how a run begins and ends."""

from __future__ import annotations

import logging
from typing import Any

from daskloop.errors import HandlerError
from daskloop.run.handlers import announce
from daskloop.run.secrecy import Redaction
from daskloop.signals import Signal
from daskloop.states import Failed, State

__all__ = ["announce_flow", "call_on_failure"]

logger = logging.getLogger("daskloop.run")


def announce_flow(flow: Any, name: str, old: State, new: State) -> State:
    """Let the flow's handlers see a state, and perhaps replace it."""
    handlers = tuple(getattr(flow, "state_handlers", ()))
    results = new.unopened_result
    try:
        state = announce(flow, handlers, old, new)
    # Handlers of the flow are code of the user; the flow says what they raised.
    except (Exception, Signal) as error:
        text = f"a state handler of flow '{name}' raised {error!r}"
        problem = HandlerError(text)
        problem.__cause__ = error
        state = Failed(text, problem)
    if new.is_finished() and not state.is_finished():
        text = (
            f"a state handler of flow '{name}' returned {state!r} for a flow that had ended; "
            "return a finished state, or None to leave it as it is"
        )
        state = Failed(text, HandlerError(text))
    if isinstance(results, dict) and state.unopened_result is not results:
        state.result = results  # the tasks' states are never lost to a handler
    return state


def call_on_failure(flow: Any, name: str, state: State, redaction: Redaction) -> None:
    """Call the flow's hook, if it has one and the run failed; what it raises quotes no secret."""
    hook = getattr(flow, "on_failure", None)
    if hook is None or not state.is_failed():
        return
    try:
        hook(flow, state)
    # The state stands; a hook that raises is only logged.
    except (Exception, Signal) as error:
        told = redaction.of_error(error)
        logger.error("on_failure of flow '%s' raised", name, exc_info=told)
