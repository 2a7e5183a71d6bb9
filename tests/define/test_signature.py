"""Which functions can be tasks, and how calls find their arguments."""

from __future__ import annotations

import functools
import operator

import pytest

from daskloop.define.decorator import task
from daskloop.define.signature import bind, is_async, missing, returned_count, takes
from daskloop.define.task import Task


async def coroutine(x):
    return x


def generator(x):
    yield x


async def asynchronous_generator(x):
    yield x


class AsyncCall:
    async def __call__(self, x):
        return x


@functools.wraps(coroutine)
def wrapped(*args, **kwargs):
    return coroutine(*args, **kwargs)


@pytest.mark.parametrize(
    "function",
    [
        coroutine,
        functools.partial(coroutine),
        functools.partial(functools.partial(coroutine), x=1),
        AsyncCall(),
        wrapped,
    ],
    ids=["function", "partial", "partial of a partial", "object", "wrapped"],
)
def test_l21_async_functions_are_known_however_they_are_wrapped(function):
    assert is_async(function)
    assert is_async(task(function).run)
    assert not is_async(positional_only)


def test_l21_so_is_an_async_run_of_a_subclass():
    class Fetch(Task):
        async def run(self, url):
            return url

    assert is_async(Fetch().run)


@pytest.mark.parametrize("function", [generator, asynchronous_generator])
def test_r10_generator_functions_are_refused(function):
    with pytest.raises(TypeError, match="generator function.*list"):
        task(function)


def positional_only(x, /):
    return x


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda *items: items, r"takes \*items.*Take one list"),
        (positional_only, "'x' by position only"),
        (operator.itemgetter, "function, got"),
        (dict.fromkeys, "Wrap it|wrap it"),
        (min, "Wrap it in a function|wrap it"),
        (lambda upstream_tasks: 0, "'upstream_tasks'.*Rename"),
        (lambda flow: 0, "'flow'.*Rename"),
        (lambda mapped: 0, "'mapped'.*Rename"),
        (lambda task_args: 0, "'task_args'.*Rename"),
    ],
)
def test_functions_whose_arguments_have_no_free_names_are_refused(function, says):
    with pytest.raises((TypeError, ValueError), match=says):
        task(function, name="refused")


@pytest.mark.parametrize(
    "function",
    [
        lambda: 0,
        lambda x, *, y=1, **more: 0,
        functools.partial(lambda x, y: 0, y=1),
        functools.lru_cache(lambda x: x),
        lambda self, task: 0,
        [].__len__,
    ],
)
def test_functions_of_many_kinds_can_be_tasks(function):
    assert task(function).run is function


def test_arguments_get_the_names_of_the_signature():
    assert bind(lambda a, b=2, **more: 0, "f", (1,), {"z": 3}) == {"a": 1, "z": 3}


@pytest.mark.parametrize(
    ("args", "kwargs", "says"),
    [
        ((), {}, "it needs 'a', 'b'"),
        ((1,), {}, "it needs 'b'"),
        ((), {"b": 1}, "it needs 'a'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1, 2), {"c": 3}, "it has no argument 'c'"),
        ((1, 2), {"a": 3}, "multiple values for argument 'a'"),
    ],
)
def test_a_wrong_call_says_what_is_missing_and_what_the_task_takes(args, kwargs, says):
    with pytest.raises(TypeError, match=rf"Task 'train' is called wrongly: .*{says}.*\(a, b\)"):
        bind(lambda a, b: 0, "train", args, kwargs)


def test_missing_arguments_and_taken_ones_are_known():
    assert missing(lambda a, b, c=0, **more: 0, "f", ["a"]) == ["b"]
    assert takes(lambda a: 0, "f", "a")
    assert not takes(lambda a: 0, "f", "b")
    assert takes(lambda **more: 0, "f", "b")


def pair() -> tuple[int, str]:
    return 1, "a"


def many() -> tuple[int, ...]:
    return (1,)


def unknown() -> tuple[Nowhere, int]:  # noqa: F821
    return 1, 2


def plain() -> list[int]:
    return []


@pytest.mark.parametrize(
    ("function", "number"), [(pair, 2), (many, None), (unknown, None), (plain, None)]
)
def test_f06_the_annotation_says_how_many_values_come_back(function, number):
    assert returned_count(function) == number
    assert task(function).nout == number
