"""Which of the user's hooks a state concerns."""

from __future__ import annotations

from daskloop.define.hooks import Hook, Hooks
from daskloop.states import Failed, Looped, Retrying, State

__all__ = ["hooks_for", "last_hooks_for"]


def hooks_for(hooks: Hooks, state: State) -> tuple[Hook, ...]:
    """List the hooks that are called when a state is proposed, after the state handlers."""
    hook: Hook | None = None
    if isinstance(state, Failed):
        hook = hooks.on_failure
    elif isinstance(state, Retrying):
        hook = hooks.on_retry
    elif isinstance(state, Looped):
        hook = hooks.on_loop
    return () if hook is None else (hook,)


def last_hooks_for(hooks: Hooks, state: State) -> tuple[Hook, ...]:
    """List the hooks that are called once, when the final state stands."""
    final = hooks.on_final_failure if isinstance(state, Failed) else None
    return tuple(hook for hook in (final, hooks.on_completion) if hook is not None)
