"""Drive one run from the command line: say that it begins, wait for it, say how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import click

from daskloop.cli.ending import ending_lines, was_stopped
from daskloop.cli.exit_codes import CannotStart, ExitCode, Usage, refusals
from daskloop.cli.failures import failure_lines
from daskloop.cli.journals import Shelf
from daskloop.cli.load_flow import Loaded
from daskloop.cli.log_lines import is_json, log_lines
from daskloop.cli.stopping import Stopper
from daskloop.errors import DaskloopError, RunLocked
from daskloop.events import Listener
from daskloop.executors.choose import Address, Choice, Inline, Temporary, choose, describe
from daskloop.flow.begin import begin
from daskloop.plain_text import hidden
from daskloop.record.entries import Past
from daskloop.report.log import LogListener
from daskloop.report.run_tally import RunTally
from daskloop.report.task_lines import TaskLines
from daskloop.run import Run
from daskloop.run.options import RunOptions
from daskloop.states import State
from daskloop.terminal.choosing import HINT, Manner, manner, showing

__all__ = ["Launch", "drive"]


@dataclass(frozen=True, slots=True)
class Launch:
    """A run that is asked for."""

    loaded: Loaded
    values: Mapping[str, Any]
    """Values of parameters."""
    options: RunOptions
    shelf: Shelf | None
    """Where it is recorded; None if it is not."""
    quiet: bool
    log_format: str | None = None
    """How the log is written; None leaves it to the configuration."""


def drive(launch: Launch) -> ExitCode:
    """Drive a run to its end, and return the exit code that says how it ended.

    Raises
    ------
    Usage
        If parameters or options do not fit the flow.
    CannotStart
        If the run cannot start, be recorded or be resumed.
    """
    choice = _choice(launch.options)
    inline = isinstance(choice, Inline)
    how = _manner(launch, inline)
    tally = RunTally()
    stopper = Stopper(inline)
    with log_lines(launch.quiet, launch.log_format), stopper:
        run = _begin(launch, _listeners(launch, how, tally))
        stopper.watch(run)
        if not launch.quiet:
            click.echo(f"daskloop {version('daskloop')} · run {run.name} · {_where(choice)}")
            if launch.shelf is not None:
                click.echo(f"journal {launch.shelf.path}")
        try:
            redact, flow = partial(hidden, secrets=run.secrets), launch.loaded.flow.name
            with refusals(), showing(how, tally, flow, HINT, redact) as let_go:
                stopper.before_last_words = let_go
                state: State | None = run.result()
        except KeyboardInterrupt:  # at once, and in this thread: there are no states to show
            state = None
        except CannotStart as refused:
            raise _with_advice(refused, run, launch, choice) from refused
    stopped = state is None or was_stopped(state)
    if state is not None:
        _tell(launch, run, state, stopped)
    if stopped:
        _tell_how_to_continue(launch, run)
    return _code(state, stopped, stopper, launch.shelf)


def _choice(options: RunOptions) -> Choice:
    try:
        return choose(options.executor, None, options.workers)
    except (TypeError, ValueError) as error:
        raise Usage(str(error)) from error


def _manner(launch: Launch, inline: bool) -> Manner:
    try:
        # What reads lines of JSON wants the events, not what is shown to people.
        hides = launch.quiet or is_json(launch.log_format)
        return Manner.NOT if hides else manner(inline=inline, lines=True)
    except ValueError as error:
        raise Usage(str(error)) from error


def _listeners(launch: Launch, how: Manner, tally: RunTally) -> Sequence[Listener]:
    """Say who hears of the run: what progress shows is not logged as well."""
    if how is not Manner.NOT:
        return (tally, TaskLines())
    return (TaskLines(),) if launch.quiet else (LogListener(), TaskLines())


def _begin(launch: Launch, listeners: Sequence[Listener]) -> Run:
    try:
        with refusals():
            return begin(
                launch.loaded.flow,
                None,
                launch.values,
                launch.options,
                origin=launch.loaded.origin,
                listeners=listeners,
            )
    except CannotStart as refused:
        if launch.shelf is not None and isinstance(refused.__cause__, RunLocked):
            command = launch.shelf.command("cancel", str(launch.options.resume))
            raise CannotStart(f"{refused.message}\n    stop it:    {command}") from refused
        raise
    except (TypeError, ValueError) as error:
        hint = "\nOn the command line: -p NAME=VALUE, or -p NAME=@FILE"
        raise Usage(f"{error}{hint if 'parameter' in str(error) else ''}") from error


def _where(choice: Choice) -> str:
    if not isinstance(choice, Temporary):
        return describe(choice).strip("'")
    return f"local Dask, {'' if choice.workers is None else f'{choice.workers} '}{choice.kind}"


def _with_advice(refused: CannotStart, run: Run, launch: Launch, choice: Choice) -> CannotStart:
    """Say of a run that was begun, and found no cluster, how to go on."""
    if launch.shelf is None:
        return refused
    command = launch.shelf.command("resume", run.name)
    text = f"{refused.message}\nThe run is recorded. To continue: {command}"
    if isinstance(choice, Address):  # which `resume` takes again, while something answers there
        text += f"\nWithout that scheduler: {command} --executor threads"
    return CannotStart(text)


def _tell(launch: Launch, run: Run, state: State, stopped: bool) -> None:
    """Write the results to stdout, and what went wrong to stderr."""
    results = state.unopened_result
    if not isinstance(results, dict):  # a handler of the flow put an end to it
        click.echo(f"{type(state).__name__}: {state.message}", err=not state.is_successful())
        return
    if not launch.quiet:
        for text in ending_lines(results):
            click.echo(text)
    # What was stopped says how to continue once, for all of it.
    shelf = None if stopped else launch.shelf
    past = _past(shelf, run.name) if state.is_failed() else None
    lines = failure_lines(launch.loaded.flow, results, run.name, shelf, past)
    if state.is_failed() and not lines and not stopped:
        lines = [f"✖ {type(state).__name__}: {state.message}"]
    for text in lines:
        click.echo(text, err=True)


def _past(shelf: Shelf | None, run: str) -> Past | None:
    if shelf is None:
        return None
    try:
        return shelf.journal.read(run)
    except DaskloopError:
        return None  # the states say most of it; that the journal is broken was logged


def _tell_how_to_continue(launch: Launch, run: Run) -> None:
    click.echo("The run was stopped before its end.", err=True)
    if launch.shelf is None:
        click.echo("It was not recorded, so it cannot be continued.", err=True)
    else:
        click.echo(f"    continue:   {launch.shelf.command('resume', run.name)}", err=True)


def _code(state: State | None, stopped: bool, stopper: Stopper, shelf: Shelf | None) -> ExitCode:
    if state is not None and state.is_successful() and not stopped:
        return ExitCode.SUCCESS
    if stopper.code is not None:
        return stopper.code
    return ExitCode.STOPPED if stopped and shelf is not None else ExitCode.FAILED
