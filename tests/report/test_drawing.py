"""Pictures of flows: what is in them, and that any name may be."""

from __future__ import annotations

import re

import pytest

from daskloop import Parameter, task
from daskloop.define.graph import TaskGraph
from daskloop.define.task import Task
from daskloop.report.dot import dot_text
from daskloop.report.drawing import Arrow, draw
from daskloop.report.mermaid import mermaid_text
from daskloop.states import (
    Crashed,
    Failed,
    Mapped,
    Pending,
    Skipped,
    State,
    Success,
    TimedOut,
    TriggerFailed,
)


@task
def fetch(url, limit=1):
    return url


NASTY = ['"', "\\", '\\N"] ; x', "<b>&amp;</b>", "a|b", "`x` #quot; {y} [z]", "%%{init}%%", "é→漢"]


def mapped_flow():
    graph = TaskGraph("f")
    urls, limit = graph.add_task(Parameter("urls")), graph.add_task(Parameter("limit"))
    pages, last = fetch.copy(name="pages"), Task(name="last")
    graph.add_edge(urls, pages, key="url", mapped=True)
    graph.add_edge(limit, pages, key="limit")
    graph.add_edge(pages, last)
    return graph, pages, last


def test_boxes_and_arrows_are_those_of_the_flow():
    graph, *_ = mapped_flow()
    drawing = draw(graph)
    assert [(box.kind, box.lines, box.colour) for box in drawing.boxes] == [
        ("parameter", ("urls",), None),
        ("parameter", ("limit",), None),
        ("map", ("pages",), None),
        ("task", ("last",), None),
    ]
    assert drawing.arrows == (
        Arrow("n0", "n2", "url", True),
        Arrow("n1", "n2", "limit", False),
        Arrow("n2", "n3", "", False),
    )
    assert draw(graph) == drawing


def test_boxes_say_how_their_tasks_ended():
    graph, pages, last = mapped_flow()
    children: list[State] = [Success(), Success(), TimedOut(), TriggerFailed()]
    looped = Success()
    looped.remember_loop(17, (), None)
    states = {pages: Mapped(map_states=children), last: looped}
    *_, of_map, of_loop = draw(graph, states).boxes
    assert of_map.lines == ("pages x4", "2 Success, 1 TimedOut, 1 TriggerFailed")
    assert of_loop.lines == ("last", "Success", "17 iterations")
    assert of_map.colour == draw(graph, {last: Failed()}).boxes[-1].colour
    assert of_loop.colour == draw(graph, {last: Success()}).boxes[-1].colour


def test_each_kind_of_end_has_its_colour():
    graph, _, last = mapped_flow()
    kinds: list[State] = [Success(), Skipped(), Failed(), TriggerFailed(), Pending()]
    colours = [draw(graph, {last: one}).boxes[-1].colour for one in kinds]
    assert len({*colours, None}) == 6
    assert draw(graph, {last: Crashed()}).boxes[-1].colour == colours[2]
    assert draw(graph, {last: Mapped()}).boxes[-1].colour == colours[0]
    assert draw(graph, {last: State()}).boxes[-1].colour is None


@pytest.mark.parametrize("name", NASTY)
def test_any_name_is_text_in_dot(name):
    graph = TaskGraph(name)
    graph.add_task(Task(name=name))
    text = dot_text(draw(graph))
    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    assert [re.sub(r"\\(.)", r"\1", one) for one in quoted[:2]] == [name, name]
    assert re.sub(r'"(?:[^"\\]|\\.)*"', "Q", text) == (
        "digraph Q {\n  n0 [label=Q, shape=box, style=Q, fillcolor=Q]\n}\n"
    )


@pytest.mark.parametrize("name", NASTY)
def test_any_name_is_text_in_mermaid(name):
    graph = TaskGraph("f")
    graph.add_task(Task(name=name))
    line = mermaid_text(draw(graph)).splitlines()[1]
    inside = re.fullmatch(r'  n0\["([^"`<>|\[\]{}\\]*)"\]', line)
    assert inside is not None
    assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), inside[1]) == name
