"""``daskloop runs``: list the runs of a journal, or remove those that are no longer wanted."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from daskloop.cli import options
from daskloop.cli.exit_codes import refusals
from daskloop.cli.facts import next_command, run_facts
from daskloop.cli.journals import Shelf, open_shelf
from daskloop.cli.prune import prune
from daskloop.cli.wording import age, line, table, width
from daskloop.record.entries import Summary

__all__ = ["runs"]

_HEADINGS = ("RUN", "FLOW", "STATUS", "AGE", "ITERATIONS", "ENDED")
_SHOWN = 20
_CONTINUED = 3  # runs whose command is written out


@click.command()
@options.journal
@options.as_json
@click.option("--all", "everything", is_flag=True, help="List all runs.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_SHOWN,
    show_default=True,
    metavar="N",
    help="List the newest N.",
)
@click.option("--prune", "pruning", is_flag=True, help="Remove runs that are over.")
@click.option(
    "--older-than",
    metavar="AGE",
    help="With --prune: only what was not written to for so long, like 7d or 12h.  "
    "[default: 7d for runs that did not end well, 0 for others]",
)
@click.option("--yes", is_flag=True, help="With --prune: do not ask.")
def runs(
    journal: str | None,
    as_json: bool,
    everything: bool,
    limit: int,
    pruning: bool,
    older_than: str | None,
    yes: bool,
) -> None:
    """List runs, newest first.

    With --prune: remove runs that ended well, and, after asking, those that were interrupted,
    stopped or failed, and nobody wrote to for a while.
    """
    shelf = open_shelf(journal)
    if (older_than is not None or yes) and not pruning:
        raise click.UsageError("--older-than and --yes go with --prune")
    with refusals():
        found = shelf.journal.runs()
        if pruning:
            prune(shelf, found, older_than, yes)
            return
    shown = found if everything else found[:limit]
    if as_json:
        click.echo(json.dumps([run_facts(one, shelf) for one in shown], indent=2))
        return
    for text in _lines(shown, len(found), shelf):
        click.echo(text)


def _lines(shown: Sequence[Summary], all_of_them: int, shelf: Shelf) -> list[str]:
    if not shown:
        return [f"No runs in {shelf.path}."]
    rows = [_HEADINGS, *(_row(one) for one in shown)]
    lines = table(rows, flexible=1, right=(3, 4, 5), most=width())
    if all_of_them > len(shown):
        lines.append(f"… {all_of_them - len(shown)} older: daskloop runs --all{shelf.option}")
    damaged = [one for one in shown if one.status == "damaged"]
    lines += [f"damaged {one.header.run}: {line(one.message, 400)}" for one in damaged]
    going_on = [next_command(one, shelf) for one in shown]
    commands = [command for command in going_on if command is not None]
    lines += [f"continue: {command}" for command in commands[:_CONTINUED]]
    return lines


def _row(summary: Summary) -> tuple[str, ...]:
    header = summary.header
    return (
        header.run,
        line(header.flow),
        summary.status,
        age(header.begun),
        str(summary.iterations),
        str(summary.children),
    )
