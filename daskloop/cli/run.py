"""``daskloop run``: run a flow that stands in a file."""

from __future__ import annotations

from dataclasses import replace

import click

from daskloop.cli import options
from daskloop.cli.drive import Launch, drive
from daskloop.cli.journals import Shelf, open_shelf
from daskloop.cli.load_flow import Loaded, load_flow
from daskloop.cli.values import parameter_values
from daskloop.run.options import RunOptions

__all__ = ["asked", "run"]


@click.command()
@click.argument("flow", metavar="FILE[:FLOW]")
@options.parameters
@options.executor
@options.workers
@options.journal
@click.option("--no-journal", is_flag=True, help="Do not record the run.")
@options.store
@options.notify
@options.log_format
@options.report
@options.quiet
def run(
    flow: str,
    given: tuple[str, ...],
    executor: str | None,
    workers: int | None,
    journal: str | None,
    no_journal: bool,
    store: str | None,
    notify: tuple[str, ...],
    log_format: str | None,
    report: str | None,
    quiet: bool,
) -> None:
    """Run a flow, and record every iteration.

    FILE is a Python file, or a module as in package.module:flow; FLOW may be left out if there is
    one flow only. A value is read as what the default of its parameter is, or as the annotation
    of the argument says that it goes to; else as JSON if it is JSON, and else as text.

    \b
    daskloop run fib.py:flow -p M=1000
    daskloop run fib.py -p ms='[10, 100]' --executor processes --workers 4
    """
    if no_journal and journal is not None:
        raise click.UsageError("--journal and --no-journal were both given. Leave one out")
    shelf = None if no_journal else open_shelf(journal)
    loaded = load_flow(flow)
    values = parameter_values(loaded.flow, given)
    options_of_run = asked(loaded, executor, workers, store, shelf)
    wanted = replace(options_of_run, notify=notify or None, report=report)
    code = drive(Launch(loaded, values, wanted, shelf, quiet, log_format))
    click.get_current_context().exit(int(code))


def asked(
    loaded: Loaded,
    executor: str | None,
    workers: int | None,
    store: str | None,
    shelf: Shelf | None,
    resume: str | None = None,
) -> RunOptions:
    """Put the options of a run together; the flow's own executor is taken if none is named."""
    found = RunOptions(
        executor=loaded.flow.executor if executor is None else executor,
        workers=workers,
        journal=None if shelf is None else shelf.journal,
        store=store,
    )
    return found if resume is None else replace(found, resume=resume)
