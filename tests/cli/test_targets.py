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
    Mark("odd[1]-1", "odd[1]", "", "", False),
]


@pytest.mark.parametrize(
    ("text", "slug", "child", "iteration"),
    [
        ("train", "train-1", None, None),
        ("train[3]", "train-1", 3, None),
        ("train-1[3]@9", "train-1", 3, 9),
        ("load-2@1", "load-2", None, 1),
    ],
)
def test_a_text_names_a_task_a_child_an_iteration(text, slug, child, iteration):
    found = find_target(text, MARKS, "run")
    assert (found.mark.slug, found.child, found.iteration) == (slug, child, iteration)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("load", "several tasks 'load'. Say which: load-1, load-2"),
        ("trian[2]", "no task 'trian'. The nearest are: train"),
        ("", "no task ''"),
        ("load-1[2]", "is not mapped"),
        ("train@0", "counted from 1"),
    ],
)
def test_what_is_not_there_is_refused(text, says):
    with pytest.raises(click.ClickException) as refused:
        find_target(text, MARKS, "run")
    assert says in refused.value.message and refused.value.exit_code == 2
