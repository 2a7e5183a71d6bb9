"""The options of ``flow.run``: checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from daskloop.contexts import RESERVED
from daskloop.define.limits import count
from daskloop.run.options import RunOptions

__all__ = ["OPTION_NAMES", "checked_options"]

OPTION_NAMES = tuple(field.name for field in fields(RunOptions))

_NOT_YET = ("task_states", "journal", "resume", "allow_code_change", "history", "report")


def checked_options(
    *,
    executor: Any,
    workers: int | None,
    context: Mapping[str, Any] | None,
    raise_on_failure: bool,
    store: Any,
    batch: int | str | None,
    **not_yet: Any,
) -> RunOptions:
    """Check the options of a run and freeze them.

    Raises
    ------
    TypeError, ValueError
        With a text that names the option: one that is wrong, or that this version lacks.

    Examples
    --------
    >>> plain = dict(executor=None, store=None, batch=None, raise_on_failure=False)
    >>> checked_options(workers=2, context={"site": "north"}, **plain).workers
    2
    """
    for name in _NOT_YET:
        if not_yet.get(name) not in (None, False):
            raise ValueError(
                f"flow.run({name}={not_yet[name]!r}): {name} is not there yet in this version of "
                "daskloop; leave it out"
            )
    if batch is not None and (isinstance(batch, bool) or batch != 1):
        raise ValueError(
            f"flow.run(batch={batch!r}): only batch=1, one attempt in one future, is there yet in "
            "this version of daskloop; leave it out"
        )
    if not isinstance(raise_on_failure, bool):
        raise TypeError(f"flow.run(raise_on_failure={raise_on_failure!r}): give True or False")
    return RunOptions(
        executor=executor,
        workers=None if workers is None else count(workers, "workers", 1, 1_000_000),
        context=_context(context),
        batch=batch,
        store=store,
        raise_on_failure=raise_on_failure,
    )


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
