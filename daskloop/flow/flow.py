"""A flow: tasks that are written in a ``with`` block and then run, as often as wanted."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextvars import Token
from types import TracebackType
from typing import Any

from daskloop.contexts import context as run_context
from daskloop.define.edge import Edge
from daskloop.define.graph import TaskGraph
from daskloop.define.hooks import Hook, StateHandler, check_callable
from daskloop.define.hooks import state_handlers as checked_handlers
from daskloop.define.scope import current_graph
from daskloop.define.task import Task
from daskloop.states import State

__all__ = ["Flow"]

logger = logging.getLogger("daskloop.run")


class Flow(TaskGraph):
    """Tasks, what each of them waits for, and how the whole is run.

    Parameters
    ----------
    name : str
        Name for people, 1 to 255 characters.
    tasks : iterable of Task, optional
        Tasks to start with.
    edges : iterable of Edge, optional
        Dependencies to start with.
    reference_tasks : iterable of Task, optional
        The tasks that decide the state of the flow; the terminal ones if not given.
    state_handlers : sequence of callables, optional
        Take ``(flow, old_state, new_state)``; may return another state.
    on_failure : callable, optional
        Takes ``(flow, state)``; called when a run failed.
    executor : optional
        Where the flow is run if ``flow.run`` does not say.

    Examples
    --------
    >>> from daskloop import Parameter, task
    >>> @task
    ... def double(x):
    ...     return 2 * x
    >>> with Flow("doubles") as flow:
    ...     doubled = double(Parameter("number"))
    >>> list(flow.tasks)
    [<Parameter: number>, <FunctionTask: double>]
    """

    def __init__(
        self,
        name: str,
        tasks: Iterable[Task] | None = None,
        edges: Iterable[Edge] | None = None,
        reference_tasks: Iterable[Task] | None = None,
        state_handlers: Sequence[StateHandler] | None = None,
        on_failure: Hook | None = None,
        executor: Any = None,
    ) -> None:
        super().__init__(name)
        self.state_handlers = checked_handlers(state_handlers, "state_handlers", "flow")
        if on_failure is not None:
            check_callable(on_failure, "on_failure", ("flow", "state"))
        self.on_failure = on_failure
        self.executor = executor
        self._tokens: list[Token[TaskGraph | None]] = []
        for task in tasks or ():
            self.add_task(task)
        for edge in edges or ():
            self.add_edge(
                edge.upstream_task, edge.downstream_task, edge.key, edge.mapped, edge.flattened
            )
        if reference_tasks is not None:
            self.set_reference_tasks(reference_tasks)

    def __enter__(self) -> Flow:
        self._tokens.append(current_graph.set(self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        current_graph.reset(self._tokens.pop())

    def run(
        self,
        parameters: Mapping[str, Any] | None = None,
        *,
        executor: Any = None,
        workers: int | None = None,
        context: Mapping[str, Any] | None = None,
        task_states: Mapping[Task, State] | None = None,
        batch: int | str | None = None,
        journal: Any = None,
        resume: bool | str = False,
        allow_code_change: bool = False,
        history: bool = False,
        report: Any = None,
        store: Any = None,
        raise_on_failure: bool = False,
        only: str | None = None,
        from_iteration: int | None = None,
        **values: Any,
    ) -> State:
        """Run the flow once and return its state.

        Parameters
        ----------
        parameters : mapping, optional
            Values of parameters by name; for parameters that are named like an option.
        executor : optional
            ``"inline"``, ``"threads"``, ``"processes"``, an address, a client, a cluster or
            an executor object; else that of the flow, that of the configuration, the
            current Dask client, or threads.
        workers : int, optional
            Slots of a temporary cluster.
        context : mapping, optional
            Values that every task finds in ``daskloop.context``.
        journal : path, optional
            Folder that every ended iteration is recorded in before the next one begins; else
            that of the configuration ``daskloop.journal``; False for none.
        resume : bool or str
            True to continue the newest run of this flow and these parameters that did not end
            well, or to begin one; or the name of a run.
        allow_code_change : bool
            Resume although functions or inputs of tasks have changed.
        only : str, optional
            When resuming: the one loop that is taken back though it had ended, like
            ``"train[3]"``; if not given, those that failed.
        from_iteration : int, optional
            The iteration that it is taken back to; the last one if not given.
        task_states : mapping, optional
            States of an earlier run to start from, by task: what succeeded is not run again, a
            loop that failed goes on at the iteration it had reached.
        batch : int or "auto", optional
            How many attempts one Dask future may hold, for tasks that do not say it themselves;
            else that of the configuration ``daskloop.batch``, which is 1.
        history : bool
            Keep the states of all iterations: the final state of each loop has them in
            ``state.loop_states``. Otherwise they are counted, and the last messages kept.
        report : optional
            Not there yet in this version.
        store : optional
            Directory or URL that all workers share, for large values.
        raise_on_failure : bool
            Raise the exception of the first task that failed.
        **values
            Values of parameters.

        Returns
        -------
        State
            Its `result` maps every task of the flow to that task's state.

        Raises
        ------
        ValueError
            If a parameter is missing or unknown, or the flow is not complete; before any
            task has run.
        RuntimeError
            If called inside the flow's own ``with`` block, or inside a task.
        JournalError, ResumeError
            If the run cannot be recorded or resumed; nothing has run then.

        Examples
        --------
        >>> state = flow.run(number=3)  # doctest: +SKIP
        """
        # The engine is imported when a flow runs, so that `import daskloop` stays quick.
        from daskloop.flow.begin import begin
        from daskloop.flow.options import checked_options
        from daskloop.report.log import LogListener

        self._refuse_place()
        options = checked_options(
            executor=self.executor if executor is None else executor,
            workers=workers,
            context=context,
            task_states=task_states,
            batch=batch,
            journal=journal,
            resume=resume,
            allow_code_change=allow_code_change,
            only=only,
            from_iteration=from_iteration,
            history=history,
            report=report,
            store=store,
            raise_on_failure=raise_on_failure,
        )
        if not self.tasks:
            warnings.warn(
                f"Flow '{self.name}' has no tasks, so there is nothing to run. "
                "Call tasks inside `with Flow(...) as flow:`",
                UserWarning,
                stacklevel=2,
            )
        run = begin(self, parameters, values, options, listeners=[LogListener()])
        state: State = run.result()
        if options.journal is not None and not state.is_successful():
            where = getattr(options.journal, "path", options.journal)
            logger.warning("to go on with it: flow.run(journal=%r, resume=%r)", where, run.name)
        if raise_on_failure:
            state.raise_if_failed()
        return state

    def _refuse_place(self) -> None:
        if self._tokens:
            raise RuntimeError(
                f"flow.run() was called inside `with Flow({self.name!r})`, where the flow is still "
                "being written. Call it after the block"
            )
        if "task_run_count" in run_context:
            raise RuntimeError(
                f"flow.run() of flow '{self.name}' was called inside the task "
                f"'{run_context.get('task_full_name')}'. A run inside a task would wait for slots "
                "that its own task holds. Call the task's function by .run(...), or join the tasks "
                "of both flows in one"
            )
