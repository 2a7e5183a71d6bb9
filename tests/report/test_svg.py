"""Drawings as SVG: nothing overlaps, arrows lead downwards, and any text is only text."""

from __future__ import annotations

import random
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest

from daskloop.report.drawing import Arrow, Box, Drawing
from daskloop.report.layout import lay_out
from daskloop.report.svg import svg_text

NASTY = ["<script>alert(1)</script>", "a & b", "'\"", "\x1b[31mred", "\u202eright", "x" * 10_000]


def random_drawing(seed: int) -> Drawing:
    dice = random.Random(seed)
    kinds = ["parameter", "task", "map"]
    boxes = tuple(
        Box(f"n{n}", dice.choice(kinds), ("w" * dice.randint(1, 30),) * dice.randint(1, 3), None)
        for n in range(dice.randint(2, 25))
    )
    pairs = [pair for pair in combinations(boxes, 2) if dice.random() < 2 / len(boxes)]
    arrows = tuple(
        Arrow(one.name, other.name, dice.choice(["", "x", "argument"]), dice.random() < 0.3)
        for one, other in pairs
    )
    return Drawing("random", boxes, arrows)


@pytest.mark.parametrize("seed", range(30))
def test_boxes_do_not_overlap_and_arrows_lead_downwards(seed):
    drawing = random_drawing(seed)
    layout = lay_out(drawing)
    for one, other in combinations(layout.placed, 2):
        beside = one.left + one.width < other.left or other.left + other.width < one.left
        above = one.top + one.height < other.top or other.top + other.height < one.top
        assert beside or above, (one, other)
    for placed in layout.placed:
        assert placed.left >= 0
        assert placed.left + placed.width <= layout.width
        assert placed.top + placed.height <= layout.height
    places = {placed.box.name: placed for placed in layout.placed}
    for route in layout.routes:
        start, end = places[route.arrow.start], places[route.arrow.end]
        assert route.points[0].y == start.top + start.height
        assert route.points[-1].y == end.top
        assert end.left < route.points[-1].x < end.left + end.width
        assert all(one.y < following.y for one, following in pairwise(route.points))
        for one, following in pairwise(route.points):
            if one.x == following.x:  # straight: through no box
                middle = (one.y + following.y) / 2
                assert not any(
                    box.left < one.x < box.left + box.width
                    and box.top < middle < box.top + box.height
                    for box in layout.placed
                )


def test_a_parameter_stands_just_above_the_first_task_that_takes_it():
    boxes = tuple(Box(name, "task", (name,), None) for name in ("p", "a", "b", "c"))
    arrows = (
        Arrow("a", "b", "", False),
        Arrow("b", "c", "", False),
        Arrow("p", "c", "x", False),
    )
    tops = {one.box.name: one.top for one in lay_out(Drawing("f", boxes, arrows)).placed}
    assert tops["a"] < tops["b"] == tops["p"] < tops["c"]


@pytest.mark.parametrize("text", NASTY, ids=["script", "and", "quotes", "escape", "right", "long"])
def test_any_text_is_only_text(text):
    boxes = (Box("n0", "task", (text, text), "#c7e9c0"), Box("n1", "map", ("b",), None))
    drawing = Drawing(text, boxes, (Arrow("n0", "n1", text, True),))
    root = ElementTree.fromstring(svg_text(drawing))
    tags = {one.tag.partition("}")[2] for one in root.iter()}
    assert tags == {"svg", "title", "g", "rect", "text", "path"}
    names = {name for one in root.iter() for name in one.attrib}
    assert not any(name.startswith(("on", "style")) or "href" in name for name in names)
    assert len(svg_text(drawing)) < 5_000


def test_mapped_arrows_are_dashed_and_maps_have_two_lines():
    boxes = (Box("n0", "task", ("a",), None), Box("n1", "map", ("b",), None))
    root = ElementTree.fromstring(svg_text(Drawing("f", boxes, (Arrow("n0", "n1", "x", True),))))
    kinds = [one.tag.partition("}")[2] for one in root.iter()]
    assert kinds.count("rect") == 3
    assert sum("stroke-dasharray" in one.attrib for one in root) == 1


def test_a_page_may_mark_boxes():
    boxes = (Box("n0", "task", ("a",), None), Box("n1", "map", ("b",), None))
    text = svg_text(Drawing("f", boxes, ()), {"n1": "failed"})
    assert 'class="box task"' in text
    assert 'class="box map failed"' in text


def test_arrows_that_lead_back_are_drawn_as_well():
    boxes = tuple(Box(f"n{n}", "task", (f"{n}",), None) for n in range(4))
    pairs = [(3, 0), (1, 0), (0, 1), (2, 2), (3, 1)]
    arrows = tuple(Arrow(f"n{one}", f"n{other}", "", False) for one, other in pairs)
    assert svg_text(Drawing("odd", boxes, arrows)).count('class="tip"') == 5


def test_a_drawing_of_a_thousand_boxes_is_made_at_once():
    boxes = tuple(Box(f"n{n}", "task", (f"task {n}",), None) for n in range(1000))
    arrows = tuple(Arrow(f"n{n // 2}", f"n{n}", "", False) for n in range(1, 1000))
    assert svg_text(Drawing("tree", boxes, arrows)).count("<rect") == 1000
