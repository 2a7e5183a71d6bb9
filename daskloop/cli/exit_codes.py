"""What the exit code of a command says, and the errors that lead to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import click

from daskloop.errors import DaskloopError

__all__ = ["CannotStart", "ExitCode", "Usage", "refusals"]


class ExitCode(IntEnum):
    """The exit codes of every command."""

    SUCCESS = 0
    """All is well; for a run: it ended as `Success`."""
    FAILED = 1
    """The flow failed, or was stopped and is not recorded."""
    USAGE = 2
    """Something about the command is wrong: an option, a parameter, a file without a flow."""
    NOT_STARTED = 3
    """The run could not start or be resumed: its journal, its cluster, or somebody has it."""
    STOPPED = 4
    """The run was stopped from outside, and can be resumed."""
    INTERRUPTED = 130
    """Ctrl-C; a recorded run can be resumed."""
    TERMINATED = 143
    """SIGTERM; a recorded run can be resumed."""


class Usage(click.ClickException):
    """What was typed cannot be meant."""

    exit_code = int(ExitCode.USAGE)


class CannotStart(click.ClickException):
    """What was asked for is clear, and cannot be done."""

    exit_code = int(ExitCode.NOT_STARTED)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what keeps a run from starting, or a journal from being read, into `CannotStart`.

    Notes
    -----
    The texts of these errors are made for people; a traceback would hide them. Clusters say that
    they did not start with `RuntimeError` or an `OSError` such as `ConnectionError`.
    """
    try:
        yield
    except (click.Abort, click.exceptions.Exit):  # click's own, which are RuntimeErrors too
        raise
    except (DaskloopError, OSError, RuntimeError) as error:
        raise CannotStart(str(error) or type(error).__name__) from error
