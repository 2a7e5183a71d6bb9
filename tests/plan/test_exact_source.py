"""A value is taken for another only if nothing that made it has changed."""

import functools
import subprocess
import sys
import threading

import pytest

from daskloop import Task, task
from daskloop.errors import ResultError
from daskloop.plan.exact_source import exact_source


def source(function, exact=True):
    return exact_source(task(function), exact)


def made(text, **names):
    """Make a function of a text, in a module of its own."""
    space = {"__name__": "made", **names}
    exec(text, space)
    return space["f"]


BEFORE = """
LIMIT = 3
def inner(x):
    return x + 1
def f(x, y=1):
    return [inner(x) for _ in range(LIMIT)]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("x + 1", "x + 2"),
        ("y=1", "y=2"),
        ("def f(x, y=1)", "def f(x, *, y=1)"),
        ("[inner(x) for", "[x for"),
    ],
)
def test_what_changes_the_value_changes_the_digest(old, new):
    assert old in BEFORE
    assert source(made(BEFORE)) != source(made(BEFORE.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [("def f", "# a comment\n\n\ndef f"), ("x + 1", "x+1"), ("LIMIT = 3", "OTHER = 5\nLIMIT = 3")],
)
def test_what_does_not_leaves_it(old, new):
    assert source(made(BEFORE)) == source(made(BEFORE.replace(old, new)))


def test_functions_in_one_line_are_told_apart():
    one, two = (lambda x: x + 1), (lambda x: x + 2)
    assert source(one) != source(two)


def scaled(by, note=None):
    def f(x):
        return x * by, note

    return f


def test_what_a_function_holds_counts():
    assert source(scaled(2)) == source(scaled(2))
    assert source(scaled(2)) != source(scaled(3))
    assert source(scaled(scaled(2))) != source(scaled(scaled(3)))
    assert source(scaled([scaled(2)])) != source(scaled([scaled(3)]))
    assert source(functools.partial(pow, exp=2)) != source(functools.partial(pow, exp=3))


class Model:
    def __init__(self, x):
        self.x = x

    def predict(self, y):
        return self.x + y


def test_what_a_method_belongs_to_counts():
    assert source(Model(1).predict) == source(Model(1).predict)
    assert source(Model(1).predict) != source(Model(2).predict)


def test_what_wraps_a_function_counts():
    def twice(function, times):
        @functools.wraps(function)
        def wrapper(x):
            return function(x) * times

        return wrapper

    assert source(twice(scaled(1), 2)) != source(twice(scaled(1), 3))


def test_what_cannot_be_told_from_others_is_an_error_unless_it_need_not_be():
    held = scaled(2, threading.Lock())
    with pytest.raises(ResultError, match="lock"):
        source(held)
    assert source(held, exact=False) == source(scaled(2, threading.Lock()), exact=False)


def test_a_function_may_call_itself():
    def f(x):
        return f(x - 1) if x else 0

    assert source(f) == source(f)


class Scale(Task):
    def __init__(self, by, **options):
        self._by = by
        super().__init__(**options)

    def run(self, x):
        return self.scaled(x)

    def scaled(self, x):
        return x * self._by


def test_a_class_of_tasks_counts_with_its_methods_and_attributes():
    assert exact_source(Scale(2)) == exact_source(Scale(2, name="other", max_retries=3))
    assert exact_source(Scale(2)) != exact_source(Scale(3))

    class Other(Scale):
        def scaled(self, x):
            return -x

    class Shifted(Scale):
        shift = 3

    assert len({exact_source(kind(2)) for kind in (Scale, Other, Shifted)}) == 3


def test_every_process_makes_the_same_digest():
    code = (
        "from daskloop import task\n"
        "from daskloop.plan.exact_source import exact_source\n"
        "def f(x, words=frozenset('abc')):\n"
        "    return x in {'a', 'b', 'c', 'd'} or x in words\n"
        "print(exact_source(task(f)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
