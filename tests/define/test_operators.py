"""Expressions of tasks: what they make, what they compare, where they are refused."""

from __future__ import annotations

import operator

import pytest

from daskloop import Flow, Parameter, task
from daskloop.define.get_item import GetItem
from daskloop.define.operations import OPERATIONS
from daskloop.define.operator_task import BinaryOperator, UnaryOperator
from tests.define.writing import writing


@task
def number():
    return 7


@task
def double(x, by=2):
    return by * x


BINARY = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod, "**": operator.pow, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge, "&": operator.and_, "|": operator.or_,
}  # fmt: skip
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def values_of(graph, made):
    return [argument.expression for argument in graph.call_of(made).arguments]


@pytest.mark.parametrize("symbol", BINARY)
def test_an_operator_of_two_tasks_is_a_task_that_waits_for_both(symbol):
    with writing() as graph:
        a, b = number(), number()
        made = BINARY[symbol](a, b)
    assert type(made) is BinaryOperator
    assert made.symbol == symbol
    assert made.name == OPERATIONS[symbol].name
    assert [one.task for one in values_of(graph, made)] == [a, b]
    assert type(made.copy()) is BinaryOperator


@pytest.mark.parametrize("symbol", BINARY)
def test_a_constant_may_stand_on_either_side(symbol):
    with writing() as graph:
        a = number()
        right, left = BINARY[symbol](a, 3), BINARY[symbol](3, a)
    first, second = values_of(graph, right)
    assert (first.task, second.value) == (a, 3)
    # Python turns 3 < a around to a > 3.
    assert left.symbol == MIRRORED.get(symbol, symbol)
    pair = values_of(graph, left)
    constant, taken = reversed(pair) if symbol in MIRRORED else pair
    assert (constant.value, taken.task) == (3, a)


def test_operators_compute_what_they_say():
    for symbol in ("+", "-", "*", "/", "//", "%", "**", "<", "<=", ">", ">="):
        assert BinaryOperator(symbol).run(7, 2) == BINARY[symbol](7, 2)
    assert BinaryOperator("==").run(1, 1) is True
    assert BinaryOperator("!=").run(1, 1) is False
    # As in Prefect Core: `and` and `or`, which give one of their operands.
    assert BinaryOperator("&").run([], 5) == []
    assert BinaryOperator("|").run([], 5) == 5
    assert UnaryOperator("not").run([]) is True
    assert UnaryOperator("neg").run(3) == -3


def test_the_operators_without_a_sign():
    with writing():
        a = number()
        made = [a.is_equal(1), a.is_not_equal(1), a.not_(), a.or_(1), -a, ~a]
    assert [one.name for one in made] == ["Equal", "NotEqual", "Not", "Or", "Negative", "Not"]


def test_tasks_stay_keys_of_dicts():
    with writing():
        a, b = number(), number()
        assert (a == b, a == a, a != b) == (False, True, True)
        assert {a: 1, b: 2}[a] == 1
        assert a in [b, a]


def test_arrays_on_the_left_do_not_take_a_task_apart():
    numpy = pytest.importorskip("numpy")
    with writing() as graph:
        made = numpy.arange(3) + number()
    assert type(made) is BinaryOperator
    assert len(graph.tasks) == 2


def test_parameters_take_part():
    with writing() as graph:
        made = Parameter("n") + 1
    assert [one.name for one in graph.upstream_tasks(made)] == ["n"]


@pytest.mark.parametrize(
    "write",
    [
        lambda a: 1 if a > 3 else 2,
        lambda a: 0 < a < 5,
        lambda a: a > 3 and a < 5,
        lambda a: not a.is_equal(1),
        lambda a: max(a, 3),
    ],
)
def test_an_operator_in_an_if_is_refused_with_what_to_write(write):
    with writing():
        a = number()
        with pytest.raises(TypeError, match=r"known only when the flow runs.*with case"):
            write(a)


def test_tasks_and_items_may_be_asked_whether_they_are_there():
    with writing():
        a = number()
        assert a
        assert a["k"]
        assert a + 1


def test_f02_an_operator_outside_a_flow_says_what_to_do():
    for act in (lambda: number + 1, lambda: 1 + number, lambda: number.is_equal(1)):
        with pytest.raises(ValueError, match=r"'number' was used in an expression outside a flow"):
            act()


def test_an_operator_after_the_block_goes_to_the_flow_of_its_task():
    with Flow("f") as flow:
        a = number()
    made = a + 1
    assert made in flow.tasks
    assert type(a[0]) is GetItem


def test_pipe_calls_one_task_with_the_result_of_another():
    with writing() as graph:
        piped = number().pipe(double).pipe(double, by=3)
    (above,) = graph.upstream_tasks(piped)
    assert (piped.name, above.name) == ("double", "double")
    assert graph.call_of(piped).arguments[1].expression.value == 3
    with writing(), pytest.raises(TypeError, match=r"'number'\.pipe\(.*give a task"):
        number().pipe(lambda x: x)
