"""Remove runs that are over, and free what they still hold."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

import click

from daskloop.cli.exit_codes import Usage
from daskloop.cli.journals import Shelf
from daskloop.cli.trusting import check_trusted
from daskloop.cli.wording import line, plural
from daskloop.define.limits import duration
from daskloop.errors import JournalError, StoreError
from daskloop.record.entries import Summary
from daskloop.record.folder_journal import FolderJournal
from daskloop.record.memory_claims import forget_memory_claims
from daskloop.record.store import PayloadStore

__all__ = ["prune"]

_UNFINISHED = ("interrupted", "stopped", "failed")
_PATIENCE = 7 * 86_400.0  # seconds after which somebody who wants to continue would have


def prune(shelf: Shelf, found: Sequence[Summary], older_than: str | None, yes: bool) -> None:
    """Remove runs, and say what came of it.

    Parameters
    ----------
    shelf : Shelf
        The journal.
    found : sequence of Summary
        All its runs.
    older_than : str or None
        Remove only what nobody wrote to for so long; None means any time for runs that ended
        well, and seven days for others.
    yes : bool
        Do not ask before unfinished ones are removed.
    """
    limit = None if older_than is None else _seconds(older_than)
    now = time.time()
    removed = [one for one in found if one.status == "success" and _is_old(one, now, limit or 0.0)]
    unfinished = [
        one
        for one in found
        if one.status in _UNFINISHED and _is_old(one, now, _PATIENCE if limit is None else limit)
    ]
    if unfinished and (yes or _agreed(unfinished)):
        removed += unfinished
    count = freed = 0
    for one in removed:
        size = _size(shelf, one)
        try:
            _check_trusted(shelf, one)
            # It may have been resumed since it was listed: the journal knows, and refuses.
            shelf.journal.remove(one.header.run)
        except JournalError as error:
            click.echo(f"{one.header.run} is kept: {error}", err=True)
            continue
        count, freed = count + 1, freed + size - _put_away(one)
    click.echo(f"{plural(count, 'run')} removed, {freed} bytes freed.")


def _seconds(text: str) -> float:
    try:
        return duration(text, "--older-than")
    except ValueError:
        raise Usage(
            f"--older-than {text!r:.80} is no duration. Write for example 7d or 12h"
        ) from None


def _is_old(summary: Summary, now: float, limit: float) -> bool:
    return now - summary.updated >= limit


def _agreed(unfinished: Sequence[Summary]) -> bool:
    for one in unfinished:
        click.echo(f"{one.header.run}  {one.status}, {plural(one.iterations, 'iteration')}")
    question = "These runs can still be continued. Remove them?"
    try:
        return click.confirm(question, default=False)
    except click.Abort:  # nobody is there to answer
        click.echo("\nThey are kept. --yes removes them without asking.", err=True)
        return False


def _put_away(summary: Summary) -> int:
    """Remove what a run has left elsewhere; return the bytes of it that stay."""
    _let_go(summary)
    forget_memory_claims(summary.header.run)
    store = summary.header.store
    if store is None:
        return 0
    try:
        PayloadStore(store, create=False).remove_all()
    except StoreError as error:
        click.echo(f"{summary.header.run}: its payloads stay, {error}", err=True)
        return sum(_sizes(store))
    return 0


def _check_trusted(shelf: Shelf, summary: Summary) -> None:
    """Refuse to go where a journal of others points to.

    A scheduler can run code in whoever connects to it, and a store is emptied.
    """
    owner, store = summary.owner, summary.header.store
    if store is not None or (owner is not None and owner.scheduler is not None):
        check_trusted(shelf, summary.header.run, "remove")


def _let_go(summary: Summary) -> None:
    """Free what the drivers of an abandoned run hold on a scheduler that lives on."""
    owner = summary.owner
    if owner is None or owner.scheduler is None or summary.status == "success":
        return
    from daskloop.executors.hold import let_go

    try:
        let_go(owner.scheduler, summary.header.run, summary.epoch)
    except (OSError, ValueError) as error:  # ValueError: it is no address
        click.echo(
            f"{summary.header.run}: the scheduler at {line(owner.scheduler)} does not answer, so "
            f"nothing was freed there ({line(str(error))}). If it still lives, restarting it frees "
            "it all.",
            err=True,
        )


def _size(shelf: Shelf, summary: Summary) -> int:
    """Add up the files of a run that lie on this machine."""
    folders = [summary.header.store] if summary.header.store else []
    if isinstance(shelf.journal, FolderJournal):
        folders.append(os.path.join(shelf.journal.path, summary.header.run))
    return sum(size for folder in folders for size in _sizes(folder))


def _sizes(folder: str) -> Iterator[int]:
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(place, name)).st_size
            except OSError:  # it went meanwhile
                continue
