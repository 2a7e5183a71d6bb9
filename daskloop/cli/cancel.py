"""``daskloop cancel``: ask the process that drives a run to stop it."""

from __future__ import annotations

import click

from daskloop.cli import options
from daskloop.cli.exit_codes import CannotStart, refusals
from daskloop.cli.journals import open_shelf

__all__ = ["cancel"]


@click.command()
@click.argument("run", metavar="RUN")
@options.journal
def cancel(run: str, journal: str | None) -> None:
    """Stop a run that is under way.

    Its driver begins no iteration any more, lets those end that run, and records them.
    """
    shelf = open_shelf(journal, run)
    with refusals():
        summary = shelf.summary(run)
        if summary.status != "running":
            raise CannotStart(f"Run '{run}' is not under way: its status is {summary.status}.")
        shelf.journal.stop(run)
    owner = summary.owner
    who = "Its driver" if owner is None else f"Process {owner.pid} on {owner.host}"
    click.echo(
        f"{who} is asked to stop run '{run}'. Within a second it begins no iteration any more; "
        "those that run may end, and are recorded.\n"
        f"    continue:   {shelf.command('resume', run)}"
    )
