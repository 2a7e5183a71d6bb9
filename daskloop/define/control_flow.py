"""Which branch of a flow is taken: `case`, `switch`, `ifelse`, and `merge` that joins them again.

::

    condition ─► CompareValue ─► the tasks of the branch ─► merge
                 (skips itself,   (are skipped with it)     (the branch that was taken)
                  if no match)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from daskloop.define.annotations import read_annotations
from daskloop.define.block import Block, starts_and_ends
from daskloop.define.call import Argument
from daskloop.define.expression import express, outputs
from daskloop.define.scope import current_graph
from daskloop.define.task import Task
from daskloop.signals import SKIP
from daskloop.triggers import all_successful, not_all_skipped

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from daskloop.define.graph import TaskGraph
    from daskloop.define.options import TaskOptions

__all__ = ["CompareValue", "Merge", "case", "ifelse", "merge", "switch"]


class CompareValue(Task):
    """Skip itself, and with it what waits for it, unless a value is the one wanted.

    Parameters
    ----------
    wanted : Any
        The value that lets the branch run.
    as_truth : bool
        Whether only the truth of the value is compared, as `if` does it.
    **options
        Those of `Task`.

    Examples
    --------
    >>> CompareValue(True, as_truth=True).run([1, 2])
    """

    def __init__(self, wanted: Any, as_truth: bool = False, **options: Unpack[TaskOptions]) -> None:
        self.wanted = wanted
        self.as_truth = as_truth
        super().__init__(**options)

    def run(self, value: Any) -> None:
        """Raise SKIP unless the value is the one wanted.

        Parameters
        ----------
        value : Any
            What the condition returned.
        """
        found = bool(value) if self.as_truth else value
        if not found == self.wanted:
            raise SKIP(f"The condition gave {value!r:.100}, not {self.wanted!r:.100}")


class case(Block):
    """Run the tasks of a ``with`` block only if a condition has a certain value.

    Parameters
    ----------
    task : Task
        The condition: a task, or a collection that holds some.
    value : Any
        What it has to be. With True or False, the truth of the condition's result counts.

    Notes
    -----
    The tasks of a branch that is not taken are skipped. What is written in the block waits for
    the condition, unless it waits for something else in the block.

    Examples
    --------
    >>> from daskloop import Flow, Parameter, case, task
    >>> from daskloop.tasks.control_flow import merge
    >>> @task
    ... def half(x):
    ...     return x // 2
    >>> @task
    ... def other(x):
    ...     return 3 * x + 1
    >>> with Flow("collatz") as flow:
    ...     x = Parameter("x")
    ...     with case(x % 2, 0):
    ...         even = half(x)
    ...     with case(x % 2, 1):
    ...         odd = other(x)
    ...     following = merge(even, odd)
    >>> flow.run(x=5, executor="inline").result[following].result
    16
    """

    def __init__(self, task: Any, value: Any) -> None:
        super().__init__()
        _check_condition(task, "case")
        if outputs(express(value)):
            raise TypeError(
                f"case({task!r}, {value!r}): the second is a value that is known now. To compare "
                "two results write `with case(a.is_equal(b), True):`"
            )
        self.task = task
        self.value = value

    def __enter__(self) -> None:
        self._begin(f"case({self.task!r}, {self.value!r:.50})")
        # A list of results is true whatever is in it.
        if isinstance(self.value, bool) and isinstance(self.task, Task):
            graph = self._graph
            if graph is not None and self.task in graph and graph.call_of(self.task).is_mapped:
                self._end()
                raise TypeError(
                    f"Task '{self.task.name}' is mapped, so it is not True or False but a list. "
                    "Write the case in a function, and apply_map(function, ...) for each element"
                )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        graph, tasks = self._end()
        if error is not None or not tasks:
            return
        starts, _ = starts_and_ends(graph, tasks)
        match = _match(graph, self.task, self.value, isinstance(self.value, bool), "case")
        for task in starts:
            graph.add_edge(match, task)


def switch(condition: Any, cases: Mapping[Any, Task], mapped: bool = False) -> None:
    """Run of several tasks the one whose value the condition has; the others are skipped.

    Parameters
    ----------
    condition : Task
        What is compared.
    cases : mapping
        A task for each value; values are compared by ``==``.
    mapped : bool
        Whether the condition and the tasks are maps of the same width, decided by element.

    Examples
    --------
    >>> from daskloop import Flow, Parameter, task
    >>> @task
    ... def say(word):
    ...     return word
    >>> with Flow("greeting") as flow:
    ...     hello, bye = say("hello"), say("bye")
    ...     switch(Parameter("time"), {"morning": hello, "evening": bye})
    """
    _check_condition(condition, "switch")
    if not isinstance(cases, Mapping) or not cases:
        raise ValueError(
            f"switch(..., {cases!r}) has no cases: give a dict of values and tasks, like "
            "{'a': task_a, 'b': task_b}"
        )
    for value, task in cases.items():
        _check_branch(task, f"switch(..., {{{value!r}: ...}})")
    graph = _open(None, "switch")
    for value, task in cases.items():
        match = _match(graph, condition, value, False, "switch", mapped)
        graph.add_edge(match, task, mapped=mapped)


def ifelse(
    condition: Any, true_task: Task | None, false_task: Task | None, mapped: bool = False
) -> None:
    """Run one task if the condition is true, else the other, which may be None.

    Parameters
    ----------
    condition : Task
        Its truth decides, as `if` would.
    true_task, false_task : Task or None
        The branches.
    mapped : bool
        Whether the condition and the tasks are maps of the same width, decided by element.
    """
    _check_condition(condition, "ifelse")
    branches = [(truth, task) for truth, task in ((True, true_task), (False, false_task))]
    branches = [(truth, task) for truth, task in branches if task is not None]
    if not branches:
        raise ValueError("ifelse(condition, None, None) has no branch: give at least one task")
    graph = _open(None, "ifelse")
    for truth, task in branches:
        _check_branch(task, f"ifelse with {task!r}")
        assert task is not None
        match = _match(graph, condition, truth, True, "ifelse", mapped)
        graph.add_edge(match, task, mapped=mapped)


class Merge(Task):
    """Return the result of the branch that was taken; what `merge` makes.

    Parameters
    ----------
    **options
        Those of `Task`. It runs unless all branches were skipped.

    Examples
    --------
    >>> Merge().run(task_1=None, task_2=5)
    5
    """

    def __init__(self, **options: Unpack[TaskOptions]) -> None:
        if options.get("skip_on_upstream_skip"):
            raise ValueError(
                "merge(skip_on_upstream_skip=True) would be skipped whenever a branch is; "
                "leave the option out"
            )
        options["skip_on_upstream_skip"] = False
        if options.get("trigger") is None:
            options["trigger"] = not_all_skipped
        super().__init__(**options)

    def look_at(self, arguments: Iterable[Argument]) -> None:
        """Take into account that a constant among the branches is never skipped."""
        constant = any(one.name and not outputs(one.expression) for one in arguments)
        if constant and self.trigger is not_all_skipped:
            self.trigger = all_successful

    def run(self, **task_results: Any) -> Any:
        """Return the first result that is there.

        Parameters
        ----------
        **task_results : Any
            By ``task_1``, ``task_2`` and so on; that of a skipped branch is None or its signal.
        """
        there = [
            task_results[name]
            for name in sorted(task_results, key=lambda name: int(name.rpartition("_")[2]))
            if task_results[name] is not None and not isinstance(task_results[name], SKIP)
        ]
        return there[0] if there else None


def merge(
    *tasks: Any,
    flow: TaskGraph | None = None,
    mapped: bool = False,
    **options: Unpack[TaskOptions],
) -> Merge:
    """Join branches: the result is that of the first one that was not skipped.

    Parameters
    ----------
    *tasks : Task
        The last tasks of the branches.
    flow : TaskGraph, optional
        The flow, if not the one of the ``with`` block.
    mapped : bool
        Whether the branches are maps of the same width, joined element by element.
    **options
        Those of `Task`.

    Raises
    ------
    ValueError
        If there is nothing to merge, or no flow.
    """
    if not tasks:
        raise ValueError("merge() of nothing: give the last task of each branch, like merge(a, b)")
    graph = _open(flow, "merge")
    joined = Merge(**options)
    named = {f"task_{number}": task for number, task in enumerate(tasks, 1)}
    joined.look_at(graph.bind(joined, (), named, mapped=mapped).arguments)
    return joined


def _match(
    graph: TaskGraph, condition: Any, value: Any, as_truth: bool, word: str, mapped: bool = False
) -> CompareValue:
    text = f"{word}({value!r:.60})"
    name = text if text.isprintable() else f"{word}({type(value).__name__})"
    compare = CompareValue(value, as_truth, name=name)
    graph.bind(compare, (condition,), mapped=mapped)
    return compare


def _check_condition(condition: Any, word: str) -> None:
    if not outputs(express(read_annotations(condition, default=False).value)):
        raise TypeError(
            f"{word}({condition!r:.100}, ...) has a condition that is no task: its value is known "
            "now, so write `if`. To compare results write a.is_equal(b), since a == b compares "
            "the task objects"
        )


def _check_branch(task: object, text: str) -> None:
    if not isinstance(task, Task):
        raise TypeError(f"{text}: a branch is a task of the flow, got {task!r:.100}")


def _open(flow: TaskGraph | None, word: str) -> TaskGraph:
    graph = current_graph.get() if flow is None else flow
    if graph is None:
        raise ValueError(f"{word}(...) stands outside a flow. Write it inside `with Flow(...):`")
    return graph
