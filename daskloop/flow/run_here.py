"""Run a flow to its end, and show in the terminal how it goes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from daskloop.define.graph import TaskGraph
from daskloop.executors.choose import Inline, choose
from daskloop.flow.launch import launch
from daskloop.plain_text import hidden
from daskloop.report.run_tally import RunTally
from daskloop.run import Run
from daskloop.run.options import RunOptions
from daskloop.states import State
from daskloop.terminal.choosing import HINT, Manner, manner, showing

__all__ = ["run_here"]


def run_here(
    flow: TaskGraph,
    executor: Any,
    parameters: Mapping[str, Any] | None,
    values: Mapping[str, Any],
    options: Mapping[str, Any],
) -> tuple[State, Run, RunOptions]:
    """Run a flow to its end; parameters as of `launch`."""
    given = executor if options.get("executor") is None else options["executor"]
    how = _manner(given, options.get("workers"))
    tally = RunTally()
    listeners = () if how is Manner.NOT else (tally,)
    run, checked = launch(
        flow, executor, parameters, values, options, here=True, listeners=listeners
    )
    with showing(how, tally, flow.name, HINT, partial(hidden, secrets=run.secrets)):
        return run.result(), run, checked


def _manner(executor: Any, workers: Any) -> Manner:
    how = manner(inline=False, lines=False)
    if how is Manner.NOT:
        return how
    return manner(inline=isinstance(choose(executor, None, workers), Inline), lines=False)
