"""The options of ``flow.run``: checked before anything starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from daskloop.config import setting
from daskloop.contexts import RESERVED
from daskloop.define.batch import Batch, checked_batch
from daskloop.define.limits import count
from daskloop.flow.notifiers import check_notify
from daskloop.page.write import check_target
from daskloop.record.journal import Journal
from daskloop.run.options import RunOptions

__all__ = ["OPTION_NAMES", "checked_options"]

OPTION_NAMES = tuple(field.name for field in fields(RunOptions))


def checked_options(
    *,
    executor: Any = None,
    workers: int | None = None,
    context: Mapping[str, Any] | None = None,
    task_states: Mapping[Any, Any] | None = None,
    journal: Any = None,
    resume: bool | str = False,
    allow_code_change: bool = False,
    only: str | None = None,
    from_iteration: int | None = None,
    raise_on_failure: bool = False,
    store: Any = None,
    batch: int | str | None = None,
    history: bool = False,
    notify: Any = None,
    report: Any = None,
) -> RunOptions:
    """Check the options of a run and freeze them.

    Raises
    ------
    TypeError, ValueError
        With a text that names the option that is wrong.
    JournalError
        If the journal cannot be opened.

    Examples
    --------
    >>> checked_options(workers=2, context={"site": "north"}).workers
    2
    """
    if not isinstance(resume, (bool, str)) or resume == "":
        raise TypeError(f"flow.run(resume={resume!r}): give True, or the name of a run")
    for name, text in (("only", only), ("from_iteration", from_iteration)):
        if text is not None and not resume:
            raise ValueError(
                f"flow.run({name}={text!r}) goes with resume=True or the name of a run"
            )
    if task_states is not None and resume:
        raise ValueError(
            "flow.run(task_states=..., resume=...): a run that is resumed goes on from its own "
            "record. Leave one of them out"
        )
    if only is not None and not isinstance(only, str):
        raise TypeError(f"flow.run(only={only!r}): give the name of a child, like 'train[3]'")
    start = from_iteration
    return RunOptions(
        executor=executor,
        workers=None if workers is None else count(workers, "workers", 1, 1_000_000),
        context=_context(context),
        task_states=task_states,
        batch=_batch(batch),
        notify=check_notify(notify, "flow.run(notify={})"),
        history=_flag("history", history),
        journal=_journal(journal),
        resume=resume,
        allow_code_change=_flag("allow_code_change", allow_code_change),
        only=only,
        from_iteration=None if start is None else count(start, "from_iteration", 1, 2**62),
        report=None if report is None else check_target(report, f"flow.run(report={report!r})"),
        store=_store(store),
        raise_on_failure=_flag("raise_on_failure", raise_on_failure),
    )


def _flag(name: str, given: object) -> bool:
    if not isinstance(given, bool):
        raise TypeError(f"flow.run({name}={given!r}): give True or False")
    return given


def _batch(given: object) -> Batch:
    if given is None:
        return checked_batch(setting("batch"), "config daskloop.batch")
    return checked_batch(given, "batch")


def _journal(given: Any) -> Journal | None:
    chosen = setting("journal") if given is None else given
    if chosen is None or chosen is False:
        return None
    # Imported when there is one: most runs keep none.
    from daskloop.record.folder_journal import open_journal

    return open_journal(chosen)


def _store(given: Any) -> Any:
    if given is not None and not isinstance(given, (str, os.PathLike)):
        raise TypeError(
            f"flow.run(store={given!r:.100}): give a folder that all workers share, or a URL"
        )
    if given is not None and "\0" in os.fsdecode(given):
        raise ValueError(
            f"flow.run(store={given!r:.100}): it holds a zero character, which no path may. "
            "Leave it out"
        )
    return given


def _context(given: Mapping[str, Any] | None) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise TypeError(f"flow.run(context={given!r}): give a dict whose keys are texts")
    taken = sorted(RESERVED.intersection(given))
    if taken:
        raise ValueError(
            f"flow.run(context=...) sets {', '.join(map(repr, taken))}, which every task has from "
            "the run itself; use other names"
        )
    return dict(given)
