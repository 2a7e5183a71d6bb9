"""A planted secret in what signals, triggers and state handlers say."""

from __future__ import annotations

import traceback

import pytest

from daskloop import Flow, Parameter, context, task
from daskloop.engine.signals import FAIL, SKIP, SUCCESS, TRIGGERFAIL
from daskloop.errors import RemoteError
from daskloop.run.secrecy import Redaction
from daskloop.states import Failed, Success

SECRET = "hunter22/with 'quotes' & more"
FORMS = [SECRET, repr(SECRET)[1:-1], "hunter22"]

KEPT = [
    (SKIP, SKIP),
    (FAIL, RemoteError),
    (TRIGGERFAIL, RemoteError),
    (SUCCESS, type(None)),
    (ValueError, RemoteError),
]


@task
def raises(token, kind):
    raise kind(f"no access with {token}")


@task
def raises_from(token, kind):
    try:
        raise ConnectionError(token)
    except ConnectionError as error:
        raise kind("no access with •••") from error


def by_trigger(token, kind):
    def trigger(states):
        raise kind(f"seen: {[state.result for state in states.values()]}")

    return raises.copy(trigger=trigger)(token, kind)


def by_handler(token, kind):
    def handler(task, old, new):
        if new.is_finished():
            raise kind(f"known: {SECRET}")

    return raises.copy(state_handlers=[handler])(token, kind)


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
@pytest.mark.parametrize("batch", [1, "auto"])
@pytest.mark.parametrize("call", [raises, raises_from, by_trigger, by_handler])
@pytest.mark.parametrize(("kind", "kept"), KEPT)
def test_p05_what_is_raised_quotes_no_secret(executor, batch, call, kind, kept, tmp_path, caplog):
    with Flow("planted") as flow:
        said = call(Parameter("token", secret=True), kind)
    journal = tmp_path / "runs"
    run = flow.run(token=SECRET, executor=executor, batch=batch, journal=journal)
    state = run.result[said]
    assert type(state.result) is kept or call is raises_from
    assert "•••" in state.message
    texts = [path.read_bytes().decode("latin-1") for path in journal.rglob("*") if path.is_file()]
    texts += [caplog.text, state.message, repr(state.result)]
    if isinstance(state.result, BaseException):
        texts += traceback.format_exception(state.result)
    assert not [text for text in texts if any(form in text for form in FORMS)]
    again = flow.run(token=SECRET, executor="inline", journal=journal, resume=True).result[said]
    assert (type(again), again.message) == (type(state), state.message)
    assert repr(again.result) == repr(state.result)


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
def test_p05_s04_what_a_signal_gives_as_result_is_kept_as_it_is(executor):
    @task
    def skips(token):
        raise SKIP(f"no access with {token}", result=[token])

    with Flow("given") as flow:
        skipped = skips(Parameter("token", secret=True))
    state = flow.run(token=SECRET, executor=executor).result[skipped]
    assert (state.message, state.result) == ("no access with •••", [SECRET])


def test_p05_a_state_that_a_handler_gives_shows_no_secret(tmp_path):
    def handler(task, old, new):
        return Success(f"had {SECRET}", result=[SECRET]) if new.is_failed() else new

    with Flow("given") as flow:
        given = raises.copy(state_handlers=[handler])(Parameter("token", secret=True), ValueError)
    state = flow.run(token=SECRET, executor="inline", journal=tmp_path / "runs").result[given]
    assert (state.message, state.result) == ("had •••", [SECRET])


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
def test_p05_a_hook_that_raises_is_logged_without_it(executor, caplog):
    def hook(task, state):
        raise ValueError(f"known: {SECRET}")

    with Flow("hooked") as flow:
        raises.copy(on_completion=hook)(Parameter("token", secret=True), FAIL)
    flow.run(token=SECRET, executor=executor)
    assert "known: •••" in caplog.text
    assert not any(form in caplog.text for form in FORMS)


def test_p05_a_state_that_quotes_nothing_is_the_same_object():
    redaction = Redaction(("hunter22",))
    for state in (Success("went well", ["hunter22"]), Failed("no", ValueError("no")), Failed()):
        assert redaction.of_state(state) is state
    quoting = Failed("hunter22", ValueError("no"))
    assert redaction.of_state(quoting).message == "•••"
    assert quoting.message == "hunter22"


def test_p05_a_skip_without_a_message_is_one_where_there_are_secrets_too():
    @task
    def skips(token):
        raise SKIP

    with Flow("silent") as flow:
        skipped = skips(Parameter("token", secret=True))
    state = flow.run(token="abc", executor="inline").result[skipped]  # too short to be looked for
    assert state.message == "Task was skipped." and isinstance(state.result, SKIP)


def test_p5_what_the_handlers_of_a_flow_say_quotes_no_secret(caplog):
    """At the beginning, at the end, and in the hook of a flow that failed."""
    moments = []

    def handler(flow, old, new):
        if type(new).__name__ == moments[0]:
            raise ValueError(f"cannot log in with {context.parameters['token']}")

    def hook(flow, state):
        raise ValueError(f"no mail with {context.parameters['token']}")

    @task
    def one(token):
        return 1

    with Flow("f", state_handlers=[handler], on_failure=hook) as flow:
        one(Parameter("token", secret=True))
    for moment in ("Running", "Success"):
        moments[:] = [moment]
        state = flow.run(token=SECRET, executor="inline")
        said = f"{state.message}{vars(state)}"
        if isinstance(state.result, BaseException):  # else the states of the tasks
            said += "".join(traceback.format_exception(state.result))
        assert state.is_failed() and "cannot log in with" in state.message
        assert not any(form in said for form in FORMS)
    assert "on_failure of flow 'f' raised" in caplog.text
    assert not any(form in caplog.text for form in FORMS)
