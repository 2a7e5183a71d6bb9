"""Find the record of the run that is asked for, or begin one."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from daskloop.define.parameter import Parameter
from daskloop.errors import PayloadError, ResumeError
from daskloop.keys import run_name
from daskloop.plan.fingerprint import digest_of_value, marks, what_changed
from daskloop.plan.plan import Plan
from daskloop.record.entries import Given, Header, Past, Summary
from daskloop.record.journal import Journal, Ledger, NullLedger
from daskloop.record.sealed import Sealed, seal, unseal
from daskloop.run.options import RunOptions

__all__ = ["Registered", "given", "recorded_values", "register", "take_over"]

logger = logging.getLogger("daskloop.run")

_LARGEST = 268_435_456  # bytes of a parameter that are written down


@dataclass(frozen=True, slots=True)
class Registered:
    """A run with its name and the ledger that it is written down in."""

    run: str
    ledger: Ledger
    past: Past | None = None
    """What earlier drivers wrote down; None for a new run."""
    store: str | None = None
    """URL of the payload store, if it does not lie in the journal."""
    changed: bool = False
    """True if the flow is not what it was when the run was begun."""

    @property
    def is_over(self) -> bool:
        """True if the run ended well, so that its states are all that is wanted."""
        if self.past is None or self.changed:
            return False
        return self.past.summary.status == "success"


def take_over(journal: Journal | None, run: str) -> Registered:
    """Take over a run that is known by its name.

    Raises
    ------
    ResumeError, JournalError
        If there is no journal or no such run, or somebody else drives it.
    """
    if journal is None:
        raise _no_journal(run)
    past, ledger = journal.resume(run)
    return Registered(run, ledger, past, past.summary.header.store)


def _no_journal(resume: str | bool) -> ResumeError:
    return ResumeError(
        f"flow.run(resume={resume!r}): which journal holds that run? Pass journal=..., the folder "
        "that it was recorded in, or set the config daskloop.journal"
    )


def recorded_values(registered: Registered) -> dict[str, Any]:
    """Open the values of parameters that a run was begun with; secret ones are not among them."""
    assert registered.past is not None
    found = registered.past.summary.header.parameters
    return {one.name: unseal(one.value, None) for one in found if one.value is not None}


def register(
    plan: Plan,
    values: Mapping[str, Any],
    options: RunOptions,
    taken: Registered | None,
    origin: str | None,
) -> Registered:
    """Begin the record of a run, or go on with an earlier one.

    Parameters
    ----------
    plan : Plan
        The flow.
    values : mapping
        A value for each parameter.
    options : RunOptions
        Says where runs are recorded and whether to resume.
    taken : Registered or None
        The run that was asked for by name, taken over already.
    origin : str or None
        ``FILE:FLOW`` where the flow is found again.
    """
    journal = options.journal
    if journal is None:
        if options.resume:
            raise _no_journal(options.resume)
        return Registered(run_name(), NullLedger())
    parameters = [node.task for node in plan.nodes if isinstance(node.task, Parameter)]
    if taken is None and options.resume:
        taken = _unfinished(journal, plan, given(parameters, values), options)
    if taken is not None:
        try:
            changed = _compare(plan, parameters, values, taken, options)
        except BaseException:  # the run is let go of, whatever came between; raised again
            taken.ledger.close()
            raise
        return replace(taken, changed=changed)
    return _begin(journal, plan, parameters, values, options, origin)


def _begin(
    journal: Journal,
    plan: Plan,
    parameters: Sequence[Parameter],
    values: Mapping[str, Any],
    options: RunOptions,
    origin: str | None,
) -> Registered:
    run = run_name()
    url = None if options.store is None else f"{str(options.store).rstrip('/')}/{run}"
    header = Header(
        run=run,
        flow=plan.flow_name,
        begun=time.time(),
        parameters=given(parameters, values, keep=True),
        tasks=marks(plan),
        origin=origin,
        store=url,
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in ("daskloop", "dask", "distributed")},
        },
    )
    return Registered(run, journal.begin(header), None, url)


def given(
    parameters: Sequence[Parameter], values: Mapping[str, Any], keep: bool = False
) -> tuple[Given, ...]:
    """Describe the values of parameters, and keep them; of secret ones nothing but the name."""
    return tuple(_given(one, values[one.name], keep) for one in parameters)


def _given(parameter: Parameter, value: Any, keep: bool) -> Given:
    name = parameter.name
    if parameter.secret:
        return Given(name, "", None, None)
    sealed: Sealed | None = None
    if keep:
        try:
            sealed = seal(value, f"the parameter '{name}'", 0, None, "")
        except PayloadError:
            sealed = None  # it fails the task that needs it
        if sealed is not None and sealed.size > _LARGEST:
            sealed = None  # the run is given it again when it is resumed
    return Given(name, digest_of_value(value), sealed, _length(value))


def _length(value: Any) -> int | None:
    try:
        return len(value)
    # Most have no length, and a `__len__` of the user's may raise anything.
    except Exception:
        return None


def _unfinished(
    journal: Journal, plan: Plan, parameters: Sequence[Given], options: RunOptions
) -> Registered | None:
    """Find the newest run of the same flow and parameters that did not end well."""
    asked = {(one.name, one.digest) for one in parameters}
    for summary in journal.runs():
        if summary.status == "damaged":
            logger.warning(
                "run %s cannot be read, so nobody can tell whether it is one of flow '%s' to go on "
                "with; it is passed over: %s",
                summary.header.run,
                plan.flow_name,
                summary.message,
            )
        known = {(one.name, one.digest) for one in summary.header.parameters}
        if summary.header.flow != plan.flow_name or known != asked:
            continue
        if options.only is not None or not _is_done(summary):
            return take_over(journal, summary.header.run)
    asks = {"only": options.only, "from_iteration": options.from_iteration}
    for name, value in asks.items():
        if value is None:
            continue
        raise ResumeError(
            f"{name}={value!r}: there is no run of flow '{plan.flow_name}' with these "
            "parameters to take back. Name the run, like resume='quiet-heron-7f3a9c12'"
        )
    return None


def _is_done(summary: Summary) -> bool:
    return summary.status in ("success", "damaged")


def _is_recorded(old: Given, now: Given) -> bool:
    """Tell whether a value is the recorded one, whose bytes differ from process to process."""
    return old.value is not None and digest_of_value(unseal(old.value, None)) == now.digest


def _compare(
    plan: Plan,
    parameters: Sequence[Parameter],
    values: Mapping[str, Any],
    taken: Registered,
    options: RunOptions,
) -> bool:
    """Refuse to go on with a run that was begun with something else; tell whether code changed."""
    assert taken.past is not None
    header = taken.past.summary.header
    if header.flow != plan.flow_name:
        raise ResumeError(
            f"run '{taken.run}' is of flow '{header.flow}', not '{plan.flow_name}'. Resume it with "
            "that flow, or start a new run without resume="
        )
    before = {one.name: one for one in header.parameters}
    for now in given(parameters, values):
        old = before.get(now.name)
        if old is not None and old.digest != now.digest and not _is_recorded(old, now):
            lengths = ""
            if None not in (old.length, now.length) and old.length != now.length:
                lengths = f": it had {old.length} elements, now {now.length}"
            same = "Leave the parameter out, which takes the recorded value"
            if old.value is None:  # then the run has no other way to know it
                same = "Its value was too large or odd to be recorded: pass what it was then"
            raise ResumeError(
                f"run '{taken.run}' was begun with another value of the parameter '{now.name}'"
                f"{lengths}. {same}, or start a new run without resume="
            )
    changed = what_changed(header.tasks, marks(plan))
    if changed and not options.allow_code_change:
        raise ResumeError(
            f"flow '{plan.flow_name}' is not what it was when run '{taken.run}' was begun: "
            f"{'; '.join(changed)}. Go on all the same, keeping what is recorded and running the "
            "rest with the present code? Then pass allow_code_change=True "
            "(--allow-code-change); else start a new run without resume="
        )
    return bool(changed)
