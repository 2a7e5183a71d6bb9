"""The tasks that compute an operator of other tasks' results.

Such a task needs no future of its own where those who take its result can compute it: see
`daskloop.plan.folding`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daskloop.define.operations import OPERATIONS
from daskloop.define.scope import current_graph
from daskloop.define.task import Task

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from daskloop.define.options import TaskOptions

__all__ = ["BinaryOperator", "Operator", "UnaryOperator", "operate"]


class Operator(Task):
    """A task that computes an operator.

    Parameters
    ----------
    symbol : str
        Which one; a key of `OPERATIONS`.
    **options
        Those of `Task`; the name is that of the operator if not given.
    """

    def __init__(self, symbol: str, **options: Unpack[TaskOptions]) -> None:
        self.symbol = symbol
        if options.get("name") is None:
            options["name"] = OPERATIONS[symbol].name
        super().__init__(**options)

    def __bool__(self) -> bool:
        """Refuse to be taken for a truth value; an item is there like any other task.

        Raises
        ------
        TypeError
            With what to write instead.
        """
        if not OPERATIONS[self.symbol].truth:
            return True
        raise TypeError(
            f"Whether '{self.name}' is true is known only when the flow runs, so it cannot stand "
            "in `if`, `and`, `or`, `not` or a chain like 0 < x < 5. Write `with case(x > 0, True):`"
            ", and join conditions by &, | and ~, each in brackets"
        )


class BinaryOperator(Operator):
    """A task that computes an operator of two values.

    Examples
    --------
    >>> BinaryOperator("+").run(1, 2)
    3
    """

    def run(self, x: Any, y: Any) -> Any:
        """Compute it.

        Parameters
        ----------
        x, y : Any
            The operands, left and right.
        """
        return OPERATIONS[self.symbol].function(x, y)


class UnaryOperator(Operator):
    """A task that computes an operator of one value.

    Examples
    --------
    >>> UnaryOperator("not").run(0)
    True
    """

    def run(self, x: Any) -> Any:
        """Compute it.

        Parameters
        ----------
        x : Any
            The operand.
        """
        return OPERATIONS[self.symbol].function(x)


def operate(symbol: str, *operands: Any, act: str) -> Task:
    """Write an operator into the flow of its operands.

    Parameters
    ----------
    symbol : str
        A key of `OPERATIONS`.
    *operands : Any
        Tasks and constants, at least one task.
    act : str
        What is done with that task, for the error where there is no flow.
    """
    from daskloop.define.get_item import GetItem

    first = next(one for one in operands if isinstance(one, Task))
    graph = first._open_graph(current_graph.get() or first._graph, act)
    if symbol == "[]":
        return GetItem().bind(*operands, flow=graph)
    kind = BinaryOperator if len(operands) == 2 else UnaryOperator
    return kind(symbol).bind(*operands, flow=graph)
