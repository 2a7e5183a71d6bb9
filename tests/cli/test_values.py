"""What is typed behind -p becomes a value of the type that is wanted."""

from __future__ import annotations

from datetime import date
from typing import Any

import click
import pytest

from daskloop import Flow, Parameter, task
from daskloop.cli.load_flow import load_flow
from daskloop.cli.values import coerced, parameter_values, wanted


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("10", int, 10),
        ("-3", int, -3),
        ("10", float, 10.0),
        ("1e-3", float, 0.001),
        ("yes", bool, True),
        ("FALSE", bool, False),
        ("0", bool, False),
        ("10", str, "10"),
        ('"quoted"', str, '"quoted"'),
        ("[1, 2]", list, [1, 2]),
        ('{"n": 1}', dict, {"n": 1}),
        ("[1, 2]", None, [1, 2]),
        ("null", None, None),
        ("10", None, 10),
        ("north", None, "north"),
        ("", None, ""),
    ],
)
def test_a_text_becomes_a_value(text, kind, value):
    found = coerced(text, kind)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1.5", int),
        ("1e3", int),
        ("ten", float),
        ("maybe", bool),
        ("10", list),
        ("[10,", list),
        ("[1]", dict),
        ("[" * 100_000, list),
    ],
)
def test_a_text_of_another_kind_is_refused(text, kind):
    with pytest.raises(ValueError, match="^not "):
        coerced(text, kind)


def test_the_default_says_what_is_wanted():
    defaults = {"a": 1, "b": 1.0, "c": True, "d": "x", "e": [1], "f": {}, "g": None, "h": (1,)}
    with Flow("f") as flow:
        parameters = {name: Parameter(name, default=value) for name, value in defaults.items()}
    kinds = [wanted(flow, one) for one in parameters.values()]
    assert kinds == [int, float, bool, str, list, dict, None, None]


def test_else_the_annotation_of_the_argument_says_it():
    flow = load_flow("typed.py").flow
    kinds = {one.name: wanted(flow, one) for one in flow.parameters()}
    assert kinds == {
        "count": int,
        "rate": float,
        "label": str,
        "on": bool,
        "many": list,
        "how": dict,
        "free": None,
        "either": None,
        "xs": list,  # mapped: a list of what the task takes
    }


def test_two_annotations_that_differ_say_nothing():
    @task
    def one(x: int):
        return x

    @task
    def two(x: str):
        return x

    with Flow("f") as flow:
        x = Parameter("x")
        one(x)
        two(x)
    assert wanted(flow, x) is None
    assert parameter_values(flow, ["x=3"]) == {"x": 3}


def test_a_file_stands_for_its_text(folder):
    (folder / "xs.json").write_text("[10, 100]\n")
    flow = load_flow("typed.py").flow
    assert parameter_values(flow, ["xs=@xs.json"]) == {"xs": [10, 100]}


def test_what_an_unknown_parameter_was_given_is_left_for_the_flow_to_refuse():
    flow = load_flow("typed.py").flow
    assert parameter_values(flow, ["cuont=3"]) == {"cuont": 3}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["count=1.5"], "Parameter 'count' of flow 'typed': '1.5' is not a whole number"),
        (["on=maybe"], "'maybe' is not true or false"),
        (["xs=10"], "Parameter 'xs' of flow 'typed': '10' is not a list as JSON"),
        (["count"], "write NAME=VALUE"),
        (["=3"], "write NAME=VALUE"),
        (["count=1", "count=2"], "given twice"),
        (["xs=@missing.json"], "-p xs=@missing.json: the file cannot be read: No such file"),
    ],
)
def test_a_wrong_value_is_refused_by_name(given, says):
    with pytest.raises(click.ClickException) as refused:
        parameter_values(load_flow("typed.py").flow, given)
    assert says in refused.value.message
    assert refused.value.exit_code == 2


def test_a_secret_value_is_not_repeated():
    @task
    def use(token: int):
        return token

    with Flow("f") as flow:
        use(Parameter("token", secret=True))
    with pytest.raises(click.ClickException) as refused:
        parameter_values(flow, ["token=hunter2"])
    assert "hunter2" not in refused.value.message


def typed(kind, **options):
    with Flow("f") as flow:
        Parameter("p", type=kind, **options)
    return flow


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("3", int, 3),
        ("3", str, "3"),
        ("[1, 2]", list[float], [1.0, 2.0]),
        ("null", int | None, None),
        ("null", str | None, "null"),
        ('{"a": "1"}', dict[str, int], {"a": 1}),
        ("2026-03-01", date, date(2026, 3, 1)),
        ("[1, 2]", Any, "[1, 2]"),
    ],
)
def test_p06_the_type_of_a_parameter_says_what_is_wanted(text, kind, value):
    assert parameter_values(typed(kind), [f"p={text}"]) == {"p": value}


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("three", int, "'three' is not a whole number (int)"),
        ("[1, null]", list[int], "its [1] is None, not a whole number"),
        ("[1,", list[int], "'[1,' is not list[int]"),
    ],
)
def test_p06_a_text_of_another_type_is_refused(text, kind, says):
    with pytest.raises(click.ClickException) as refused:
        parameter_values(typed(kind), [f"p={text}"])
    assert f"Parameter 'p' of flow 'f': {says}" in refused.value.message


def test_p05_p06_a_secret_text_is_not_quoted():
    with pytest.raises(click.ClickException) as refused:
        parameter_values(typed(int, secret=True), ["p=hunter2"])
    assert "the value is not a whole number" in refused.value.message
    assert "hunter2" not in refused.value.message
