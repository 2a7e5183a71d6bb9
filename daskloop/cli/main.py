"""The command ``daskloop``, which is also ``dask loop``: a group of commands."""

from __future__ import annotations

from typing import Any

import click

from daskloop.cli.cancel import cancel
from daskloop.cli.debug import debug
from daskloop.cli.demo import demo
from daskloop.cli.exit_codes import ExitCode
from daskloop.cli.page import page
from daskloop.cli.resume import resume
from daskloop.cli.run import run
from daskloop.cli.runs import runs
from daskloop.cli.show import show
from daskloop.cli.watch import watch

__all__ = ["main"]


class _Commands(click.Group):
    """Commands in the order in which they are added; Ctrl-C in any of them exits with 130."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(int(ExitCode.INTERRUPTED))


# As a command of `dask` it is called by its own name.
@click.group("loop", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="daskloop", prog_name="daskloop", message="%(prog)s %(version)s")
def main() -> None:
    """Loops of unknown length as parallel dataflow on Dask.

    \b
    Exit codes: 0 success, 1 the flow failed, 2 wrong use, 3 could not start or
    resume, 4 stopped and can be resumed, 130 Ctrl-C, 143 SIGTERM.
    """


for _command in (run, resume, runs, show, watch, page, debug, cancel, demo):
    main.add_command(_command)
