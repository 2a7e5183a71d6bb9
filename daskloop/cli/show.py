"""``daskloop show``: what a journal knows of one run, or of one task of it."""

from __future__ import annotations

import json

import click

from daskloop.cli import options
from daskloop.cli.exit_codes import refusals
from daskloop.cli.journals import open_shelf
from daskloop.cli.run_view import run_data, run_lines
from daskloop.cli.targets import find_target
from daskloop.cli.task_view import task_data, task_lines
from daskloop.record.names_of_children import names_by_slug
from daskloop.record.story import stories

__all__ = ["show"]


@click.command()
@click.argument("run", metavar="RUN")
@click.argument("task", metavar="[TASK[N]]", required=False)
@options.journal
@options.as_json
def show(run: str, task: str | None, journal: str | None, as_json: bool) -> None:
    """Show a run, or each attempt of one task or child.

    No value is unpickled for it, so a journal of others can be looked at too.

    \b
    daskloop show quiet-heron-7f3a9c12
    daskloop show quiet-heron-7f3a9c12 'train[3]'
    """
    shelf = open_shelf(journal, run)
    with refusals():
        past = shelf.journal.read(run)
    chapters = stories(past)
    if task is None:
        if as_json:
            click.echo(json.dumps(run_data(past, chapters, shelf), indent=2))
        else:
            click.echo("\n".join(run_lines(past, chapters, shelf)))
        return
    marks, names = past.summary.header.tasks, names_by_slug(past.records)
    target = find_target(task, marks, run, names)
    chapter = next(one for one in chapters if one.mark.slug == target.mark.slug)
    if as_json:
        click.echo(json.dumps(task_data(chapter, target), indent=2))
    else:
        click.echo("\n".join(task_lines(chapter, target)))
