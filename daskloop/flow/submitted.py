"""A run as an object: what `flow.submit` returns."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from daskloop.contexts import context
from daskloop.define.limits import Duration, duration
from daskloop.define.task import Task
from daskloop.flow.approvals import chosen
from daskloop.flow.completions import Completions
from daskloop.flow.run_history import as_table, known_rows, recorded_rows
from daskloop.html_table import heading
from daskloop.plain_text import hidden
from daskloop.run import Run
from daskloop.run.options import RunOptions
from daskloop.run.turn import Approve, Reject, Rest
from daskloop.state_html import secret_texts, tasks_html
from daskloop.states import State

__all__ = ["SubmittedRun"]

_NOTHING: Any = object()


class SubmittedRun:
    """A run under way: wait for it, look at it, pause, approve and cancel it.

    Parameters
    ----------
    run : Run
        The run.
    options : RunOptions
        What it was asked for with.

    Notes
    -----
    Everything here may be called on any thread, from handlers of the run too, but for waiting
    for the run, which nothing inside of it can do. Any number of runs may share one Dask client.

    Examples
    --------
    >>> run = flow.submit(ms=[10, 100])  # doctest: +SKIP
    >>> run.states[fib_nums].map_states  # doctest: +SKIP
    >>> state = run.result(timeout=60)  # doctest: +SKIP
    """

    def __init__(self, run: Run, options: RunOptions) -> None:
        self._run = run
        self._options = options

    @property
    def name(self) -> str:
        """The name of the run, as logs and journals have it."""
        return self._run.name

    def __repr__(self) -> str:
        how = "ended" if self.done() else "under way"
        return f"<SubmittedRun {self.name} of flow '{self._run.plan.flow_name}': {how}>"

    def _repr_html_(self) -> str:
        states = self.states
        secrets = secret_texts(states)
        how = "ended" if self.done() else "under way"
        text = hidden(f"of flow {self._run.plan.flow_name}, {how}", secrets)
        return heading(f"Run {self.name}", None, text) + tasks_html(states, secrets)

    def done(self) -> bool:
        """Tell whether the run has ended, in whatever way."""
        return self._run.outcome.done()

    def result(self, timeout: Duration | None = None) -> State:
        """Wait for the run to end, and return its state.

        Parameters
        ----------
        timeout : timedelta, float or str, optional
            How long to wait at most: seconds, or a text like ``"5m"``.

        Returns
        -------
        State
            Its `result` maps every task of the flow to that task's state.

        Raises
        ------
        TimeoutError
            If the run has not ended by then; it goes on.
        BaseException
            The exception of the first task that failed, with ``raise_on_failure=True``.

        Notes
        -----
        Ctrl-C, or interrupting the kernel of a notebook, stops the run as it does in `flow.run`.
        """
        self._refuse_inside("result")
        seconds = None if timeout is None else duration(timeout, "timeout")
        return self._judged(self._run.result(seconds))

    def __await__(self) -> Generator[Any, None, State]:
        return self._awaited().__await__()

    async def _awaited(self) -> State:
        self._refuse_inside("result")
        await asyncio.wrap_future(self._run.outcome)
        return self._judged(self._run.end())

    def _judged(self, state: State) -> State:
        if self._options.raise_on_failure:
            state.raise_if_failed()
        return state

    def _refuse_inside(self, what: str) -> None:
        """Refuse to wait for the run where the run itself has to wait for that."""
        if context.get("run_id") == self.name:
            raise RuntimeError(
                f"run.{what}() was called by a task, trigger or handler of run {self.name} itself, "
                "which cannot end before that returns. Call it outside of the run"
            )

    def cancel(self, *, now: bool = False) -> None:
        """Begin no iteration any more; what runs ends and is recorded.

        Parameters
        ----------
        now : bool
            True to give up what runs as well.

        Notes
        -----
        Returns at once; tasks that had not ended are `Cancelled` in the run's state. A run that
        is recorded can be resumed.
        """
        text = "cancelled by run.cancel(now=True)" if now else "cancelled by run.cancel()"
        self._run.stop(text, now=now)

    def pause(self) -> None:
        """Begin no attempt any more until `resume`; what was sent to workers ends."""
        self._run.post(Rest(True))

    def resume(self) -> None:
        """Go on after `pause`."""
        self._run.post(Rest(False))

    @property
    def states(self) -> dict[Any, State]:
        """The state of every task as it is now; a map that has opened holds its children's.

        Once the run has ended, these are the final states.
        """
        return self._run.board.states()

    @property
    def history(self) -> Any:
        """A row for each attempt that ended: a pandas frame, or a list of dicts without pandas.

        With ``history=True``, or a journal, these are all of them, those of earlier drivers of
        the run too. Otherwise it is one row for each task and child that has ended.
        """
        run, plan = self._run, self._run.plan
        if self._options.journal is not None:
            return as_table(recorded_rows(plan, self._options.journal.read(run.name).records))
        if self._options.history:
            return as_table(recorded_rows(plan, run.board.records()))
        return as_table(known_rows(run.board.over(0)))

    def as_completed(self) -> Completions:
        """Give each task and each child of a map as it gets its final state.

        Returns
        -------
        Completions
            For ``for`` and ``async for``: of objects with `task`, `map_index` and `state`.
            Parameters, and a map as a whole, are not among them.

        Examples
        --------
        >>> for one in run.as_completed():  # doctest: +SKIP
        ...     print(one.task.name, one.map_index, one.state)
        """
        self._refuse_inside("as_completed")
        return Completions(self._run)

    def approve(
        self, task: Task | str, index: int | None = None, *, payload: Any = _NOTHING
    ) -> None:
        """Let a task go on that raised PAUSE: its iteration is tried again.

        Parameters
        ----------
        task : Task or str
            The task, or its name.
        index : int, optional
            Which child of a map; all of its paused children if not given.
        payload : Any, optional
            What the iteration finds as ``task_loop_result`` from now on, in place of what the one
            before handed on; where that were the fields of ``again(...)``, a dict of such fields.

        Raises
        ------
        ValueError
            If that is not paused; says what is.
        PayloadError
            If the payload cannot be pickled.
        """
        board = self._run.board
        asked = chosen(self._run.plan, board.paused(), task, index, "approve")
        sealed = None
        if payload is not _NOTHING:
            sealed = board.close_payload(payload, asked)
        self._run.post(Approve(asked, sealed))

    def reject(
        self, task: Task | str, index: int | None = None, *, message: str = "no reason was given"
    ) -> None:
        """Let a task fail that raised PAUSE; it is not retried.

        Parameters
        ----------
        task : Task or str
            The task, or its name.
        index : int, optional
            Which child of a map; all of its paused children if not given.
        message : str
            Why, for the state's message.

        Raises
        ------
        ValueError
            If that is not paused; says what is.
        """
        asked = chosen(self._run.plan, self._run.board.paused(), task, index, "reject")
        self._run.post(Reject(asked, message))
