"""What `flow.run` and `flow.submit` have in common: check what was asked for, and begin the run."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from daskloop.contexts import context
from daskloop.define.graph import TaskGraph
from daskloop.events import Listener
from daskloop.flow.begin import begin
from daskloop.flow.options import OPTION_NAMES, checked_options
from daskloop.flow.parameters import as_mapping
from daskloop.report.log import LogListener
from daskloop.report.notebook import notebook_views
from daskloop.report.task_lines import TaskLines
from daskloop.run import Run
from daskloop.run.options import RunOptions
from daskloop.states import State

__all__ = ["launch", "refuse_place", "say_how_to_go_on", "split"]

logger = logging.getLogger("daskloop.run")


def split(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide keywords into options of a run and values of parameters.

    Examples
    --------
    >>> split({"workers": 2, "rate": 0.1})
    ({'workers': 2}, {'rate': 0.1})
    """
    options = {name: value for name, value in given.items() if name in OPTION_NAMES}
    return options, {name: value for name, value in given.items() if name not in options}


def launch(
    flow: TaskGraph,
    executor: Any,
    parameters: Mapping[str, Any] | None,
    values: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    here: bool,
    listeners: Sequence[Listener] = (),
) -> tuple[Run, RunOptions]:
    """Begin a run of a flow.

    Parameters
    ----------
    flow : TaskGraph
        The flow.
    executor : optional
        Where it runs if the options do not say.
    parameters, values : mapping
        Values of parameters by name.
    options : mapping
        By name, as users give them.
    here : bool
        True to drive an inline run in the thread that asks for its result.
    listeners : sequence of Listener
        Told what happens, besides the log.
    """
    wanted = dict(options)
    if wanted.get("executor") is None:
        wanted["executor"] = executor
    checked = checked_options(**wanted)
    if not flow.tasks:
        warnings.warn(
            f"Flow '{flow.name}' has no tasks, so there is nothing to run. "
            "Call tasks inside `with Flow(...) as flow:`",
            UserWarning,
            stacklevel=4 if here else 3,  # the user's line: `flow.run` comes by `run_here`
        )
    views = notebook_views(flow, {**as_mapping(parameters), **values})
    told: list[Listener] = [LogListener(), TaskLines(), *views, *listeners]
    run = begin(flow, parameters, values, checked, listeners=told, here=here)
    for view in views:
        view.show(run.name, run.outcome)
    return run, checked


def say_how_to_go_on(run: Run, options: RunOptions, state: State) -> None:
    """Log how to continue a recorded run that did not end well."""
    if options.journal is not None and not state.is_successful():
        where = getattr(options.journal, "path", options.journal)
        logger.warning("to go on with it: flow.run(journal=%r, resume=%r)", where, run.name)


def refuse_place(flow_name: str, being_written: bool, verb: str) -> None:
    """Refuse to run a flow where that cannot mean anything.

    Raises
    ------
    RuntimeError
        Inside the flow's own ``with`` block, and inside a task.
    """
    if being_written:
        raise RuntimeError(
            f"flow.{verb}() was called inside `with Flow({flow_name!r})`, where the flow is still "
            "being written. Call it after the block"
        )
    if "task_run_count" in context:
        raise RuntimeError(
            f"flow.{verb}() of flow '{flow_name}' was called inside the task "
            f"'{context.get('task_full_name')}'. A run inside a task would wait for slots "
            "that its own task holds. Call the task's function by .run(...), or join the tasks "
            "of both flows in one"
        )
