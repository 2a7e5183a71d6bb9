"""Children of maps with names of their own, where a user meets them."""

from __future__ import annotations

import logging
import re

import pytest

from daskloop import Flow, Parameter, context, flatten, task
from daskloop.engine.signals import LOOP
from daskloop.errors import MapError, ResumeError
from tests.flows.traces import Sightings, Trace, one_by_one


@task
def show(url, other=None):
    return context.task_full_name, context.map_index


@task
def twice(url):
    if "task_loop_count" not in context:
        raise LOOP(f"in {context.task_full_name}", 1)
    return context.task_full_name


@task
def hosts():
    return ["a.org", "b.org"]


def test_m16_children_know_their_names_and_their_numbers(executor):
    with Flow("named") as flow:
        listed = show.map([1, 2], names=["one", "two"])
        template = show.map(Parameter("urls"), [3, 4], names="{url}:{other}")
        called = twice.map(Parameter("urls2", default=["x"]), names=lambda u: u.upper())
        returned = show.map(hosts(), names="{url}")
    state = flow.run(urls=["a", "b"], executor=executor)
    assert state.result[listed].result == [("show[one]", 0), ("show[two]", 1)]
    assert state.result[template].result == [("show[a:3]", 0), ("show[b:4]", 1)]
    assert state.result[called].result == ["twice[X]"]
    assert state.result[returned].result == [("show[a.org]", 0), ("show[b.org]", 1)]
    assert list(state.result[returned].map_names) == ["a.org", "b.org"]


def test_m16_a_map_that_goes_on_from_another_takes_its_names_on(executor):
    with Flow("named") as flow:
        first = show.map(hosts(), names="{url}")
        second = show.map(first)
        own = show.map(second, names=["x", "y"])
        third = show.map(own)
        flat = show.map(flatten(third))
    state = flow.run(executor=executor)
    assert state.result[second].result == [("show[a.org]", 0), ("show[b.org]", 1)]
    assert state.result[third].result == [("show[x]", 0), ("show[y]", 1)]
    assert state.result[flat].result[0] == ("show[0]", 0)


@one_by_one
def test_m16_names_are_in_handlers_logs_and_errors(executor, caplog):
    seen = []

    def handler(task, old, new):
        seen.append(context.task_full_name)

    @task(state_handlers=[handler], max_retries=1)
    def fails(url):
        if url == "b.org":
            raise ValueError("no page")

    with Flow("named") as flow:
        fails.map(hosts(), names="{url}")
    with caplog.at_level(logging.INFO, "daskloop.run"):
        state = flow.run(executor=executor)
    assert set(seen) == {"fails", "fails[a.org]", "fails[b.org]"}
    assert "fails[b.org]: Failed: " in caplog.text and "fails[1]" not in caplog.text
    with pytest.raises(ValueError, match="no page") as raised:
        state.raise_if_failed()
    assert str(raised.value.__cause__).startswith("fails[b.org] failed")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"names": ["one"]}, r"is mapped over 2 elements, and names= holds 1; give one for each"),
        ({"names": lambda u: "same"}, r"children 0 and 1 of 'show' would both be called 'same'"),
        ({"names": lambda u: None}, r"no name for child 0: TypeError: it must be a text, got None"),
        ({"names": lambda u: u.host}, r"no name for child 0: AttributeError: .*'host'"),
        ({"names": "{url[7]}"}, r"no name for child 0: IndexError"),
    ],
)
def test_m16_names_that_cannot_be_made_fail_that_map_alone(written, says):
    with Flow("bad") as flow:
        failed = show.map(hosts(), **written)
        fine = show.map([1])
    state = flow.run(executor="inline")
    assert state.result[failed].is_failed()
    assert isinstance(state.result[failed].result, MapError)
    assert re.search(says, state.result[failed].message)
    assert state.result[fine].is_successful()


def test_m16_a_secret_is_no_name():
    with Flow("bad") as flow:
        failed = show.map(Parameter("tokens", secret=True), names="{url}")
    state = flow.run(tokens=["hunter2"], executor="inline")
    assert "which is secret" in state.result[failed].message
    assert "hunter2" not in state.result[failed].message


def test_m16_elements_in_the_store_name_children_if_they_are_short():
    @task
    def many():
        return ["x" * 100 + str(n) for n in range(11_000)]

    @task
    def large():
        return ["x" * 1_000_000, "y" * 1_000_000]

    with Flow("stored") as flow:
        short = show.map(many(), names="{url}")
        failed = show.map(large(), names="{url}")
    state = flow.run(executor="threads", batch="auto")
    assert state.result[short].result[10_999][0] == f"show[{'x' * 100}10999]"
    assert "which the driver does not read" in state.result[failed].message


def cannot_be_opened():
    raise RuntimeError("not in this process")


class Unopened:
    """Can be sent, and opened nowhere."""

    def __reduce__(self):
        return cannot_be_opened, ()

    def __repr__(self):
        return "Unopened()"


class Page:
    """Large, with a short repr that is no literal."""

    def __init__(self):
        self.text = "x" * 700_000

    def __repr__(self):
        return "<page>"


@task
def pages():
    return [Page(), Page()]


@task
def unopened():
    return [Unopened()]


@task
def give(value):
    return value


@pytest.mark.parametrize(
    ("over", "says"),
    [
        (lambda: [give("a"), "b"], r"argument 'url' of 'show', which comes from tasks that have"),
        (
            lambda: flatten([give.map(["a"]), ["b"]]),
            r"which comes from the map 'give', whose children have yet to run; give names= there",
        ),
        (lambda: unopened(), r"cannot be opened here: RuntimeError: not in this process"),
        (lambda: pages(), r"the driver does not read; map over short texts"),
        (lambda: give([b"x" * 700_000, b"y" * 700_000]), r"the driver does not read; map over sho"),
        (lambda: give([("a", b"x"), ("b", b"x" * 1_400_000)]), r"the driver does not read; map ov"),
    ],
)
def test_m16_elements_that_the_driver_does_not_know_give_no_name(over, says):
    with Flow("unknown") as flow:
        elements = over()
        failed = show.map(elements, names="{url}")
        fine = show.map([1], names="{url}")
    state = flow.run(executor="inline")
    assert isinstance(state.result[failed].result, MapError)
    assert re.search(says, state.result[failed].message), state.result[failed].message
    assert state.result[fine].map_names == ("1",)


def test_m16_children_over_several_flattened_lists_are_named_by_their_elements(executor):
    with Flow("joined") as flow:
        urls = flatten([give(["a", "b"]), Parameter("more"), ["d"]])
        by_text, by_list = show.map(urls, names="{url}"), show.map(urls, names=list("wxyz"))
    state = flow.run(more=["c"], executor=executor)
    assert state.result[by_text].map_names == ("a", "b", "c", "d")
    assert state.result[by_list].map_names == ("w", "x", "y", "z")


def test_m16_a_child_is_taken_back_by_its_name(tmp_path):
    trace = Trace(tmp_path)

    @task
    def note(url):
        trace.note(context.task_full_name)
        return url

    with Flow("named") as flow:
        note.map(hosts(), names="{url}")
    options = {"executor": "inline", "journal": tmp_path / "runs"}
    flow.run(**options)
    flow.run(**options, resume=True, only="note[b.org]")
    flow.run(**options, resume=True, only="note-1[0]")
    assert trace.notes() == [(f"note[{one}.org]",) for one in "abba"]
    with pytest.raises(
        ResumeError, match=r"note\[c.org\].*It has, among others: .*note-1\[a.org\]"
    ):
        flow.run(**options, resume=True, only="note[c.org]")


def test_m16_a_run_that_goes_on_has_the_same_names(tmp_path):
    trace = Trace(tmp_path)
    seen = Sightings()

    @task(state_handlers=[seen])
    def flaky(url):
        trace.note(context.task_full_name)
        if trace.first(url):
            raise OSError("first")
        return context.task_full_name

    with Flow("named") as flow:
        got = flaky.map(hosts(), names="{url}")
    options = {"executor": "inline", "journal": tmp_path / "runs"}
    assert flow.run(**options).is_failed()
    state = flow.run(**options, resume=True)
    assert state.result[got].result == ["flaky[a.org]", "flaky[b.org]"]
    assert list(state.result[got].map_names) == ["a.org", "b.org"]
