"""Begin a run of a flow, or go on with an earlier one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daskloop.define.graph import TaskGraph
from daskloop.events import Listener
from daskloop.flow.annotated import check_annotations
from daskloop.flow.notifiers import listeners_for
from daskloop.flow.options import OPTION_NAMES
from daskloop.flow.parameters import parameter_values
from daskloop.run import Run, start
from daskloop.run.attempt_log import check_log_settings
from daskloop.run.ended import Ended
from daskloop.run.options import RunOptions
from daskloop.run.register import recorded_values, take_over

__all__ = ["begin"]


def begin(
    flow: TaskGraph,
    parameters: Mapping[str, Any] | None,
    values: Mapping[str, Any],
    options: RunOptions,
    *,
    origin: str | None = None,
    listeners: Sequence[Listener] = (),
    here: bool = True,
) -> Run:
    """Begin a run, and return what its caller waits on.

    Parameters
    ----------
    flow : TaskGraph
        The flow.
    parameters, values : mapping
        Values of parameters by name. Of a run that is resumed by its name, those that are left
        out are taken from its record.
    options : RunOptions
        What was asked for besides.
    origin : str, optional
        ``FILE:FLOW`` where the flow is found again.
    listeners : sequence of Listener
        Told what happens.
    here : bool
        True to drive an inline run in the thread that asks for its result; False for a thread of
        its own, as any other run has.

    Raises
    ------
    ValueError
        If a parameter is missing or unknown, or the flow is not complete.
    JournalError, ResumeError
        If the run cannot be recorded or resumed; nothing has run then.
    """
    at_end = _page_writer(options)
    taken = take_over(options.journal, options.resume) if isinstance(options.resume, str) else None
    try:
        known = {} if taken is None else recorded_values(taken)
        given = parameter_values(
            flow.name, flow.parameters(), parameters, values, OPTION_NAMES, known
        )
        check_annotations(flow, given)
        check_log_settings()
        notify = getattr(flow, "notify", None) if options.notify is None else options.notify
        told = listeners_for(notify, flow.parameters(), given)
        return start(
            flow,
            parameters=given,
            options=options,
            listeners=[*listeners, *told],
            taken=taken,
            origin=origin,
            here=here,
            at_end=at_end,
        )
    except BaseException:  # the run is let go of, whatever came between; raised again
        if taken is not None:
            taken.ledger.close()
        raise


def _page_writer(options: RunOptions) -> Callable[[Ended], None] | None:
    if options.report is None:
        return None
    # Imported when there is one: most runs write no page.
    from daskloop.flow.page_writer import PageWriter

    return PageWriter(options.report, options.journal)
