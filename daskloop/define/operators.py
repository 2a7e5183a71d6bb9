"""What can be written with a task as if it were its result: ``a + 1``, ``a["key"]``, ``a > b``.

Each makes a task that computes it when the flow runs. ``==`` and ``!=`` compare the task objects
themselves, which are keys of dicts: write `is_equal` and `is_not_equal`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daskloop.define.definition import Definition

if TYPE_CHECKING:
    from daskloop.define.task import Task

__all__ = ["Operators"]


class Operators(Definition):
    """The part of a `Task` that makes tasks of expressions; see `Task` for the parameters.

    Examples
    --------
    >>> from daskloop.define.graph import TaskGraph
    >>> from daskloop.define.task import Task
    >>> graph = TaskGraph("sums")
    >>> one = Task(name="one")
    >>> graph.add_task(one)
    <Task: one>
    >>> (one + 1) * 2
    <BinaryOperator: Mul>
    """

    # Else an array on the left would take the task apart, element by element.
    __array_ufunc__ = None
    __pandas_priority__ = 10_000

    def __getitem__(self, key: Any) -> Task:
        """Make a task that takes one item of this task's result."""
        return _written("[]", self, key, act="indexed")

    def __add__(self, other: Any) -> Task:
        return _written("+", self, other)

    def __radd__(self, other: Any) -> Task:
        return _written("+", other, self)

    def __sub__(self, other: Any) -> Task:
        return _written("-", self, other)

    def __rsub__(self, other: Any) -> Task:
        return _written("-", other, self)

    def __mul__(self, other: Any) -> Task:
        return _written("*", self, other)

    def __rmul__(self, other: Any) -> Task:
        return _written("*", other, self)

    def __truediv__(self, other: Any) -> Task:
        return _written("/", self, other)

    def __rtruediv__(self, other: Any) -> Task:
        return _written("/", other, self)

    def __floordiv__(self, other: Any) -> Task:
        return _written("//", self, other)

    def __rfloordiv__(self, other: Any) -> Task:
        return _written("//", other, self)

    def __mod__(self, other: Any) -> Task:
        return _written("%", self, other)

    def __rmod__(self, other: Any) -> Task:
        return _written("%", other, self)

    def __pow__(self, other: Any) -> Task:
        return _written("**", self, other)

    def __rpow__(self, other: Any) -> Task:
        return _written("**", other, self)

    def __lt__(self, other: Any) -> Task:
        return _written("<", self, other)

    def __le__(self, other: Any) -> Task:
        return _written("<=", self, other)

    def __gt__(self, other: Any) -> Task:
        return _written(">", self, other)

    def __ge__(self, other: Any) -> Task:
        return _written(">=", self, other)

    def __and__(self, other: Any) -> Task:
        return _written("&", self, other)

    def __rand__(self, other: Any) -> Task:
        return _written("&", other, self)

    def __or__(self, other: Any) -> Task:
        return _written("|", self, other)

    def __ror__(self, other: Any) -> Task:
        return _written("|", other, self)

    def __neg__(self) -> Task:
        return _written("neg", self)

    def __invert__(self) -> Task:
        return self.not_()

    def is_equal(self, other: Any) -> Task:
        """Make a task that tells whether this task's result equals another or a constant.

        Parameters
        ----------
        other : Any
            A task or a constant.
        """
        return _written("==", self, other)

    def is_not_equal(self, other: Any) -> Task:
        """Make a task that tells whether this task's result differs from another or a constant.

        Parameters
        ----------
        other : Any
            A task or a constant.
        """
        return _written("!=", self, other)

    def not_(self) -> Task:
        """Make a task that tells whether this task's result is empty, zero, None or False."""
        return _written("not", self)

    def or_(self, other: Any) -> Task:
        """Make a task that gives this task's result if it is true, else the other.

        Parameters
        ----------
        other : Any
            A task or a constant.
        """
        return _written("|", self, other)


def _written(symbol: str, *operands: Any, act: str = "used in an expression") -> Task:
    # An operator is a Task, so it cannot be imported before that class exists.
    from daskloop.define.operator_task import operate

    return operate(symbol, *operands, act=act)
