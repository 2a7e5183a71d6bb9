"""A loop whose body is a flow: several tasks in each iteration, each with retries of its own.

::

    @loop_flow
    def refine(x, n=1):                    called once, when it is written
        y = improve(x)                     a task of the body
        return again(x=y, n=n + 1).until(y < 0.1, result=y)
                 └ arguments of the next iteration     └ when it ends, and with what
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from daskloop.define.again import Again, Fields, Round
from daskloop.define.call import Argument, Call
from daskloop.define.decorator import FunctionTask
from daskloop.define.expression import Collection, Expression, Output, express
from daskloop.define.graph import TaskGraph
from daskloop.define.parameter import Parameter
from daskloop.define.scope import current_graph
from daskloop.define.task import Task
from daskloop.signals import SUCCESS

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from daskloop.define.options import TaskOptions

__all__ = ["Body", "Given", "LoopFlow", "loop_flow"]

_REFUSED = (
    "max_retries retry_delay retry_jitter retry_on retry_if timeout at_most_once "
    "result target cache cache_for cache_key"
).split()
_ENDING = ("max_loops", "max_time", "until", "patience", "losers")
_PLAIN = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Given(Task):
    """Stands for an argument of the body, while the body is written and in its inputs."""


class _Handed(Task):
    """Hands an argument on as a result, which can be mapped over."""

    def run(self, value: Any) -> Any:
        return value


class Body(TaskGraph):
    """The tasks of one iteration.

    Parameters
    ----------
    name : str
        Of the loop flow.
    """

    is_body = True

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.given: dict[str, Given] = {}
        """What stands for each argument."""
        self.defaults: dict[str, Any] = {}
        """Values of arguments that are not given."""
        self.fields: frozenset[str] = frozenset()
        """Arguments that the next iteration is given anew."""
        self.says_when = True
        """Whether the body says itself when the loop is over."""
        self.closing: dict[str, Expression] = {}
        """The arguments of `close_round`, which ends the iteration."""

    def write(self, function: Callable[..., Any]) -> None:
        """Let a function write the tasks, and read what it returns.

        Raises
        ------
        TypeError, ValueError
            If it cannot be the body of a loop.
        """
        for parameter in inspect.signature(function).parameters.values():
            self._stand_in(parameter)
        token = current_graph.set(self)
        try:
            returned = function(**self.given)
        finally:
            current_graph.reset(token)
        self._close(returned)
        self._check()
        self._spread()
        self.validate()

    def _stand_in(self, parameter: inspect.Parameter) -> None:
        if parameter.kind not in _PLAIN:
            raise TypeError(
                f"Loop flow '{self.name}' takes {parameter}; its arguments need names of their "
                "own, by which again(...) gives them to the next iteration"
            )
        self.given[parameter.name] = Given(name=parameter.name)
        self.add_task(self.given[parameter.name])
        if parameter.default is not parameter.empty:
            self.defaults[parameter.name] = parameter.default

    def _close(self, returned: Any) -> None:
        if not isinstance(returned, Round):
            raise TypeError(
                f"Loop flow '{self.name}' returned {returned!r:.100}. Its function writes the "
                "tasks of one iteration and says how it goes on: return again(x=...).until("
                "condition, result=...)"
            )
        self.says_when = returned.over is not ...
        unknown = sorted(returned.fields.keys() - self.given.keys())
        if unknown:
            raise TypeError(
                f"again({unknown[0]}=...) in loop flow '{self.name}': it has no argument "
                f"'{unknown[0]}', but {', '.join(self.given) or 'none at all'}"
            )
        self.fields = frozenset(returned.fields)
        parts = {
            "over": self.says_when and returned.over,
            "result": returned.fields if returned.result is ... else returned.result,
            "fields": returned.fields,
            "message": returned.message,
            "after": returned.after,
            "metric": returned.metric,
            "emit": returned.emit,
            "emit_all": returned.emit_all,
        }
        self.closing = {name: express(value) for name, value in parts.items()}

    def _check(self) -> None:
        for task in self.tasks:
            if isinstance(task, Parameter):
                raise ValueError(
                    f"Parameter '{task.name}' stands in the body of loop flow '{self.name}'. Make "
                    "it an argument of the function, and call the loop flow with the Parameter"
                )
            if task.keeping.writes:
                raise ValueError(
                    f"Task '{task.name}' in loop flow '{self.name}' has a result= or target=, "
                    "which is one file for all iterations. Leave it out, or use cache="
                )

    def _spread(self) -> None:
        """Hand on as results what is mapped over: who makes it can cut it into elements."""
        for task in list(self.tasks):
            call = self.call_of(task)
            arguments = tuple(
                replace(one, expression=self._as_result(one.expression)) if one.mapped else one
                for one in call.arguments
            )
            if arguments != call.arguments:
                self._rewrite(replace(call, arguments=arguments))

    def _rewrite(self, call: Call) -> None:
        for above in self.call_of(call.task).upstream_tasks:
            self._downstream[above].pop(call.task)
        for above in call.upstream_tasks:
            self._downstream[above][call.task] = None
        self._calls[call.task] = call

    def _as_result(self, expression: Expression) -> Expression:
        if isinstance(expression, Collection):
            return replace(expression, items=tuple(map(self._as_result, expression.items)))
        if not isinstance(expression, Output) or not isinstance(expression.task, Given):
            return expression
        handed = _Handed(name=expression.task.name)
        self.add_call(Call(handed, (Argument("value", expression, False, False),)))
        return Output(handed)


def close_round(over: Any, result: Any, fields: dict[str, Any], **said: Any) -> Any:
    """End an iteration: the worker's part of a loop flow, called when the body's tasks have ended.

    Parameters
    ----------
    over : Any
        True if the loop is over.
    result : Any
        What it is then.
    fields : dict
        Arguments of the next iteration.
    **said
        As for `again`: its message and so on. What is emitted is so by the last iteration too.
    """
    if not over:
        return Again(Fields(fields), **said)
    items = SUCCESS(emit=said["emit"], emit_all=said["emit_all"]).items()
    if not items:
        return result
    raise SUCCESS(result=result, emit_all=items)


class LoopFlow(FunctionTask):
    """A task whose iterations are a flow each; see `loop_flow`.

    Parameters
    ----------
    function : callable
        Writes the tasks of one iteration.
    **options
        Those of `Task` that concern a loop and its place in a flow.
    """

    def __init__(self, function: Callable[..., Any], **options: Unpack[TaskOptions]) -> None:
        for name in _REFUSED:
            if options.get(name):
                raise TypeError(
                    f"loop_flow({name}=...): what is tried, timed and kept are the tasks of the "
                    f"body. Give {name} to them"
                )
        super().__init__(function, **options)
        self._body = Body(self.name)
        self._body.write(function)
        if not self._body.says_when and not any(options.get(name) is not None for name in _ENDING):
            raise TypeError(
                f"Loop flow '{self.name}' does not say when it is over. Write return again(...)"
                ".until(condition), or give an option that ends it, like max_loops=100"
            )

    @property
    def body(self) -> Body:
        """The tasks of one iteration."""
        return self._body

    @property
    def shipped(self) -> Callable[..., Any]:
        """What goes to workers: what ends an iteration."""
        return close_round


@overload
def loop_flow(function: Callable[..., Any], /) -> LoopFlow: ...


@overload
def loop_flow(
    function: None = None, /, **options: Unpack[TaskOptions]
) -> Callable[[Callable[..., Any]], LoopFlow]: ...


@overload
def loop_flow(function: Callable[..., Any], /, **options: Unpack[TaskOptions]) -> LoopFlow: ...


def loop_flow(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Mark a function that writes a flow as a loop: the flow is run once for each iteration.

    Parameters
    ----------
    function : callable, optional
        Called once, like the block of a ``with Flow(...)``: its arguments stand for those of an
        iteration, and are given to tasks. It returns ``again(...)``, with the arguments of the
        next iteration, and ``.until(condition, result=...)``.
    **options
        Those of `Task` that concern the loop as a whole: name, max_loops, max_time, on_limit,
        until, patience, losers, trigger, hooks, tags and so on. Retries and timeouts belong to the
        tasks of the body.

    Returns
    -------
    LoopFlow
        Or, without a function, a decorator that makes one.

    Notes
    -----
    A task of the body that fails for good fails the loop at that iteration; if it is resumed,
    only that task and what follows from it is done again.

    Examples
    --------
    >>> from daskloop import Flow, again, loop_flow, task
    >>> @task(max_retries=3)
    ... def improve(x):
    ...     return x / 2
    >>> @task
    ... def measure(x):
    ...     return abs(x)
    >>> @loop_flow(max_loops=100)
    ... def refine(x, steps=1):
    ...     better = improve(x)
    ...     return again(x=better, steps=steps + 1).until(measure(better) < 1, result=steps)
    >>> with Flow("refined") as flow:
    ...     steps = refine.map([1, 10, 100])
    >>> flow.run(executor="inline").result[steps].result
    [1, 4, 7]
    """
    if function is None:
        return lambda marked: LoopFlow(marked, **options)
    return LoopFlow(function, **options)
