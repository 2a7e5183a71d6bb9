"""Templates name what there is, and stay in their folder."""

import pytest

from daskloop.errors import ResultError
from daskloop.results.template import parse_template


def parse(text, inputs=("x",), at_the_end=False):
    return parse_template(text, "target", lambda name: name in inputs, at_the_end=at_the_end)


def test_a_template_is_filled_in():
    template = parse("{task_name}/{x:03d}-{parameters[M]}.{map_index}")
    values = {"task_name": "t", "x": 7, "parameters": {"M": 5}, "map_index": None}
    assert template.render(values) == "t/007-5.None"
    assert template.fields == {"task_name", "x", "parameters", "map_index"}


@pytest.mark.parametrize(
    "text", ["{who}", "{}", "{0}", "{x}{task}", "{y.x}", "{y[0]}", "{x:{wide}}", "{ x}"]
)
def test_an_unknown_name_is_refused(text):
    with pytest.raises(ValueError, match="there is no"):
        parse(text)


@pytest.mark.parametrize("text", ["{x", "x}", "{x!z}"])
def test_a_text_that_is_no_template_is_refused(text):
    with pytest.raises(ValueError, match="target="):
        parse(text).render({"x": 1})


@pytest.mark.parametrize("text", [None, 1, b"x", lambda: "x"])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(TypeError, match="target="):
        parse(text)


@pytest.mark.parametrize("text", ["", "folder/", "a\0b"])
def test_what_is_no_name_of_a_file_is_refused(text):
    with pytest.raises(ValueError, match="target="):
        parse(text)


@pytest.mark.parametrize("name", ["task_loop_count", "task_run_count"])
def test_l11_what_is_known_at_the_end_only_is_no_part_of_a_target(name):
    with pytest.raises(ValueError, match="before the first iteration"):
        parse(f"{{{name}}}")
    assert parse(f"{{{name}}}", at_the_end=True).fields == {name}


def test_braces_may_be_written_twice():
    assert parse("{{x}}").render({}) == "{x}"


@pytest.mark.parametrize("value", ["..", "a/../../b", "a\0b"])
def test_a_value_that_leaves_the_folder_is_refused(value):
    with pytest.raises(ResultError, match="no path within its folder"):
        parse("in/{x}").render({"x": value})


def test_a_value_may_make_folders():
    assert parse("../{x}.pkl").render({"x": "2020/01"}) == "../2020/01.pkl"


@pytest.mark.parametrize("text", ["{x:03d}", "{x.name}", "{x[0]}"])
def test_a_value_that_does_not_fit_its_format_is_told(text):
    with pytest.raises(ResultError, match="cannot be filled in"):
        parse(text).render({"x": None})
