"""``daskloop watch``: see from another terminal how a run goes; its journal alone is read."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from daskloop.cli import options
from daskloop.cli.exit_codes import CannotStart, ExitCode, Usage, refusals
from daskloop.cli.facts import next_command
from daskloop.cli.journals import Shelf, open_shelf
from daskloop.cli.wording import age, line, plural
from daskloop.record.entries import Summary
from daskloop.record.folder_journal import FolderJournal
from daskloop.record.following import Look
from daskloop.report.run_tally import RunTally
from daskloop.terminal.choosing import Manner, manner, showing
from daskloop.terminal.retelling import Retelling

__all__ = ["watch"]

_INTERVAL = 0.5  # seconds between two looks at the least
_SHARE = 20  # a look is followed by so many times its own duration without one
_CODES = {"success": ExitCode.SUCCESS, "failed": ExitCode.FAILED}


@click.command()
@click.argument("run", metavar="RUN")
@options.journal
def watch(run: str, journal: str | None) -> None:
    """See how a run goes, until it ends; Ctrl-C leaves it alone and stops watching.

    The journal is read and nothing else: the process that drives the run does not notice, and
    may be on any machine that shares the folder. Exits as `daskloop run` would have.

    \b
    daskloop watch quiet-heron-7f3a9c12
    """
    shelf = open_shelf(journal, run)
    tally = RunTally(run)
    try:
        how = manner(inline=False, lines=True)
    except ValueError as error:
        raise Usage(str(error)) from error
    how = Manner.LINES if how is Manner.NOT else how  # it was asked for
    summary = None
    try:
        with refusals():
            looks = _looks(shelf, run)
            first = next(looks)
            with showing(how, tally, first.summary.header.flow, _hint(run), opening="watched"):
                summary = _followed(first, looks, tally)
    except KeyboardInterrupt:
        click.echo(f"no longer watched; run {run} goes on", err=True)
        click.get_current_context().exit(int(ExitCode.INTERRUPTED))
    for text in _end(summary, shelf):
        click.echo(text)
    click.get_current_context().exit(int(_CODES.get(summary.status, ExitCode.STOPPED)))


def _hint(run: str) -> str:
    return f"Ctrl-C: watch no longer; run {run} goes on"


def _looks(shelf: Shelf, run: str) -> Iterator[Look]:
    """Look at a run as often as it is worth, without end."""
    if not isinstance(shelf.journal, FolderJournal):
        raise CannotStart(f"{shelf.path} is no folder, so what is written there is not followed.")
    following = shelf.journal.follow(run)
    while True:
        began = time.monotonic()
        look = following.look()
        yield look
        if not look.behind:
            time.sleep(max(_INTERVAL, _SHARE * (time.monotonic() - began)))


def _followed(first: Look, looks: Iterator[Look], tally: RunTally) -> Summary:
    """Tell a tally what a run does, until that has ended; return how it stands then."""
    retelling, look = Retelling(), first
    while True:
        for event in retelling.events(look):
            tally.hear(event)
        if look.summary.status != "running" and not look.behind:
            return look.summary
        look = next(looks)


def _end(summary: Summary, shelf: Shelf) -> Iterator[str]:
    run, status = summary.header.run, summary.status
    owner = summary.owner
    if status == "interrupted":
        who = "its driver" if owner is None else f"process {owner.pid} on {owner.host}"
        ago = age(summary.updated)
        yield f"✖ run {run} is dead: {who} is gone, and wrote last {ago} ago"
    else:
        said = f": {line(summary.message)}" if summary.message else ""
        yield f"{'✔' if status == 'success' else '✖'} run {run}: {status}{said}"
    yield f"{plural(summary.iterations, 'iteration')}, {plural(summary.failures, 'failed attempt')}"
    command = next_command(summary, shelf)
    if command is not None:
        yield f"    look at it: {shelf.command('show', run)}"
        yield f"    continue:   {command}"
