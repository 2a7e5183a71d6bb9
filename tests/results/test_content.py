"""Values are told apart by content, in every process alike."""

import subprocess
import sys
import threading
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from daskloop.errors import ResultError
from daskloop.results.content import token
from tests.case_names import case_name

Pair = namedtuple("Pair", "a b")


class Colour(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Point:
    x: object
    y: object = 0


class Slots:
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x


class Text(str):
    pass


def local(x):
    class Local:
        def __init__(self):
            self.x = x

        def same(self):
            return self.x

    return Local()


def values():
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    return [
        *(None, 0, 1, 1.0, True, 1j, "1", b"1", bytearray(b"1"), "", -0.0, 0.0, 10**5000, range(3)),
        *(
            [],
            (),
            {},
            set(),
            frozenset(),
            [1],
            (1,),
            {1},
            {1: 2},
            {2: 1},
            [[1], 2],
            [[1, 2]],
            [1, 2],
        ),
        *(
            ["1", "2"],
            ["1,2"],
            {"a": 1, "b": 2},
            {"b": 2, "a": 1},
            Text("1"),
            Pair(1, 2),
            Pair(2, 1),
        ),
        *(Colour.RED, Colour.BLUE, Point(1), Point(2), Point(Point(1)), Slots(1), Slots(2), Slots),
        *(
            local(1),
            local(2),
            Path("a"),
            Path("b"),
            Decimal(1),
            Fraction(1, 2),
            datetime(2020, 1, 1),
        ),
        *((lambda x: x), (lambda x: -x), local(1).same, local(2).same, local, partial(local, 1)),
        *(deque([1]), deque([2]), OrderedDict(a=1), OrderedDict(a=2), token, len, Point, int),
        *(numpy.arange(3), numpy.arange(4), numpy.float64(1), numpy.array([1.0]), numpy.int64(1)),
        *(pandas.Series([1]), pandas.Series([1.0]), pandas.DataFrame({"a": [1]})),
    ]


def test_equal_content_has_equal_tokens_and_no_other_has():
    tokens = [token(value) for value in values()]
    assert tokens == [token(value) for value in values()]
    assert len(set(tokens)) == len(tokens)


def test_a_value_that_holds_itself_is_read_once():
    one, other = [1], [2]
    one.append(one)
    other.append(other)
    assert token(one) != token(other)


@pytest.mark.parametrize("holder", [lambda x: x, lambda x: [{"a": x}], Point, local], ids=case_name)
def test_what_has_no_content_is_refused(holder):
    for one in (threading.Lock(), object(), (n for n in [1])):
        with pytest.raises(ResultError, match="cannot be told from others by its content"):
            token(holder(one))


def test_what_is_nested_too_deeply_is_refused_by_name():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ResultError, match=r"a builtins.list .* \(it is nested too deeply\)"):
        token(deep)
    while deep:  # one by one: Python would not come to an end of it either
        deep = deep.pop()


class Known:
    """One of few objects, which pickle writes as its name."""

    def __init__(self, name):
        self.name, self.lock = name, threading.Lock()

    def __reduce__(self):
        return self.name


Known.__module__ = "__main__"  # as in a script: such a class travels by value


def test_an_object_that_pickles_as_a_name_is_told_by_it():
    assert token(Known("one")) == token(Known("one"))
    assert token([Known("one")]) != token([Known("other")])


def test_a_function_is_read_though_a_variable_around_it_has_no_value_yet():
    def outer(with_value):
        def inner():
            return late

        if with_value:
            late = 1
        return inner

    assert token(outer(False)) == token(outer(False))
    assert token(outer(False)) != token(outer(True))


def test_a_class_may_say_what_its_content_is():
    class Own:
        def __init__(self, x):
            self.x, self.lock = x, threading.Lock()

        def __dask_tokenize__(self):
            return self.x

    assert token(Own(1)) == token(Own(1)) != token(Own(2))


SCRIPT = """
import enum, collections, dataclasses, cloudpickle, sys
sys.path.insert(0, sys.argv[1])
from daskloop.results.content import token

@dataclasses.dataclass(frozen=True)
class Point:
    x: int
class Plain:
    def __init__(self, x): self.x = x
class Colour(enum.Enum):
    RED = 1
Pair = collections.namedtuple("Pair", "a b")
def function(x): return x in {"a", "b", "c"}
plain = Plain({"a", "b", "c"})
for value in (Point(1), function, plain, Colour.RED, Pair(1, 2), frozenset("abc"), Point):
    print(token(cloudpickle.loads(cloudpickle.dumps(value))))
"""


def test_objects_of_a_script_have_the_same_token_in_every_process():
    root = str(Path(__file__).parent.parent.parent)
    said = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, root],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in "12"
    }
    assert len(said) == 1
    assert len(set(said.pop().split())) == 7
