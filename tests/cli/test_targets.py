"""A child is named as people write it, and what is not there is refused with what is."""

from __future__ import annotations

import click
import pytest

from daskloop.cli.targets import find_target
from daskloop.record.entries import Mark

MARKS = [
    Mark("train-1", "train", "", "", True),
    Mark("load-1", "load", "", "", False),
    Mark("load-2", "load", "", "", False),
    Mark("odd[x]-1", "odd[x]", "", "", False),
]


@pytest.mark.parametrize(
    ("text", "slug", "child", "iteration"),
    [
        ("train", "train-1", None, None),
        ("train[3]", "train-1", 3, None),
        ("train-1[3]@9", "train-1", 3, 9),
        ("load-2@1", "load-2", None, 1),
        ("odd[x]", "odd[x]-1", None, None),
    ],
)
def test_a_text_names_a_task_a_child_an_iteration(text, slug, child, iteration):
    found = find_target(text, MARKS, "run")
    assert (found.mark.slug, found.child, found.iteration) == (slug, child, iteration)


@pytest.mark.parametrize(
    ("text", "child", "iteration"),
    [
        ("train[a.org]", 1, None),
        ("train-1[b.org]@9", 0, 9),
        ("train[3]", 2, None),  # a name goes before a number
        ("train[0]@2", 0, 2),
        ("train[x[1]@y]@4", 3, 4),
    ],
)
def test_m16_a_child_is_found_by_its_name(text, child, iteration):
    found = find_target(text, MARKS, "run", {"train-1": ["b.org", "a.org", "3", "x[1]@y"]})
    assert (found.mark.slug, found.child, found.iteration) == ("train-1", child, iteration)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("load", "several tasks 'load'. Say which: load-1, load-2"),
        ("trian[2]", "no task 'trian'. The nearest are: train"),
        ("", "no task ''"),
        ("load-1[2]", "is not mapped"),
        ("train@0", "counted from 1"),
        ("train[x]", "has no child of the name 'x'"),
    ],
)
def test_what_is_not_there_is_refused(text, says):
    with pytest.raises(click.ClickException) as refused:
        find_target(text, MARKS, "run")
    assert says in refused.value.message and refused.value.exit_code == 2
