"""``daskloop demo``: a journaled run against a flaky local service, without a network."""

from __future__ import annotations

import tempfile

import click

from daskloop.cli.drive import Launch, drive
from daskloop.cli.journals import open_shelf
from daskloop.run.options import RunOptions

__all__ = ["demo"]

_MS = [10, 100, 1000, 1500]
_FAIL_RATE = 0.15
_SEED = 72


@click.command()
def demo() -> None:
    """Run four loops against a local web service that fails now and then.

    Needs no network and no file; the run is recorded in a temporary folder.
    """
    from daskloop.cli.demo_flow import flow
    from daskloop.cli.demo_service import serve
    from daskloop.cli.load_flow import Loaded

    folder = tempfile.mkdtemp(prefix="daskloop-demo-")
    shelf = open_shelf(folder)
    wanted = RunOptions(executor="threads", workers=4, journal=shelf.journal)
    click.echo("ms = [10, 100, 1000, 1500]: the largest Fibonacci number up to each.")
    click.echo("The service fails about one request in seven; a loop makes that one again.\n")
    with serve(_FAIL_RATE, _SEED) as url:
        loaded = Loaded(flow, "daskloop.cli.demo_flow:flow")
        code = drive(Launch(loaded, {"ms": _MS, "url": url}, wanted, shelf, quiet=False))
    (summary,) = shelf.journal.runs()
    run = summary.header.run
    click.echo(
        "\nEvery iteration was recorded before the next began. Look at it, or resume it: what is\n"
        "done is not done again, so a finished run gives its results at once.\n"
        f"    {shelf.command('show', run)}\n"
        f"    {shelf.command('resume', run)}\n"
        f"The record lies in {folder}, which may be removed.\n"
        "Kill a run of your own with kill -9, and resume it in the same way."
    )
    click.get_current_context().exit(int(code))
