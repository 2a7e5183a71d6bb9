"""Write the page of a run when it has ended: from its journal, else from what was kept of it."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator

from daskloop.define.parameter import Parameter
from daskloop.page.make import make_page
from daskloop.page.secret_texts import spellings
from daskloop.plain_text import one_line
from daskloop.plan.fingerprint import marks
from daskloop.record.entries import Given, Header, Owner, Past, Recorded, Summary
from daskloop.record.journal import Journal
from daskloop.record.pickling import preview
from daskloop.record.sealed import Sealed
from daskloop.record.stretch import unfolded
from daskloop.run.ended import Ended
from daskloop.run.scribe import status_of

__all__ = ["PageWriter"]

logger = logging.getLogger("daskloop.run")


class PageWriter:
    """Called when a run has ended.

    Parameters
    ----------
    path : str
        The file.
    journal : Journal or None
        Where the run is recorded.
    """

    def __init__(self, path: str, journal: Journal | None) -> None:
        self._path = path
        self._journal = journal

    def __call__(self, ended: Ended) -> None:
        """Write the page; what keeps it from being written is logged."""
        try:
            past = _kept(ended) if self._journal is None else self._journal.read(ended.run)
            secrets = spellings(_secret_values(ended))
            make_page(past, self._path, secrets, _command(past, self._journal))
        # The run has ended, and its result must not be lost to a full disk, or to a page.
        except Exception as error:
            reason = one_line(f"{type(error).__name__}: {error}", 400)
            logger.error("run %s: no page was written to %s: %s", ended.run, self._path, reason)
        else:
            logger.info("run %s: its page is %s", ended.run, self._path)


def _command(past: Past, journal: Journal | None) -> str | None:
    """Write what goes on with a run, as it was begun: on the command line or in Python."""
    header, where = past.summary.header, getattr(journal, "path", None)
    if past.summary.status not in ("stopped", "failed") or not isinstance(where, str):
        return None
    if header.origin is None:
        return f"flow.run(journal={where!r}, resume={header.run!r})"
    return f"daskloop resume {header.run} --journal {shlex.quote(where)}"


def _secret_values(ended: Ended) -> Iterator[object]:
    for node in ended.plan.nodes:
        if isinstance(node.task, Parameter) and node.task.secret:
            yield ended.parameters[node.task.name]


def _kept(ended: Ended) -> Past:
    """Put what was kept of a run into the form that a journal gives."""
    plan = ended.plan
    header = Header(
        ended.run,
        plan.flow_name,
        ended.begun,
        tuple(_given(node.task, ended) for node in plan.nodes if isinstance(node.task, Parameter)),
        marks(plan),
    )
    records: list[Recorded] = []
    for record in ended.records():
        records += unfolded(record)
    owner = Owner(0, "", ended.begun, ended.executor.strip("'"))
    message = ended.state.message or ""
    summary = Summary(header, status_of(ended.state), 1, ended.ended, owner, message)
    return Past(summary, tuple(records))


def _given(parameter: Parameter, ended: Ended) -> Given:
    if parameter.secret:
        return Given(parameter.name, "", None, None)
    text = preview(ended.parameters[parameter.name])
    return Given(parameter.name, "-", Sealed(None, None, 0, 0, text), None)
