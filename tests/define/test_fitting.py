"""Values and types: what becomes what, and what is refused in which words."""

from __future__ import annotations

import typing
from dataclasses import dataclass, field
from datetime import date, datetime, time, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional
from uuid import UUID

import numpy as np
import pytest

from daskloop.define.fitting import check_alike, checked_type, fit
from daskloop.define.misfit import Misfit

Seconds = NewType("Seconds", float)
T = typing.TypeVar("T")
OptionalInt = Optional[int]  # noqa: UP045


class Colour(Enum):
    RED = 1
    BLUE = "b"


@dataclass
class Settings:
    rate: float
    steps: list[int] = field(default_factory=list)
    more: Settings | None = None

    def __post_init__(self):
        if self.rate < 0:
            raise ValueError("rate is negative")


class Model:
    """Validates as pydantic's models do."""

    def __init__(self, number):
        self.number = number

    @classmethod
    def model_validate(cls, value):
        return value if isinstance(value, cls) else cls(int(value["number"]))


@pytest.mark.parametrize(
    ("value", "kind", "made"),
    [
        ("3", int, 3),
        (" -3 ", int, -3),
        (3.0, int, 3),
        (np.int64(3), int, 3),
        (np.float32(3), int, 3),
        (10**400, int, 10**400),
        ("1e-3", float, 0.001),
        (3, float, 3.0),
        (np.float64(0.5), float, 0.5),
        (2, complex, 2 + 0j),
        ("no", bool, False),
        (1, bool, True),
        (np.bool_(True), bool, True),
        ("3", str, "3"),
        (bytearray(b"x"), bytes, b"x"),
        ("2026-03-01", date, date(2026, 3, 1)),
        ("2026-03-01T12:30Z", datetime, datetime(2026, 3, 1, 12, 30, tzinfo=timezone.utc)),
        ("2026-03-01 12:30", datetime, datetime(2026, 3, 1, 12, 30)),
        ("12:30", time, time(12, 30)),
        ("0.1", Decimal, Decimal("0.1")),
        ("1/3", Fraction, Fraction(1, 3)),
        ("a/b", Path, Path("a/b")),
        (str(UUID(int=5)), UUID, UUID(int=5)),
        (None, OptionalInt, None),
        ("3", OptionalInt, 3),
        ("3", int | str, "3"),
        ("3", int | float, 3),
        (["1", 2.0], list[int], [1, 2]),
        ((1, 2), list, [1, 2]),
        (range(3), list[int], [0, 1, 2]),
        (["1", "x"], tuple[int, str], (1, "x")),
        (["1", "2"], tuple[int, ...], (1, 2)),
        ([1, "2"], set[int], {1, 2}),
        ({1}, frozenset[int], frozenset({1})),
        ((1, "2"), typing.Sequence[int], (1, 2)),
        ({"a": "1"}, dict[str, int], {"a": 1}),
        ({"a": 1}, typing.Mapping, {"a": 1}),
        ("fast", Literal["fast", "slow"], "fast"),
        ("2", Literal[1, 2], 2),
        ("1.5", Seconds, 1.5),
        ("3", Annotated[int, "positive", []], 3),
        ("RED", Colour, Colour.RED),
        ("1", Colour, Colour.RED),
        ("b", Colour, Colour.BLUE),
        ({"rate": "2", "steps": ["1"]}, Settings, Settings(2.0, [1])),
        ({"rate": 1, "more": {"rate": 2}}, Settings, Settings(1.0, [], Settings(2.0))),
        ([{"rate": 1}], list[Settings], [Settings(1.0)]),
        ("anything", Any, "anything"),
        ("anything", T, "anything"),
        (3, typing.Callable[[int], int], 3),  # a form that is not known says nothing
    ],
)
def test_p01_a_value_becomes_the_type_when_nothing_is_lost(value, kind, made):
    found = fit(value, kind)
    assert found == made and type(found) is type(made)


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        ("three", int, "'three' is not a whole number (int)"),
        (3.5, int, "3.5 is not a whole number (int)"),
        ("3.0", int, "is not a whole number"),
        (float("nan"), int, "nan is not a whole number"),
        (float("inf"), int, "inf is not a whole number"),
        (True, int, "True is not a whole number"),
        (10**400, float, "is not a number (float)"),
        (2**53 + 1, float, "is not a number (float)"),
        (Fraction(1, 3), float, "is not a number"),
        (2, bool, "2 is not true or false"),
        (np.array([1, 0]), bool, "is not true or false"),
        (3, str, "3 is not a text (str)"),
        (b"x", str, "is not a text"),
        (None, int, "None is not a whole number"),
        (5, type(None), "5 is not None"),
        ("2026-13-01", date, "is not a date"),
        (datetime(2026, 3, 1, 12), date, "is not a date"),
        ("2026-03-01+02:00", datetime, "is not a datetime"),
        ("", datetime, "is not a datetime"),
        (0.1, Decimal, "0.1 is not a Decimal"),
        ("x", OptionalInt, "'x' is not Optional[int]"),
        ([1, "x"], list[int] | None, "its [1] is 'x', not a whole number"),
        ([1, "x"], list[int], "its [1] is 'x', not a whole number (int)"),
        ({"a": [1, None]}, dict[str, list[int]], "its ['a'][1] is None, not a whole number"),
        ("abc", list[str], "'abc' is not list[str]"),
        ("abc", typing.Sequence[str], "'abc' is not Sequence[str]"),
        ({1, 2}, list, "is not a list"),
        ((1,), tuple[int, int], "(1,) is not tuple[int, int] of 2 elements"),
        ([1, 1], set[int], "it has an element twice"),
        ([[1]], set, "its elements have no hash"),
        ([1], dict, "[1] is not a dict"),
        ("red", Literal["fast", "slow"], "'red' is not Literal['fast', 'slow']"),
        (True, Literal[1, 2], "True is not Literal[1, 2]"),
        ("green", Colour, "'green' is not a Colour (RED, BLUE)"),
        ({"rate": "fast"}, Settings, "its .rate is 'fast', not a number (float)"),
        ({"rate": 1, "more": {"rate": None}}, Settings, "its .more.rate is None"),
        ({"rat": 1}, Settings, "it has no field 'rat'"),
        ({}, Settings, "missing 1 required positional argument: 'rate'"),
        ({"rate": -1}, Settings, "ValueError: rate is negative"),
        ([1], Settings, "[1] is not a Settings"),
        ({"number": "x"}, Model, "is not a Model: invalid literal"),
    ],
)
def test_p01_another_value_is_refused_and_the_part_is_named(value, kind, says):
    with pytest.raises(Misfit) as refused:
        fit(value, kind)
    assert says in str(refused.value)


def test_p01_a_class_with_model_validate_makes_its_own_objects():
    found = fit([{"number": "3"}, Model(4)], list[Model])
    assert [one.number for one in found] == [3, 4]


def test_p01_a_model_of_pydantic_validates():
    pydantic = pytest.importorskip("pydantic")

    class Config(pydantic.BaseModel):
        rate: float
        names: list[str]

    assert fit({"rate": "0.5", "names": ["a"]}, Config) == Config(rate=0.5, names=["a"])
    with pytest.raises(Misfit, match=r"is not a Config: 2 validation errors(.|\n)*rate"):
        fit({"rate": "fast"}, Config)


def test_p05_a_secret_value_is_nowhere_in_the_words():
    for value, kind in [
        ({"hunter2": "hunter2"}, dict[str, int]),
        ({"rate": "hunter2"}, Settings),
        ({"number": "hunter2"}, Model),
    ]:
        with pytest.raises(Misfit) as refused:
            fit(value, kind)
        assert "hunter2" not in refused.value.said(secret=True)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (3.0, int),
        (True, int),
        (3, float),
        (10**400, float),
        (3, complex),
        (1, bool),
        ((1, 2), list[int]),
        ("abc", typing.Sequence[str]),
        ("a/b", Path),
        (3, Decimal),
        ({"rate": 1}, Settings),
        (np.int64(3), int),
        (np.array([1.5]), list[int]),
        (np.float64(1.5), int),
        (None, OptionalInt),
        ("red", Colour),
    ],
)
def test_p02_an_annotation_lets_pass_what_may_be_meant(value, kind):
    check_alike(value, kind)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("3", int),
        (3.5, int),
        ("0.5", float),
        (None, int),
        ([1], int),
        (2, bool),
        (3, str),
        ([1, "x"], list[int]),
        ("abc", list[str]),
        ({"a": 1}, list),
        ([1], dict),
        ("2026-03-01", date),
        (3, str | None),
        ("red", Literal["fast", "slow"]),
    ],
)
def test_p02_an_annotation_refuses_what_is_clearly_another_type(value, kind):
    with pytest.raises(Misfit):
        check_alike(value, kind)


@pytest.mark.parametrize("kind", ["int", 5, [int], len, None])
def test_what_is_no_type_is_refused(kind):
    with pytest.raises(TypeError, match="give a type, like int"):
        checked_type(kind, "Parameter 'n'")
