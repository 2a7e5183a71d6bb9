"""The user's handlers, hooks and triggers: what they see, and what becomes of what they do."""

from __future__ import annotations

from typing import Any

import pytest

from daskloop.contexts import context
from daskloop.define.annotations import unmapped
from daskloop.define.graph import TaskGraph
from daskloop.errors import HandlerError
from daskloop.record.sealed import unseal
from daskloop.run.closing import Closing
from daskloop.run.handlers import Handlers
from daskloop.run.turn import Announcement, Handled, Question
from daskloop.signals import FAIL, LOOP, RETRY, SKIP, SUCCESS, TRIGGERFAIL
from daskloop.states import Failed, Looped, Mapped, Retrying, Running, Skipped, Success
from tests.run.driven import RUN, Driven, Plain
from tests.run.lives import entry, sealed

AROUND = {"run_id": RUN, "flow_name": "f", "parameters": {}}


def answer_of(asked: Announcement | Question) -> Handled:
    """Let real handlers answer, in this thread."""
    answers: list[Handled] = []
    Handlers(AROUND, Closing(None, 1_000, RUN), answers.append, threaded=False).ask(asked)
    (answer,) = answers
    return answer


def run_of(**options: Any) -> Driven:
    """Start a flow of one task and answer what is asked before its first attempt."""
    graph = TaskGraph("f")
    Plain(name="t", **options).bind(flow=graph)
    run = Driven(graph).start()
    settle(run)
    return run


def settle(run: Driven) -> None:
    """Let real handlers answer everything."""
    while run.questions:
        asked = run.questions.pop(0)
        run.take(answer_of(asked))


def ended(kind: str = "success", value: Any = None, **options: Any) -> Any:
    """Return the final state of a task whose only attempt ended so."""
    run = run_of(**options)
    run.come("t", kind=kind, value=value)
    settle(run)
    return run.state("t")


def on(state: type, act: Any) -> Any:
    """Make a handler that acts on one kind of state."""
    return lambda task, old, new: act(new) if type(new) is state else None


def throw(error: BaseException) -> Any:
    """Make a function that raises."""

    def act(*_: Any) -> Any:
        raise error

    return act


def test_l08_handlers_run_in_order_and_each_sees_what_the_one_before_made():
    seen = []

    def first(task: Any, old: Any, new: Any) -> Any:
        seen.append(("first", type(new).__name__))
        return Success("better", 2) if isinstance(new, Success) else None

    def second(task: Any, old: Any, new: Any) -> None:
        seen.append(("second", new.message if isinstance(new, Success) else ""))

    assert ended(state_handlers=[first, second]).result == 2
    assert seen == [
        ("first", "Running"),
        ("second", ""),
        ("first", "Success"),
        ("second", "better"),
    ]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyboardInterrupt(), LOOP("x")])
@pytest.mark.parametrize("state", [Running, Success])
def test_r07_a_handler_that_raises_fails_the_task_without_a_retry(state: type, error: Any):
    run = run_of(max_retries=5, state_handlers=[on(state, throw(error))])
    if state is Success:
        run.come("t")
        settle(run)
    final = run.state("t")
    assert type(final) is Failed and isinstance(final.result, HandlerError)
    assert "'t'" in final.message and run.machine.finished
    if isinstance(error, LOOP):
        assert "LOOP" in final.message and "body" in final.message  # L9


def test_r07_fail_raised_by_a_handler_of_a_success_is_retried():
    run = run_of(max_retries=1, state_handlers=[on(Success, throw(FAIL("not yet")))])
    run.come("t")
    settle(run)
    assert run.child("t").progress.run_count == 2
    run.come("t")
    settle(run)
    assert run.state("t").is_failed() and run.state("t").message == "not yet"


@pytest.mark.parametrize(("signal", "kind"), [(SKIP("s"), Skipped), (SUCCESS("y", 3), Success)])
def test_l08_other_signals_of_a_handler_end_the_task_so(signal: Any, kind: type):
    assert type(ended(state_handlers=[on(Success, throw(signal))])) is kind


def test_l08_retry_raised_by_a_handler_is_a_retry():
    run = run_of(state_handlers=[on(Failed, throw(RETRY("again")))])
    run.come("t", kind="failed")
    settle(run)
    assert run.child("t").progress.run_count == 2


@pytest.mark.parametrize("answer", [5, "Success", Success])
def test_l08_what_is_no_state_is_refused_with_the_handlers_name(answer: Any):
    def my_handler(task: Any, old: Any, new: Any) -> Any:
        return answer if isinstance(new, Success) else None

    assert "my_handler" in ended(state_handlers=[my_handler]).message


def test_l08_a_result_changed_in_place_is_the_next_payload():
    def double(new: Any) -> None:
        new.result = new.result * 2

    run = run_of(state_handlers=[on(Looped, double)])
    run.come("t", kind="looped", value=[1])
    settle(run)
    payload = run.child("t").progress.payload
    assert payload is not None and unseal(payload, None) == [1, 1]


def test_l08_a_result_that_no_handler_asks_for_is_not_opened():
    run = run_of(state_handlers=[lambda task, old, new: None])
    run.come("t", kind="looped", value=1)
    answer = answer_of(run.questions[0])
    assert answer.value is None and answer.state is run.questions[0].new


def test_r03_hooks_are_called_each_time_and_once():
    calls = []

    def note(name: str) -> Any:
        return lambda task, state: calls.append((name, type(state).__name__))

    names = ("on_failure", "on_retry", "on_loop", "on_final_failure", "on_completion")
    run = run_of(max_retries=1, **{name: note(name) for name in names})
    for kind in ("looped", "failed", "failed"):
        run.come("t", kind=kind)
        settle(run)
    assert calls == [
        ("on_loop", "Looped"),
        ("on_failure", "Failed"),
        ("on_retry", "Retrying"),
        ("on_failure", "Failed"),
        ("on_final_failure", "Failed"),
        ("on_completion", "Failed"),
    ]
    assert run.machine.finished


def test_a_hook_of_the_final_state_that_raises_changes_nothing():
    run = run_of(on_completion=throw(SystemExit(3)))
    run.come("t", value=5)
    settle(run)
    assert run.state("t").result == 5 and run.machine.finished


def test_f07_handlers_see_the_context_of_their_attempt():
    seen = []

    def look(task: Any, old: Any, new: Any) -> None:
        names = ("task_loop_count", "task_run_count", "idempotency_key", "run_id")
        seen.append(tuple(context.get(name) for name in names))

    run = run_of(state_handlers=[look])
    run.come("t", kind="looped")
    settle(run)
    assert seen[0] == (None, 1, f"{RUN}/t-1@1", RUN)
    assert seen[-1] == (2, 1, f"{RUN}/t-1@2", RUN)
    assert dict(context) == {}


@pytest.mark.parametrize(
    ("trigger", "kind", "words"),
    [
        (lambda upstream: False, "TriggerFailed", "not met"),
        (throw(ValueError("no")), "TriggerFailed", "raised"),
        (throw(SystemExit(1)), "TriggerFailed", "raised"),
        (throw(TRIGGERFAIL("no")), "TriggerFailed", "no"),
        (throw(SKIP("no")), "Skipped", "no"),
        (throw(LOOP("no")), "TriggerFailed", "body"),
        (throw(FAIL("no")), "Failed", "no"),
    ],
)
def test_l09_a_trigger_of_the_users_says_how_the_task_ends(trigger: Any, kind: str, words: str):
    run = run_of(trigger=trigger, max_retries=5)
    state = run.state("t")
    assert type(state).__name__ == kind and words in state.message and not run.records
    if state.is_failed():  # M1: a failed child contributes its exception
        assert isinstance(state.result, BaseException)


def test_a_trigger_of_the_users_sees_the_states_above_by_edge():
    seen: list[dict[Any, Any]] = []
    graph = TaskGraph("f")
    above = Plain(name="a").bind(flow=graph)
    many = Plain(name="m").map([1, 2], flow=graph)
    Plain(name="t", trigger=lambda up: seen.append(up) or True).map(
        many, unmapped(above), flow=graph
    )
    run = Driven(graph).start()
    run.come("a")
    run.come("m", 0)
    run.come("m", 1, "failed")
    settle(run)
    kinds = [{edge.key: type(state).__name__ for edge, state in one.items()} for one in seen]
    assert kinds == [{"x": "Success", "y": "Success"}, {"x": "Failed", "y": "Success"}]


def test_an_answer_that_cannot_be_given_still_comes():
    """Without an answer the run would wait for ever."""
    answers: list[Handled] = []
    handlers = Handlers({}, Closing(None, 1_000, RUN), answers.append, threaded=True)
    graph = TaskGraph("f")
    Plain(name="t", state_handlers=[lambda task, old, new: None]).bind(flow=graph)
    handlers.ask(Driven(graph).start().questions[0])  # there is no run_id in the context
    handlers.close(wait=True)
    (answer,) = answers
    assert isinstance(answer.state, Failed) and answer.final


def test_m06_a_handler_of_a_map_sees_its_state():
    seen = []
    graph = TaskGraph("f")
    handler = lambda task, old, new: seen.append((context.map_index, type(new)))  # noqa: E731
    Plain(name="m", state_handlers=[handler]).map([1], flow=graph)
    run = Driven(graph).start()
    settle(run)
    run.take(*[])
    assert seen == [(None, Mapped), (0, Running)]


def test_the_state_that_a_hook_has_seen_is_the_one_that_stands():
    seen = []
    run = run_of(on_retry=lambda task, state: seen.append(state), max_retries=1, retry_delay=7)
    run.come("t", kind="failed")
    settle(run)
    (state,) = seen
    assert isinstance(state, Retrying) and state.run_count == 2
    assert entry("looped", 1).value == sealed(1)
