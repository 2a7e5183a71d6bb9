"""Options that several commands have, each written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from daskloop.cli.exit_codes import Usage
from daskloop.cli.log_lines import FORMATS
from daskloop.page.write import check_target

__all__ = [
    "as_json",
    "executor",
    "journal",
    "log_format",
    "notify",
    "output",
    "parameters",
    "quiet",
    "report",
    "store",
    "trust",
    "workers",
]

Command = TypeVar("Command", bound=Callable[..., Any])

journal = click.option(
    "--journal",
    "journal",
    metavar="DIR",
    help="Folder that holds the runs.  [default: config daskloop.journal, else .daskloop]",
)
executor = click.option(
    "--executor",
    metavar="WHERE",
    help="threads, processes, inline, or the address of a scheduler.",
)
workers = click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Slots of a temporary cluster."
)
store = click.option(
    "--store", metavar="URL", help="Place that all workers share, for large values."
)


def _target(context: click.Context, option: click.Parameter, given: str | None) -> str | None:
    if given is None:
        return None
    try:
        return check_target(given, f"{option.opts[-1]} {given!r}")
    except (TypeError, ValueError) as error:
        raise Usage(str(error)) from error


report = click.option(
    "--report", metavar="FILE", callback=_target, help="Write a page about the run when it ends."
)
output = click.option(
    "-o", "--output", metavar="FILE", callback=_target, help="The file.  [default: RUN.html]"
)
quiet = click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
log_format = click.option(
    "--log-format",
    type=click.Choice(FORMATS),
    help="How log lines are written to stderr.  [default: config daskloop.log-format, else text]",
)
notify = click.option(
    "--notify",
    multiple=True,
    metavar="NAME",
    help="Whom to tell of the run: a name in config daskloop.notifiers, or a URL.  [default: "
    "those of the flow, else config daskloop.notify]",
)
parameters = click.option(
    "-p",
    "--parameter",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="Value of a parameter; NAME=@FILE takes the text of a file.",
)
trust = click.option(
    "--trust",
    is_flag=True,
    help="Open pickles although others could have written them: they can run code here.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
