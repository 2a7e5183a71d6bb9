"""What may be given as the names of a map's children."""

from __future__ import annotations

import pytest

from daskloop.define.annotations import flatten, unmapped
from daskloop.define.child_names import child_names
from daskloop.define.decorator import task
from daskloop.define.parameter import Parameter
from tests.define.writing import writing


@task
def fetch(url, limit=1):
    return url


@task
def greet(names):
    return names


def named(names, *args, **kwargs):
    with writing() as graph:
        made = fetch.map(*args, names=names, **kwargs)
    return graph.call_of(made).names


def test_m16_names_are_a_list_a_template_or_a_function():
    assert [named(["a", "b"], [1, 2]).made(i, []) for i in (0, 1)] == ["a", "b"]
    assert named("{url}", ["x"]).made(0, ["x"]) == "x"
    assert named("{url.real:03d}-{map_index}", [5]).made(7, [5]) == "005-7"
    assert named("{limit}/{url}", [1], [2]).made(0, [2, 1]) == "2/1"
    assert named(lambda u: u.upper(), ["x"]).made(0, ["x"]) == "X"
    assert named(str, [5]).made(0, [5]) == "5"


def test_m16_a_function_takes_as_many_elements_as_it_has_room_for():
    assert named(lambda one: one, [1], [2]).arguments == ("url",)
    assert named(lambda one, two: one, [1], [2]).arguments == ("url", "limit")
    assert named(lambda one, two=0: one, [1], unmapped(2)).arguments == ("url",)
    assert named(lambda *all: all, [1], [2]).arguments == ("url", "limit")


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a", "b", "a"], "children 0 and 2 of 'fetch' would both be called 'a'"),
        (["a", ""], "a name is empty"),
        (["a", 5], "a name must be a text, got 5"),
        (["a\n"], "leave out control characters"),
        ("same for all", "would give all children one name"),
        ("{host}", r"\{host\} is no argument that is mapped over. It has \{url\}, \{map_index\}"),
        ("{}", r"\{\} is no argument"),
        ("{limit}", r"\{limit\} is no argument that is mapped over"),
        ("{url", "is no template"),
        (5, "Give a list of texts, a template"),
        ({"a"}, "Give a list of texts, a template"),
        (lambda: "x", "called with the child's own elements of url"),
        (lambda one, two: one, "called with the child's own elements of url"),
        (lambda one, *, more: one, "called with the child's own elements"),
    ],
)
def test_m16_what_cannot_name_children_is_refused_where_it_is_written(names, says):
    with pytest.raises((TypeError, ValueError), match=says):
        named(names, ["x"], unmapped(1))


def test_m16_names_need_a_map():
    with pytest.raises(ValueError, match="no argument is mapped over"):
        named(["a"], unmapped([1]))
    with pytest.raises(ValueError, match="no argument is mapped over"):
        child_names("{x}", "fetch", ())


def test_m16_results_of_children_cannot_be_looked_at():
    with writing():
        pages = fetch.map([1, 2])
        with pytest.raises(ValueError, match="looks at 'url', which the children of 'fetch'"):
            fetch.map(pages, names="{url}")
        fetch.map(pages, names=["a", "b"])
        fetch.map(flatten(pages), names="{url}")
        fetch.map(pages, [3, 4], names="{limit}")


def test_m16_a_task_with_an_input_of_this_name_keeps_it():
    with writing() as graph:
        made = greet.map(names=["a", "b"])
        other = greet.map(names=Parameter("people"))
    assert graph.call_of(made).names is None
    assert graph.call_of(made).arguments[0].mapped
    assert graph.call_of(other).upstream_tasks == tuple(graph.parameters())


def test_m16_names_stay_in_copies_of_a_flow():
    with writing() as graph:
        fetch.map([1, 2], names=["a", "b"])
    new = graph.copy()
    (made,), (copied,) = graph.tasks, new.tasks
    assert new.call_of(copied).names is graph.call_of(made).names is not None
