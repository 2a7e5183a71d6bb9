"""Somebody is told of a run: few messages, no secrets, and nothing waits for an answer."""

from __future__ import annotations

import logging
import re
import threading
import time

import dask
import pytest
import yaml

from daskloop import Flow, Parameter, task
from daskloop.engine.signals import PAUSE
from daskloop.flow.notifiers import listeners_for
from daskloop.notify import Apprise, Slack, Webhook, delivery
from daskloop.notify.rules import Rules
from daskloop.run import announcer
from tests.docs.blocks import ROOT
from tests.notify.receiver import receiver

NOTIFICATIONS = ROOT / "docs" / "notifications.md"
TOKEN = "/services/T0SECRET/B0TOKEN12345"


apprise_imports = pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Wait little before another try."""
    monkeypatch.setattr(delivery, "_DELAYS", (0.01, 0.02))


@task
def inverse(x):
    return 1 / x


def flow_of(*numbers, name="inverses", **options):
    with Flow(name, **options) as flow:
        inverse.map(list(numbers))
    return flow


@pytest.fixture(params=["inline", "threads"], ids=str)
def executor(request):
    return "inline" if request.param == "inline" else request.getfixturevalue("threads_client")


def test_a_run_that_ends_well_is_told_of_once(executor):
    with receiver() as hook:
        flow_of(1, 2).run(executor=executor, notify=[Webhook(hook.url)])
    (body,) = hook.posted
    assert body["event"] == "finished"
    assert body["flow"] == "inverses"
    assert body["ended"]["state"] == "Success"
    assert "ended: Success in" in body["title"]
    assert body["told"] == []


def test_all_failures_of_a_short_run_are_told_with_its_end(executor):
    with receiver() as hook:
        flow_of(0, 1, 0, 0).run(executor=executor, notify=[Webhook(hook.url)])
    (body,) = hook.posted
    assert body["event"] == "failed"
    assert body["ended"]["failed"] == 3
    (told,) = body["told"]
    assert told["count"] == 3
    assert told["child"] in ("inverse[0]", "inverse[2]", "inverse[3]")  # the first to fail
    assert "ZeroDivisionError" in told["text"]
    assert f"{told['child']} and 2 more: " in body["text"]


def test_only_what_was_asked_for_is_told():
    with receiver() as hook:
        on = Webhook(hook.url, on=("failed",))
        flow_of(1).run(executor="inline", notify=[on])
        assert hook.posted == []
        flow_of(0).run(executor="inline", notify=[on])
    assert [body["event"] for body in hook.posted] == ["failed"]


def test_a_flow_may_say_who_is_told_and_a_run_that_nobody_is(monkeypatch):
    with receiver() as hook:
        flow = flow_of(1, notify=[Webhook(hook.url)])
        flow.run(executor="inline", notify=False)
        assert hook.posted == []
        flow.run(executor="inline")
        flow.submit(executor="inline").result()
    assert len(hook.posted) == 2


def test_a_receiver_may_have_a_name_in_the_configuration():
    with receiver() as hook:
        known = {"ops": {"url": hook.url, "on": ["finished"]}, "plain": hook.url}
        with dask.config.set({"daskloop.notifiers": known, "daskloop.notify": ["plain"]}):
            flow_of(1).run(executor="inline")
            flow_of(1).run(executor="inline", notify=["ops", hook.url])
    assert len(hook.posted) == 3


def test_the_environment_may_name_one_address():
    with receiver() as hook:
        found = dask.config.collect_env({"DASK_DASKLOOP__NOTIFY": hook.url})
        with dask.config.set(found):
            flow_of(1).run(executor="inline")
    assert [body["event"] for body in hook.posted] == ["finished"]


def test_a_configuration_as_the_documentation_has_it_is_understood(monkeypatch):
    (block,) = re.findall(r"```yaml\n(.*?)```", NOTIFICATIONS.read_text(), re.DOTALL)
    written = yaml.safe_load(block.replace("...", "T0/B0/x"))["daskloop"]
    with dask.config.set({f"daskloop.{key}": value for key, value in written.items()}):
        ops, log = listeners_for(["ops", "log"], [], {})
        (default,) = listeners_for(None, [], {})
    assert repr(ops) == repr(default) == "<notifications to https://hooks.slack.com/•••>"
    assert log._digest._rules == Rules(frozenset({"finished", "failed", "retries"}), 300.0, 50)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (5, "Config daskloop.notifiers.ops: write a URL, or a mapping with url"),
        ({"on": ["failed"]}, "Config daskloop.notifiers.ops: write a URL, or a mapping with url"),
        (
            {"url": "https://a.org/x", "colour": 1},
            "ops: there is no 'colour'. There are on",
        ),
        ({"url": "https://a.org/x", "on": ["no"]}, "notifiers.ops: on=.'no',.: there is no such"),
    ],
)
def test_an_entry_of_the_configuration_that_makes_no_sense_is_refused(entry, text):
    with (
        dask.config.set({"daskloop.notifiers": {"ops": entry}}),
        pytest.raises(ValueError, match=text),
    ):
        listeners_for(["ops"], [], {})


def test_an_approval_that_is_waited_for_is_told_of_while_the_run_waits():
    @task
    def ask():
        raise PAUSE("may I?")

    with Flow("asks") as flow:
        asked = ask()
    with receiver() as hook:
        run = flow.submit(executor="inline", notify=[Webhook(hook.url, on=("paused",), window=0)])
        hook.wait_for(1)
        run.reject(asked)
        run.result(20)
    (body,) = hook.posted
    assert body["event"] == "paused"
    assert body["told"] == [{"child": "ask", "text": "may I?", "count": 1}]


def test_many_retries_are_told_of():
    @task(max_retries=5)
    def flaky():
        raise ConnectionError("reset")

    with Flow("flakes") as flow:
        flaky()
    with receiver() as hook:
        on = Webhook(hook.url, on=("retries",), retries=2)
        flow.run(executor="inline", notify=[on])
    (body,) = hook.posted
    assert body["title"].endswith("5 retries so far")


def test_a_receiver_that_fails_is_tried_again_and_then_given_up(caplog):
    with receiver(lambda count: (500, {})) as hook:
        state = flow_of(1).run(executor="inline", notify=[Webhook(hook.url + "?key=word12345")])
    assert state.is_successful()
    assert hook.tries == 3
    assert "answered 500" in caplog.text
    assert "word12345" not in caplog.text


def test_a_receiver_that_recovers_gets_the_message():
    with receiver(lambda count: (429, {"Retry-After": "0"}) if count == 1 else 204) as hook:
        flow_of(1).run(executor="inline", notify=[Webhook(hook.url)])
    assert hook.tries == 2


def test_a_refusal_and_a_redirection_are_not_tried_again(caplog):
    answers = {1: 403, 2: (302, {"Location": "http://127.0.0.1:9/"})}
    with receiver(answers.get) as hook:
        for _ in range(2):
            flow_of(1).run(executor="inline", notify=[Webhook(hook.url)])
    assert hook.tries == 2
    assert "answered 403" in caplog.text
    assert "answered 302; give the address that it leads to" in caplog.text


def test_a_receiver_that_hangs_keeps_neither_the_run_nor_its_end(caplog, monkeypatch):
    monkeypatch.setattr(announcer, "_PATIENCE", 0.3)
    go = threading.Event()

    def hang(count):
        go.wait(30)
        return 200

    with receiver(hang) as hook:
        began = time.monotonic()
        state = flow_of(1).run(executor="inline", notify=[Webhook(hook.url)])
        took = time.monotonic() - began
        go.set()
    assert state.is_successful()
    assert took < 20  # it would hang for 30
    assert "takes too long: left to itself" in caplog.text


def test_nobody_there_is_logged_by_host_alone(caplog):
    with receiver(path=TOKEN) as hook:
        pass
    caplog.set_level(logging.DEBUG)
    flow_of(1).run(executor="inline", notify=[Webhook(hook.url)])
    assert "ConnectionError at http://127.0.0.1:" in caplog.text
    assert "TOKEN" not in caplog.text and "SECRET" not in caplog.text


def test_no_message_and_no_log_holds_a_secret(caplog):
    @task
    def call(key, number):
        raise ConnectionError(f"401 for {key} at {number}")

    with Flow("secrets") as flow:
        call(Parameter("key", secret=True), Parameter("number", secret=True))
    caplog.set_level(logging.DEBUG, logger="urllib3")
    caplog.set_level(logging.DEBUG, logger="daskloop.notify")
    with receiver(path=TOKEN) as hook:
        told = [Webhook(hook.url, headers={"Authorization": "Bearer hush-hush"}), Slack(hook.url)]
        flow.run(key=["hunter22"], number=31415926, executor="inline", notify=told)
    text = repr((hook.posted, told))
    for secret in ("hunter22", "31415926", "TOKEN", "T0SECRET", "hush"):
        assert secret not in text
    assert "401 for" in text
    logs = "\n".join(one.getMessage() for one in caplog.records if one.name != "daskloop.run")
    assert "POST" in logs
    assert "TOKEN" not in logs
    assert {headers["Authorization"] for headers in hook.headers if "Authorization" in headers} == {
        "Bearer hush-hush"
    }


def test_each_text_of_a_secret_collection_is_hidden_and_what_is_no_text_is_not(caplog):
    secret = {"user": "hunter22", "keys": ["s3cr3t-one", ("s3cr3t-two",)], "no": None, "yes": True}

    @task
    def use(login):
        raise ValueError(f"None, True, {login['user']}, {login['keys']}")

    with Flow("collections") as flow:
        use(Parameter("login", secret=True))
    with receiver() as hook:
        flow.run(login=secret, executor="inline", notify=[Webhook(hook.url)])
    told = repr(hook.posted)
    assert "None, True, •••" in told
    for text in ("hunter22", "s3cr3t-one", "s3cr3t-two"):
        assert text not in told and text not in caplog.text


def test_slack_is_told_nothing_that_it_would_act_on():
    @task
    def fail():
        raise ValueError("<!channel> *look* <https://evil.example|here> & \x1b[31m" + "x" * 100_000)

    with Flow("hostile") as flow:
        fail()
    with receiver() as hook:
        flow.run(executor="inline", notify=[Slack(hook.url)])
    (body,) = hook.posted
    assert "&lt;!channel&gt;" in body["text"]
    assert "<" not in body["text"] and "\x1b" not in body["text"]
    assert len(body["text"]) <= 3_000 and body["mrkdwn"] is False


@apprise_imports
def test_apprise_takes_what_it_knows(caplog):
    caplog.set_level(logging.DEBUG, logger="apprise")
    with receiver() as hook:
        url = hook.url.replace("http://", "json://") + "secret-path-1"
        flow_of(0).run(executor="inline", notify=[Apprise(url)])
    (body,) = hook.posted
    assert "ended: Failed" in body["title"]
    assert "ZeroDivisionError" in body["message"]
    assert "secret-path-1" not in caplog.text


def test_two_runs_at_once_share_a_receiver():
    with receiver() as hook:
        told = [Webhook(hook.url)]
        runs = [flow_of(1, name=f"f{n}").submit(executor="inline", notify=told) for n in range(3)]
        names = {run.name for run in runs if run.result(20)}
    assert {body["run"] for body in hook.posted} == names
    assert len(hook.posted) == 3


@apprise_imports
@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ("ops", TypeError, r"flow.run\(notify='ops'\): give a list"),
        ([5], TypeError, r"flow.run\(notify=\[5\]\): give a list"),
        (["nobody"], ValueError, "there is no 'nobody' in the configuration daskloop.notifiers"),
        (["http://example.org/x"], ValueError, "begins with https://"),
        (["ftp2://word12345"], ValueError, "ftp2://••• is no address that apprise knows"),
    ],
)
def test_what_cannot_be_told_is_refused_before_anything_runs(given, kind, text, caplog):
    with pytest.raises(kind, match=text):
        flow_of(1).run(executor="inline", notify=given)
    assert "word12345" not in caplog.text


def test_a_flow_refuses_early_what_is_no_list():
    with pytest.raises(TypeError, match=r"Flow\(notify=5\): give a list"):
        Flow("f", notify=5)
