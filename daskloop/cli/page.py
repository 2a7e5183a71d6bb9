"""``daskloop page``: one HTML file that tells of a recorded run."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from daskloop.cli import options
from daskloop.cli.exit_codes import Usage, refusals
from daskloop.cli.facts import next_command
from daskloop.cli.journals import open_shelf
from daskloop.cli.values import coerced, texts_of
from daskloop.cli.wording import line
from daskloop.page.make import make_page
from daskloop.page.secret_texts import spellings
from daskloop.record.entries import Past

__all__ = ["page"]


@click.command()
@click.argument("run", metavar="RUN")
@options.output
@click.option(
    "-p",
    "--parameter",
    "given",
    multiple=True,
    metavar="NAME=@FILE",
    help="A secret parameter, whose text is to be hidden: it is not recorded.",
)
@options.journal
def page(run: str, output: str | None, given: tuple[str, ...], journal: str | None) -> None:
    """Write a page about a run: one HTML file that needs no network.

    No value is unpickled for it, so a journal of others can be looked at too.

    \b
    daskloop page quiet-heron-7f3a9c12
    daskloop page quiet-heron-7f3a9c12 -o run.html -p token=@token.txt
    """
    shelf = open_shelf(journal, run)
    path = os.path.abspath(f"{run}.html") if output is None else output
    with refusals():
        past = shelf.journal.read(run)
        secrets = _secrets(run, past, given)
        size = make_page(past, path, secrets, next_command(past.summary, shelf))
    click.echo(f"{os.path.relpath(path)}  {size / 1000:,.0f} kB")


def _secrets(run: str, past: Past, given: Sequence[str]) -> tuple[str, ...]:
    texts = texts_of(given)
    known = {one.name for one in past.summary.header.parameters}
    unknown = next((name for name in texts if name not in known), None)
    if unknown is not None:
        raise Usage(
            f"-p {unknown}=...: run {run!r} has no such parameter; it has: "
            f"{line(', '.join(sorted(known)) or 'none')}"
        )
    return spellings([*texts.values(), *(coerced(text, None) for text in texts.values())])
