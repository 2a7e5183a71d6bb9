"""State handlers and hooks are looked at when they are given."""

import pytest

from daskloop.define.decorator import task
from daskloop.define.hooks import Hooks, hooks


def handler(task, old, new):
    return new


def hook(task, state):
    return None


def test_handlers_and_hooks_are_kept_in_order():
    assert hooks(state_handlers=[handler, handler], on_loop=hook) == Hooks(
        state_handlers=(handler, handler), on_loop=hook
    )
    assert hooks(state_handlers=None) == Hooks()


@pytest.mark.parametrize("given", [handler, "handler", 5, [handler, "name"], [hook], [None]])
def test_handlers_that_cannot_be_called_are_refused_where_the_task_is_defined(given):
    with pytest.raises(TypeError, match=r"state_handlers=.*(list of callables|\(task, old_state)"):
        task(lambda: None, state_handlers=given)


@pytest.mark.parametrize(
    "name", ["on_failure", "on_retry", "on_loop", "on_final_failure", "on_completion"]
)
@pytest.mark.parametrize("given", [handler, "text", lambda: None], ids=["three", "text", "none"])
def test_hooks_that_cannot_be_called_are_refused_where_the_task_is_defined(name, given):
    with pytest.raises(TypeError, match=rf"{name}=.*\(task, state\)"):
        task(lambda: None, **{name: given})


def test_a_callable_without_a_signature_is_taken_at_its_word():
    assert task(lambda: None, on_failure=print).hooks.on_failure is print
    assert task(lambda: None, on_failure=max).hooks.on_failure is max


def test_a_copy_keeps_the_hooks_that_are_not_changed():
    kept = hooks(on_failure=hook).changed({"state_handlers": [handler]})
    assert kept == Hooks(state_handlers=(handler,), on_failure=hook)
    with pytest.raises(TypeError, match="on_loop"):
        kept.changed({"on_loop": 5})
