"""A flow: tasks that are written in a ``with`` block and then run, as often as wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from daskloop.define.edge import Edge
from daskloop.define.graph import TaskGraph
from daskloop.define.hooks import Hook, StateHandler, check_callable
from daskloop.define.hooks import state_handlers as checked_handlers
from daskloop.define.scope import current_graph
from daskloop.define.task import Task
from daskloop.flow.notifiers import check_notify
from daskloop.states import State

if TYPE_CHECKING:
    from daskloop.flow.submitted import SubmittedRun

__all__ = ["Flow"]

SomeFlow = TypeVar("SomeFlow", bound="Flow")


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
    executor, notify : optional
        Where the flow is run, and who is told of its runs, if ``flow.run`` does not say.

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
        notify: Any = None,
    ) -> None:
        super().__init__(name)
        self.state_handlers = checked_handlers(state_handlers, "state_handlers", "flow")
        if on_failure is not None:
            check_callable(on_failure, "on_failure", ("flow", "state"))
        self.on_failure = on_failure
        self.executor = executor
        self.notify = check_notify(notify, "Flow(notify={})")
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
        notify: Any = None,
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
        report : path, optional
            File that a page about the run is written to when it has ended: one HTML file that
            needs no network. Without a journal the records of all attempts are kept for it.
        store : optional
            Directory or URL that all workers share, for large values.
        raise_on_failure : bool
            Raise the exception of the first task that failed.
        notify : list, optional
            Who is told: names from ``daskloop.notifiers``, URLs, ``Webhook(url)``; False: nobody.
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
        from daskloop.flow.launch import refuse_place, say_how_to_go_on
        from daskloop.flow.run_here import run_here

        refuse_place(self.name, bool(self._tokens), "run")
        options = {
            "executor": executor,
            "workers": workers,
            "context": context,
            "task_states": task_states,
            "batch": batch,
            "journal": journal,
            "resume": resume,
            "allow_code_change": allow_code_change,
            "only": only,
            "from_iteration": from_iteration,
            "history": history,
            "report": report,
            "store": store,
            "raise_on_failure": raise_on_failure,
            "notify": notify,
        }
        state, run, checked = run_here(self, self.executor, parameters, values, options)
        say_how_to_go_on(run, checked, state)
        if raise_on_failure:
            state.raise_if_failed()
        return state

    def submit(
        self, parameters: Mapping[str, Any] | None = None, **options_and_values: Any
    ) -> SubmittedRun:
        """Begin a run of the flow, and return at once.

        Parameters
        ----------
        parameters : mapping, optional
            Values of parameters by name.
        **options_and_values
            The options of `run`, and values of parameters.

        Returns
        -------
        SubmittedRun
            The run: to wait for, look at, pause, approve and cancel.

        Raises
        ------
        ValueError, RuntimeError, JournalError, ResumeError
            Where `run` raises them before any task has run.

        Notes
        -----
        The run has a thread of its own, with ``executor="inline"`` as well, which then executes
        the tasks.

        Examples
        --------
        >>> from daskloop import Parameter, task
        >>> @task
        ... def double(x):
        ...     return 2 * x
        >>> with Flow("doubles") as flow:
        ...     doubled = double(Parameter("number"))
        >>> run = flow.submit(number=21, executor="inline")
        >>> run.result().result[doubled].result
        42
        """
        from daskloop.flow.launch import launch, refuse_place, split
        from daskloop.flow.submitted import SubmittedRun

        refuse_place(self.name, bool(self._tokens), "submit")
        options, values = split(options_and_values)
        run, checked = launch(self, self.executor, parameters, values, options, here=False)
        return SubmittedRun(run, checked)

    def copy(self: SomeFlow) -> SomeFlow:
        """Make another flow of copies of all tasks; Parameters are shared.

        Examples
        --------
        >>> Flow("nightly").copy()
        <Flow: name="nightly">
        """
        new = super().copy()
        new._tokens = []
        return new

    def validate(self) -> None:
        """Check all that is known before a run; `run` does so by itself.

        Raises
        ------
        ValueError
            If there is a cycle, a task lacks an argument, or the default of a Parameter is not
            what the tasks that get it are annotated with.
        """
        from daskloop.flow.annotated import check_defaults

        super().validate()
        check_defaults(self)

    def visualize(
        self, flow_state: State | None = None, filename: Any = None, format: str | None = None
    ) -> Any:
        """Draw the flow: a box for each task, double for a map, an ellipse for a Parameter.

        Parameters
        ----------
        flow_state : State, optional
            What a run returned: boxes say how their tasks ended, and are coloured so.
        filename : path, optional
            File to write. ``.mmd``, ``.md``, ``.dot``, ``.gv`` and ``.svg`` need nothing;
            ``.png``, ``.pdf`` and the like need Graphviz.
        format : str, optional
            Its format, if `filename` has no ending; else "svg".

        Returns
        -------
        graphviz.Digraph or Sketch
            Shown by a notebook. Where Graphviz is not installed it is a `Sketch`, which has the
            texts ``.mermaid``, ``.dot`` and ``.svg``.

        Examples
        --------
        >>> flow.visualize(filename="flow.mmd")  # doctest: +SKIP
        """
        from daskloop.report.picture import picture

        return picture(self, flow_state, filename, format)

    def _repr_html_(self) -> str:
        from daskloop.report.picture import flow_html

        return flow_html(self)
