"""``daskloop resume``: go on with a run where it ended."""

from __future__ import annotations

from dataclasses import replace

import click

from daskloop.cli import options
from daskloop.cli.drive import Launch, drive
from daskloop.cli.exit_codes import CannotStart, refusals
from daskloop.cli.journals import Shelf, open_shelf
from daskloop.cli.load_flow import Loaded, load_flow
from daskloop.cli.run import asked
from daskloop.cli.trusting import trusting
from daskloop.cli.values import parameter_values
from daskloop.cli.whereabouts import living_scheduler

__all__ = ["recorded_flow", "resume"]


@click.command()
@click.argument("run", metavar="RUN")
@click.argument("flow", metavar="[FILE[:FLOW]]", required=False)
@click.option("--only", metavar="TASK[N]", help="Take back this one, though it had ended.")
@click.option(
    "--from", "start", type=click.IntRange(min=1), metavar="N", help="Iteration to take it back to."
)
@click.option("--allow-code-change", is_flag=True, help="Go on although the flow has changed.")
@options.trust
@options.parameters
@options.executor
@options.workers
@options.journal
@options.store
@options.notify
@options.log_format
@options.report
@options.quiet
def resume(
    run: str,
    flow: str | None,
    only: str | None,
    start: int | None,
    allow_code_change: bool,
    trust: bool,
    given: tuple[str, ...],
    executor: str | None,
    workers: int | None,
    journal: str | None,
    store: str | None,
    notify: tuple[str, ...],
    log_format: str | None,
    report: str | None,
    quiet: bool,
) -> None:
    """Go on with a recorded run.

    What had ended is not run again; what failed goes on from the iteration that it failed at.
    The file is the one that the run was begun from, and parameters are those that were recorded;
    only secret ones have to be given again. A Dask scheduler that the run was on, and that still
    lives, is used again; otherwise it goes on here.

    \b
    daskloop resume quiet-heron-7f3a9c12
    daskloop resume quiet-heron-7f3a9c12 --only 'train[3]' --from 9
    """
    if start is not None and only is None:
        raise click.UsageError("--from goes with --only 'TASK[N]', which says what is taken back")
    with trusting(trust):
        shelf = open_shelf(journal, run)
        loaded = recorded_flow(shelf, run, flow)
        values = parameter_values(loaded.flow, given)
        if executor is None and workers is None:
            executor = living_scheduler(shelf.summary(run))
        wanted = replace(
            asked(loaded, executor, workers, store, shelf, run),
            only=only,
            from_iteration=start,
            allow_code_change=allow_code_change,
            notify=notify or None,
            report=report,
        )
        code = drive(Launch(loaded, values, wanted, shelf, quiet, log_format))
    click.get_current_context().exit(int(code))


def recorded_flow(shelf: Shelf, run: str, flow: str | None) -> Loaded:
    """Load the flow of a recorded run.

    Parameters
    ----------
    shelf : Shelf
        Where the run is recorded.
    run : str
        Its name.
    flow : str or None
        ``FILE[:FLOW]``; None takes what the record says.

    Raises
    ------
    CannotStart
        If there is no such run, or it was begun in Python.
    """
    with refusals():
        summary = shelf.summary(run)
    if flow is not None:
        return load_flow(flow)
    if summary.status == "damaged":
        raise CannotStart(summary.message)
    if summary.header.origin is None:
        raise CannotStart(
            f"Run '{run}' of flow '{summary.header.flow}' was begun in Python, so its file is not "
            "known. Name it:\n"
            f"    {shelf.command('resume', run, 'FILE:FLOW')}\n"
            "or type in Python, where the flow is:\n"
            f"    flow.run(journal={shelf.path!r}, resume={run!r})"
        )
    return load_flow(summary.header.origin)
