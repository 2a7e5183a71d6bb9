"""Names: short or long, plain or hostile."""

import pytest

from daskloop.define.graph import TaskGraph
from daskloop.define.names import checked_name
from daskloop.define.parameter import Parameter
from daskloop.define.task import Task


@pytest.mark.parametrize("name", ["a", "../../etc/x", "übung", "🚀", "two words", "x" * 255])
def test_names_of_any_script_are_taken_as_they_are(name):
    assert checked_name(name, "Flow name") == name
    assert TaskGraph(name).name == name
    assert Task(name=name).name == name
    assert Parameter(name).name == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("x" * 10_000, "10000 characters"),
        ("a\0b", "control characters"),
        ("a\nb", "control characters"),
        ("a\ud800b", "surrogates"),
    ],
    ids=["empty", "blank", "long", "nul", "newline", "surrogate"],
)
def test_names_that_cannot_be_shown_or_sent_are_refused(name, says):
    for make in (TaskGraph, lambda name: Task(name=name), Parameter, lambda s: Task(slug=s)):
        with pytest.raises(ValueError, match=says):
            make(name)


@pytest.mark.parametrize("name", [5, b"bytes", ["list"]])
def test_a_name_that_is_no_text_is_refused(name):
    with pytest.raises(TypeError, match="Flow name must be a text"):
        TaskGraph(name)
