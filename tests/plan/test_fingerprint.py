"""Fingerprints: what makes a flow or a value another one, and what does not."""

from __future__ import annotations

import functools
import math
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from fractions import Fraction

import numpy as np
import pytest

from daskloop import Flow, Parameter, flatten, task, unmapped
from daskloop.plan.compile import compile_plan
from daskloop.plan.fingerprint import digest_of_value, marks, what_changed


def change(first, second):
    """Say how the flow that one function writes differs from that of another."""
    found = []
    for write in (first, second):
        with Flow("one") as flow:
            write()
        found.append(marks(compile_plan(flow)))
    return what_changed(*found)


def work(x, y=0):
    return x + y


def from_source(text, tmp_path, monkeypatch, number=[0]):  # noqa: B006
    """Import a function named `work` from a file that holds this text."""
    number[0] += 1
    name = f"written_{tmp_path.name.replace('-', '_')}_{number[0]}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return __import__(name).work


SOURCE = "def work(x):\n    return x + 1\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# a comment\n\n\ndef work(x):  # another\n\n    return (x\n        + 1)\n", []),
        ("import functools\n\n\n@functools.cache\ndef work(x):\n    return x + 1\n", []),
        ("def work(x):\n    return x + 2\n", ["the function of task 'work-1' has changed"]),
        ("def work(x, y=1):\n    return x + 1\n", ["the function of task 'work-1' has changed"]),
    ],
    ids=["comments", "decorator", "body", "signature"],
)
def test_comments_layout_and_decorators_are_no_change(text, said, tmp_path, monkeypatch):
    before = from_source(SOURCE, tmp_path, monkeypatch)
    after = from_source(text, tmp_path, monkeypatch)
    assert change(lambda: task(before)(1), lambda: task(after)(1)) == said


def test_a_traceback_between_two_looks_is_no_change(tmp_path, monkeypatch):
    """It makes a source known that nobody had looked for along the path."""
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "run.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    names = {}
    exec(compile(SOURCE, "below/run.py", "exec"), names)
    with Flow("one") as flow:
        task(names["work"])(1)
    before = marks(compile_plan(flow))
    with pytest.raises(TypeError) as caught:
        names["work"](None)
    assert "return x + 1" in "".join(traceback.format_exception(caught.value))
    assert what_changed(before, marks(compile_plan(flow))) == []


def test_options_of_a_task_are_no_change():
    assert not change(
        lambda: task(work)(1),
        lambda: task(work, max_retries=2, retry_delay=1, tags=["a"], timeout=3)(1),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda a, b: work_on(1), lambda a, b: work_on(2)),
        (lambda a, b: work_on(1), lambda a, b: work_on(True)),
        (lambda a, b: work_on([1, 2]), lambda a, b: work_on((1, 2))),
        (lambda a, b: work_on(a), lambda a, b: work_on(b)),
        (lambda a, b: work_on(x=a, y=b), lambda a, b: work_on(x=b, y=a)),
        (lambda a, b: work_on([a, b]), lambda a, b: work_on([b, a])),
        (lambda a, b: work_on({"k": a}), lambda a, b: work_on({"l": a})),
        (lambda a, b: work_on.map(a), lambda a, b: work_on(a)),
        (lambda a, b: work_on.map(a, b), lambda a, b: work_on.map(a, unmapped(b))),
        (lambda a, b: work_on.map(a), lambda a, b: work_on.map(flatten(a))),
        (lambda a, b: work_on(1, upstream_tasks=[a]), lambda a, b: work_on(1)),
        (lambda a, b: work_on(np.arange(3)), lambda a, b: work_on(np.arange(4))),
        (lambda a, b: work_on({1, 2}), lambda a, b: work_on({1, 3})),
    ],
)
def test_other_constants_and_edges_are_a_change(first, second):
    def write(using):
        def written():
            using(Parameter("a"), Parameter("b"))

        return written

    assert change(write(first), write(second)) == ["the inputs of task 'work-1' have changed"]
    assert change(write(first), write(first)) == []


work_on = task(work)


def test_tasks_that_are_new_gone_or_renamed_are_named():
    assert change(lambda: task(work, name="old")(1), lambda: task(work, name="new")(1)) == [
        "task 'new-1' is new",
        "task 'old-1' is gone",
    ]


def test_what_a_function_encloses_is_a_part_of_it():
    def enclosing(number, helper):
        def inner(x):
            return helper(x) + number

        return task(inner)

    def double(x):
        return 2 * x

    def triple(x):
        return 3 * x

    changed = ["the function of task 'inner-1' has changed"]
    assert not change(lambda: enclosing(1, double)(1), lambda: enclosing(1, double)(1))
    assert change(lambda: enclosing(1, double)(1), lambda: enclosing(2, double)(1)) == changed
    assert change(lambda: enclosing(1, double)(1), lambda: enclosing(1, triple)(1)) == changed


def test_functions_that_enclose_themselves_and_one_another_are_written_to_an_end():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    @task
    def ask(n):
        return even(n), factorial(n)

    assert not change(lambda: ask(4), lambda: ask(4))


def test_what_a_partial_holds_is_a_part_of_it():
    assert change(
        lambda: task(functools.partial(work, y=1), name="work")(1),
        lambda: task(functools.partial(work, y=2), name="work")(1),
    )


VALUES = [
    0,
    False,
    0.0,
    "",
    "0",
    b"0",
    None,
    [],
    (),
    {},
    [1],
    [True],
    (1,),
    [[1], 2],
    [1, [2]],
    {"a": 1},
    {1: "a"},
    {1},
    frozenset({1}),
    math.nan,
    math.inf,
    10**5000,
    10**5000 + 1,
    [10**5000],
    [10**5000 + 1],
    (10**5000, "a"),
    date(2026, 1, 1),
    timedelta(1),
    Fraction(1, 3),
    range(3),
    np.arange(3),
    np.arange(3.0),
    np.arange(4),
    np.float64(1),
    np.float32(1),
    "\ud800",
]


def test_values_that_differ_have_digests_that_differ():
    digests = [digest_of_value(value) for value in VALUES]
    assert len(set(digests)) == len(VALUES)
    assert digests == [digest_of_value(value) for value in VALUES]


def test_values_that_hold_themselves_have_digests():
    def circle(last):
        found = [1, {"last": last}]
        found.append(found)
        return found

    assert digest_of_value(circle(1)) == digest_of_value(circle(1)) != digest_of_value(circle(2))


def test_a_value_that_cannot_be_pickled_has_a_digest(tmp_path):
    with open(tmp_path / "file", "w") as file:
        assert digest_of_value(file)


class Colour(str, Enum):
    RED = "red"


@dataclass
class Config:
    rate: float = 0.5
    names: frozenset = frozenset({"a", "b", "c", "d", "e"})
    more: dict = field(default_factory=lambda: {"x": [1, 2]})


def digests():
    """Digest values whose bytes could differ from process to process."""
    return [
        digest_of_value(one)
        for one in (
            {"a", "b", "c", "d"},
            [frozenset({"x", "y", "z"}), ("a", 1)],
            {("a", 1): {"b", "c", "d", "e"}},
            np.arange(10),
            date(2026, 1, 1),
            Colour.RED,
            work,
        )
    ]


def elsewhere(seed, expression):
    code = f"from tests.plan import test_fingerprint as t; print({expression})"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_digests_are_the_same_in_every_process():
    assert elsewhere(1, "t.digests()") == elsewhere(2, "t.digests()") == f"{digests()}\n"


def test_digests_of_objects_that_hold_sets_are_the_same_in_every_process():
    found = {elsewhere(seed, "t.digest_of_value(t.Config())") for seed in range(4)}
    assert len(found) == 1


@pytest.mark.parametrize(
    "value", [list(range(200_000)), [(i, str(i)) for i in range(20_000)], np.zeros(1_000_000)]
)
def test_large_values_are_digested_quickly(value):
    begun = time.perf_counter()
    digest_of_value(value)
    assert time.perf_counter() - begun < 3
