"""The journal that a command reads or writes, and the commands that go on from there."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass

from daskloop import config
from daskloop.cli.exit_codes import CannotStart, Usage
from daskloop.record.entries import Summary
from daskloop.record.folder_journal import open_journal
from daskloop.record.journal import Journal

__all__ = ["DEFAULT", "Shelf", "open_shelf"]

DEFAULT = ".daskloop"
"""Where the command line records runs if nothing else is said."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A journal, and how it was named."""

    journal: Journal
    path: str
    """The folder, as a person would type it."""
    option: str
    """What names it on a command line; empty if it is the one that is taken anyway."""

    def command(self, verb: str, *words: str) -> str:
        """Write a command for somebody to type.

        Examples
        --------
        >>> Shelf(None, "a b", " --journal 'a b'").command("debug", "run", "task[3]")
        "daskloop debug run 'task[3]' --journal 'a b'"
        """
        return f"daskloop {verb} {' '.join(map(shlex.quote, words))}{self.option}"

    def summary(self, run: str) -> Summary:
        """Return how a run stands.

        Raises
        ------
        JournalError
            If there is none of that name.
        """
        for one in self.journal.runs():
            if one.header.run == run:
                return one
        return self.journal.read(run).summary  # which says what there is instead


def open_shelf(given: str | None, run: str | None = None) -> Shelf:
    """Open the journal that was named, else that of the configuration, else ``.daskloop``.

    Parameters
    ----------
    given : str or None
        What ``--journal`` said.
    run : str or None
        A run that has to be in it.

    Raises
    ------
    Usage
        If it is no folder.
    CannotStart
        If the run is to be there and the folder is not.
    """
    usual = str(config.setting("journal") or DEFAULT)
    path = given or usual
    try:
        journal = open_journal(path)
    except (TypeError, ValueError) as error:
        raise Usage(str(error)) from error
    if run is not None and not os.path.isdir(os.path.expanduser(path)):
        raise CannotStart(
            f"There is no run {run!r}: there is no journal {path!r} here. "
            "Name the folder that it was recorded in: --journal DIR"
        )
    same = os.path.abspath(os.path.expanduser(path)) == os.path.abspath(os.path.expanduser(usual))
    return Shelf(journal, path, "" if same else f" --journal {shlex.quote(path)}")
