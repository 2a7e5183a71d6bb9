"""A planted secret is searched for wherever daskloop writes or shows something."""

from __future__ import annotations

import logging
import os
import re
import stat
import traceback
from pathlib import Path

import pytest
from click.testing import CliRunner

from daskloop import Flow, Parameter, again, context, loop_flow, task
from daskloop.cli.main import main
from daskloop.define.parameter import Parameter as Defined
from daskloop.engine.signals import LOOP
from daskloop.errors import RemoteError
from daskloop.plan.compile import compile_plan
from daskloop.record.sealed import ErrorText
from daskloop.run.envelope import Entry
from daskloop.run.secrecy import Redaction
from daskloop.run.secret_texts import secret_texts
from daskloop.testing.journal_samples import pickled

SECRET = "hunter22/with 'quotes' & more"
OPEN = "no-secret-of-mine"
FORMS = [SECRET, repr(SECRET)[1:-1], "hunter22"]


@task
def asks(token, user):
    count = context.get("task_loop_result", 0)
    if count < 3:
        raise LOOP(f"asked with {token} as {user}", result=count + 1)
    return count


@task(max_retries=1)
def refused(token, user):
    header = {"Authorization": token, "User": user}
    raise ConnectionError(f"401 for https://api.example/?token={token} as {user}", header)


@task
def length(token):
    return len(token)


@task
def checks(token):
    assert len(token) < 3, token


def flow_with_a_secret() -> Flow:
    with Flow("planted") as flow:
        token, user = Parameter("token", secret=True), Parameter("user")
        asks(token, user)
        refused(token, user)
        length(token)
        checks.map([token, token])
        length.map(Parameter("tokens", secret=True))
    return flow


def said_by(*words: str) -> str:
    result = CliRunner().invoke(main, list(words), catch_exceptions=False)
    return result.output + result.stderr


@pytest.mark.parametrize("batch", [1, "auto"])
def test_a_secret_is_nowhere_but_in_the_task(executor, batch, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "daskloop")
    flow = flow_with_a_secret()
    state = flow.run(
        token=SECRET,
        tokens=[SECRET, SECRET],
        user=OPEN,
        journal=tmp_path / "runs",
        executor=executor,
        batch=batch,
    )
    (run,) = os.listdir(tmp_path / "runs")
    texts = {
        "log": "\n".join(logging.Formatter().format(one) for one in caplog.records),
        "states": repr(state.result) + "".join(str(one.message) for one in state.result.values()),
        "errors": "".join(
            "".join(traceback.format_exception(one.result))
            for one in state.result.values()
            if isinstance(one.result, BaseException)
        ),
        "show": said_by("show", run, "--journal", str(tmp_path / "runs")),
        "show one": said_by("show", run, "refused", "--journal", str(tmp_path / "runs")),
        "show as JSON": said_by("show", run, "--json", "--journal", str(tmp_path / "runs")),
        "runs": said_by("runs", "--json", "--journal", str(tmp_path / "runs")),
    }
    files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert len(files) >= 1
    texts |= {path.name: path.read_bytes().decode("latin-1") for path in files}
    found = [name for name, text in texts.items() if any(form in text for form in FORMS)]
    assert not found
    for name in ("log", "states", "show one", "run.sqlite"):  # the search does find what is there
        assert OPEN in texts[name], name
        assert "•••" in texts[name] or name == "run.sqlite", name


@pytest.mark.may_leave("files")
def test_a_raised_failure_quotes_no_secret(caplog):
    with pytest.raises(Exception, match="•••") as caught:
        flow_with_a_secret().run(
            token=SECRET, tokens=[], user=OPEN, executor="inline", raise_on_failure=True
        )
    text = "".join(traceback.format_exception(caught.value))
    assert OPEN in text
    assert not any(form in text for form in FORMS)


def test_what_a_task_returns_is_kept_as_it_is(tmp_path):
    """Said in docs/security.md: it has to be used."""

    @task
    def echo(token):
        return token

    with Flow("returned") as flow:
        echoed = echo(Parameter("token", secret=True))
    state = flow.run(token=SECRET, executor="inline", journal=tmp_path / "runs")
    assert state.result[echoed].result == SECRET
    (run,) = os.listdir(tmp_path / "runs")
    assert b"hunter22" in (tmp_path / "runs" / run / "run.sqlite").read_bytes()


def test_the_secrets_of_a_value_are_its_texts_at_any_depth_in_each_way_they_are_written():
    with Flow("deep") as flow:
        length(Parameter("login", secret=True))
        length(Parameter("open"))
    values = {"login": {"user": "me", "keys": [b"bytes-key", "a/b c'\n"], "pin": 12345}, "open": 1}
    found = secret_texts(compile_plan(flow), values)
    assert set(found) == {
        "bytes-key",
        "a/b c'\n",
        "a/b c'\\n",
        "a/b c\\'\\n",
        "a%2Fb%20c%27%0A",
        "12345",
    }
    assert list(found) == sorted(found, key=len, reverse=True)


def test_an_exception_that_holds_a_secret_is_kept_in_words_alone():
    redaction = Redaction(("hunter22",))
    words = ErrorText("builtins.ValueError", "no", "")
    held, free = pickled(ValueError("hunter22")), pickled(ValueError("no"))
    assert redaction.of(Entry("failed", "no", held, words)).value is None
    assert redaction.of(Entry("failed", "no", free, words)).value == free
    assert redaction.of(Entry("success", "", held)).value == held


class Answered(Exception):
    """Holds the whole answer of a server, as those of HTTP libraries do."""

    def __init__(self, answer):
        super().__init__("401")
        self.answer = answer

    def __reduce__(self):
        return type(self), (self.answer,)


@task
def answered(token, size):
    raise Answered({"asked with": token, "body": "x" * size})


@loop_flow
def answers(token, size):
    return again(token=token, size=answered(token, size)).until(True)


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
@pytest.mark.parametrize("size", [10, 500_000, 3_000_000])
def test_an_exception_of_any_size_that_holds_a_secret_is_in_no_file_and_kept_in_words_alone(
    executor, size, tmp_path
):
    with Flow("answers") as flow:
        token, user = Parameter("token", secret=True), Parameter("user")
        held, free = answered(token, size), answered(user, size)
        answers(token, size)
    state = flow.run(token=SECRET, user=OPEN, executor=executor, journal=tmp_path / "runs")
    assert type(state.result[held].result) is RemoteError
    # What is too large to be looked through is kept in words as well.
    kind = RemoteError if size > 1_000_000 else Answered
    assert type(state.result[free].result) is kind
    files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    texts = {path.name: path.read_bytes().decode("latin-1") for path in files}
    assert "answered" in texts["run.sqlite"]
    assert not [name for name, text in texts.items() if any(form in text for form in FORMS)]


def test_elements_of_a_result_that_is_mapped_over_show_no_secret():
    redaction = Redaction(("hunter22",))
    element = pickled("of mine")._replace(preview="'hunter22 of mine'")
    cut = {0: (element, element), 1: "cannot map over 'hunter22'"}
    shown = redaction.of(Entry("success", "", element, parts=cut))
    assert "hunter22" not in repr(shown)
    assert shown.parts[0][0].data == element.data


FAILING = """
from daskloop import Flow, Parameter, task

@task
def fails(token, user):
    raise ValueError("refused")

with Flow("mapped") as flow:
    fails.map(Parameter("tokens", secret=True), Parameter("users"))
"""


def test_the_command_line_names_children_by_what_is_no_secret(tmp_path):
    file = tmp_path / "mapped.py"
    file.write_text(FAILING)
    values = ("-p", 'tokens=["hunter22-a", "hunter22-b"]', "-p", 'users=["ann", "bob"]')
    where = ("--executor", "inline", "--journal", str(tmp_path / "runs"))
    said = said_by("run", str(file), *values, *where)
    assert "(user='ann')" in said and "(user='bob')" in said, said
    assert "hunter22" not in said


def test_files_are_for_their_owner_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        with Flow("kept") as flow:
            large = length.copy(cache_for="1h", cache=str(tmp_path / "cache"))
            large("x" * 100)
            _blob.map([200_000, 300_000])
        state = flow.run(journal=tmp_path / "runs", executor="threads")
    finally:
        os.umask(before)
    assert state.is_successful()
    modes = {
        str(path): stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
        if path.is_file() or path.is_dir()
    }
    written = {name: mode for name, mode in modes.items() if Path(name).is_file()}
    assert len(written) >= 2
    assert not {name: oct(mode) for name, mode in written.items() if mode & 0o077}
    (run,) = os.listdir(tmp_path / "runs")
    assert modes[str(tmp_path / "runs" / run)] == 0o700


@task
def _blob(size):
    return bytes(size)


def test_a_store_whose_url_holds_a_password_is_not_quoted_in_its_error():
    with Flow("stored") as flow:
        length("x")
    password = "hunter" + "22"  # so that no line of source quotes it
    url = f"nowhere://me:{password}@host/bucket"
    with pytest.raises(OSError, match=re.escape("nowhere://...")) as caught:
        flow.run(store=url, executor="threads")
    assert "hunter22" not in "".join(traceback.format_exception(caught.value))


def test_a_secret_of_a_default_is_a_secret_too():
    with Flow("defaults") as flow:
        asked = refused(Defined("token", default=SECRET, secret=True), OPEN)
    state = flow.run(executor="inline")
    assert OPEN in state.result[asked].message
    assert "hunter22" not in state.result[asked].message
