"""The functions of the user that are told of a task's states."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Hook", "Hooks", "StateHandler", "hooks", "state_handlers"]

StateHandler = Callable[[Any, Any, Any], Any]
"""Takes ``(task, old_state, new_state)`` and returns a state, or None to leave it as it is."""

Hook = Callable[[Any, Any], Any]
"""Takes ``(task, state)``; what it returns is ignored."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The state handlers and hooks of one task; all of them run in the driver's process."""

    state_handlers: tuple[StateHandler, ...] = ()
    """Called at each change of state, in order."""
    on_failure: Hook | None = None
    """Called at each failed attempt."""
    on_retry: Hook | None = None
    """Called when a failed attempt will be tried again."""
    on_loop: Hook | None = None
    """Called when an iteration ended and the loop goes on."""
    on_final_failure: Hook | None = None
    """Called once, when no attempt is left."""
    on_completion: Hook | None = None
    """Called once, with the final state, whatever it is."""

    def changed(self, changes: dict[str, Any]) -> Hooks:
        """Make hooks with some replaced, for a copy of a task.

        Examples
        --------
        >>> Hooks().changed({"on_loop": print}).on_loop is print
        True
        """
        return replace(self, **_checked(changes))


def hooks(**given: Any) -> Hooks:
    """Check what the user gave and make `Hooks` of it.

    Parameters
    ----------
    **given
        By the names of the fields of `Hooks`; None means none.

    Raises
    ------
    TypeError
        If something cannot be called, or not with the arguments it will get.

    Examples
    --------
    >>> hooks(state_handlers=[lambda task, old, new: new]).on_failure is None
    True
    """
    return Hooks(**_checked(given))


def state_handlers(given: object, what: str, first: str) -> tuple[StateHandler, ...]:
    """Check a list of state handlers.

    Parameters
    ----------
    given : iterable of callables, or None
        What the user gave.
    what : str
        How the option is called in the error.
    first : str
        What the handler's first argument is: ``"task"`` or ``"flow"``.
    """
    if given is None:
        return ()
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes)):
        raise TypeError(f"{what}={given!r}: give a list of callables, like {what}=[handler]")
    handlers = tuple(given)
    for handler in handlers:
        check_callable(handler, what, (first, "old_state", "new_state"))
    return handlers


def check_callable(given: object, what: str, arguments: tuple[str, ...]) -> None:
    """Refuse what cannot be called with as many positional arguments as are named."""
    wanted = f"a callable that takes ({', '.join(arguments)})"
    if not callable(given):
        raise TypeError(f"{what}={given!r}: give {wanted}")
    try:
        signature = inspect.signature(given)
    except (TypeError, ValueError):
        return  # Some callables of C have no signature to look at.
    try:
        signature.bind(*arguments)
    except TypeError:
        raise TypeError(f"{what}={given!r} takes {signature}: give {wanted}") from None


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    checked = dict(given)
    if "state_handlers" in checked:
        checked["state_handlers"] = state_handlers(
            checked["state_handlers"], "state_handlers", "task"
        )
    for name, hook in checked.items():
        if name != "state_handlers" and hook is not None:
            check_callable(hook, name, ("task", "state"))
    return checked
