"""Call the user's handlers, hooks and triggers, off the driver's thread.

A child waits for its own handler; the driver and the other children do not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from daskloop.contexts import Later, context
from daskloop.deferred import Deferred
from daskloop.errors import HandlerError, PayloadError, StoreError
from daskloop.keys import idempotency_key
from daskloop.loggers import passing_logger
from daskloop.record.sealed import Sealed
from daskloop.run.closing import Closing
from daskloop.run.error_words import message_text
from daskloop.run.hooking import hooks_for, last_hooks_for
from daskloop.run.opening import state_of_signal
from daskloop.run.secrecy import Redaction
from daskloop.run.standing import Child
from daskloop.run.turn import Announcement, Handled, Question
from daskloop.signals import LOOP, PAUSE, TRIGGERFAIL, Signal
from daskloop.states import Failed, State, TriggerFailed

__all__ = ["Handlers", "announce"]

logger = logging.getLogger("daskloop.run")

_THREADS = 32  # functions of the user that may be slow at once


class Handlers:
    """Answers the machine's questions by calling the user's functions.

    Parameters
    ----------
    surroundings : mapping
        Context values that are the same for the whole run.
    closing : Closing
        Closes results that a handler changed.
    post : callable
        Takes the answers, on any thread.
    threaded : bool
        False to call in the driver's own thread, for an inline run, where pdb has to work.
    redaction : Redaction, optional
        Takes secrets out of what they say: they see those in the states of parameters.
    """

    def __init__(
        self,
        surroundings: Mapping[str, Any],
        closing: Closing,
        post: Callable[[Handled], None],
        *,
        threaded: bool,
        redaction: Redaction = Redaction(()),  # noqa: B008 - it is frozen
    ) -> None:
        self._surroundings = surroundings
        self._closing = closing
        self._post = post
        self._threaded = threaded
        self._redacted = redaction
        self._pool: ThreadPoolExecutor | None = None

    def ask(self, question: Announcement | Question) -> None:
        """Call what the user wants called; the answer is posted."""
        if not self._threaded:
            self._post(self._answer(question))
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="daskloop-handlers")
        self._pool.submit(self._answer_later, question)

    def _answer_later(self, question: Announcement | Question) -> None:
        try:
            self._post(self._answer(question))
        # Without an answer the run would wait for ever.
        except BaseException as error:
            told = self._redacted.of_error(error)
            logger.error("a handler of '%s' broke", question.child.name, exc_info=told)
            self._post(self._broke(question, error))

    def close(self, *, wait: bool) -> None:
        """Let the threads go; wait for them only if nothing of the user's is under way."""
        if self._pool is not None:
            self._pool.shutdown(wait=wait, cancel_futures=True)

    def _answer(self, question: Announcement | Question) -> Handled:
        with context.only(self._values(question)):
            if isinstance(question, Question):
                return self._judged(question)
            if question.last:
                return self._call_last(question)
            return self._call_handlers(question)

    def _values(self, question: Announcement | Question) -> dict[str, Any]:
        child = question.child
        plan = child.node.plan
        values = dict(
            self._surroundings,
            task_name=plan.name,
            task_full_name=child.name,
            task_slug=plan.slug,
            map_index=child.index,
        )
        fields = {
            "run": values.get("run_id"),
            "flow": values.get("flow_name"),
            "task": plan.name,
            "child": child.name,
            "map_index": child.index,
        }
        if isinstance(question, Announcement):
            address = child.address_at(question.iteration)
            values["task_run_count"] = question.run_count
            fields.update(iteration=question.iteration, attempt=question.run_count)
            values["idempotency_key"] = idempotency_key(values["run_id"], address)
            if question.iteration > 1:
                values["task_loop_count"] = question.iteration
        values["logger"] = Later(lambda: passing_logger(fields))
        return values

    def _judged(self, question: Question) -> Handled:
        """Ask a trigger, and close the result that it gives the child instead of running it."""
        state = self._ask_trigger(question)
        if state is None:
            return Handled(question, None)
        state = self._redacted.of_state(state)
        if not state.is_successful():
            return Handled(question, state)
        return self._with_result(question, state, False)

    def _ask_trigger(self, question: Question) -> State | None:
        """Ask whether a child may run; None means yes."""
        trigger = question.child.node.plan.task.trigger
        name = getattr(trigger, "__name__", repr(trigger))
        try:
            if trigger(question.upstream):
                return None
        except Signal as signal:
            return _worded(state_of_signal(signal, "trigger", question.child.name))
        # A trigger is code of the user; the task that has it says what it raised.
        except BaseException as error:
            text = f"the trigger {name} of '{question.child.name}' raised {error!r}"
            return TriggerFailed(text, error)
        text = f"Trigger {name} was not met."
        return TriggerFailed(text, TRIGGERFAIL(text))

    def _call_last(self, announced: Announcement) -> Handled:
        task = announced.child.node.plan.task
        for hook in last_hooks_for(task.hooks, announced.new):
            try:
                hook(task, announced.new)
            # The final state stands; a hook that raises is only logged.
            except BaseException as error:
                told = self._redacted.of_error(error)
                logger.error("a hook of '%s' raised", announced.child.name, exc_info=told)
        return Handled(announced, announced.new)

    def _call_handlers(self, announced: Announcement) -> Handled:
        child = announced.child
        task = child.node.plan.task
        try:
            state = announce(task, task.hooks.state_handlers, announced.old, announced.new)
            if state.is_mapped() and not announced.new.is_mapped():
                raise HandlerError(
                    f"a state handler returned {state!r} where no children were started; return "
                    "a state of one task, like Success(result=...)"
                )
            for hook in hooks_for(task.hooks, state):
                _named(hook, "hook", task, state)
        except Signal as signal:
            if isinstance(signal, (LOOP, PAUSE)):
                return self._broke(announced, signal)
            state = _worded(state_of_signal(signal, "handler", child.name))
        # A handler is code of the user; the task that has it says what it raised.
        except BaseException as error:
            return self._broke(announced, error)
        return self._closed(announced, self._redacted.of_state(state))

    def _broke(self, asked: Announcement | Question, error: BaseException) -> Handled:
        """Fail the child whose handler raised what it must not."""
        state = self._redacted.of_state(_broken(asked, "handler", error))
        return Handled(asked, state, final=True)

    def _closed(self, announced: Announcement, state: State) -> Handled:
        """Close the result of a state if a handler opened or changed it."""
        result = state.unopened_result
        same = isinstance(result, Deferred) and (
            state is announced.new or result is announced.new.unopened_result
        )
        if same or not state.is_finished() or state.is_mapped():
            return Handled(announced, state, announced.final)
        return self._with_result(announced, state, announced.final)

    def _with_result(self, asked: Announcement | Question, state: State, final: bool) -> Handled:
        """Close the result of a state that stands; what cannot be closed fails the child."""
        try:
            if state.is_looped():
                before = _handed_on(asked.child)
                state.result = self._closing.in_place_of(before, state.unopened_result)
            closed = self._closing.close_result(asked.child, state)
        except (PayloadError, StoreError) as error:
            return Handled(asked, Failed(str(error), error), final=True)
        return Handled(asked, state, final, *self._redacted.of_closed(*closed))


def _handed_on(child: Child) -> Sealed | None:
    """Return the payload that an attempt handed on; of one that did not loop, what it was given."""
    entry = child.progress.entry
    if entry is None or entry.kind != "looped":
        return child.progress.payload
    return entry.value


def announce(
    subject: Any,
    handlers: tuple[Callable[[Any, State, State], Any], ...],
    old: State,
    new: State,
) -> State:
    """Pass a change of state through handlers, in order.

    Raises
    ------
    HandlerError
        If one returns something that is not a state.
    """
    for handler in handlers:
        answer = _named(handler, "state handler", subject, old, new)
        if answer is None:
            continue
        if not isinstance(answer, State):
            raise HandlerError(
                f"state handler {_name(handler)} returned {answer!r:.100}; return a state, or None "
                "to leave it as it is"
            )
        new = answer
    return _worded(new)


def _worded(state: State) -> State:
    """Make a text of the message of a state, before it is searched for secrets and written down."""
    if state.message is not None and type(state.message) is not str:
        state.message = message_text(state.message)
    return state


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", repr(function)))


def _named(function: Callable[..., Any], what: str, *arguments: Any) -> Any:
    """Call a function of the user's, and name it if it raises."""
    try:
        return function(*arguments)
    # Signals pass: they say what is wanted. Whatever else is raised belongs to the function.
    except Exception as error:
        raise HandlerError(f"{what} {_name(function)} raised {error!r:.500}") from error


def _broken(question: Announcement | Question, what: str, error: BaseException) -> State:
    if isinstance(error, LOOP):
        reason = "a state handler or hook raised LOOP; only a task's own body can loop"
    elif isinstance(error, PAUSE):
        reason = "a state handler or hook raised PAUSE; only a task's own body can pause"
    elif isinstance(error, HandlerError):
        reason = str(error)
    else:
        reason = f"a state handler or hook raised {error!r:.500}"
    text = f"'{question.child.name}': {reason}"
    result = HandlerError(text)
    result.__cause__ = error
    return Failed(text, result)
