"""Say why nothing moves in a run, as far as can be told."""

from __future__ import annotations

from daskloop.executors.session import Session
from daskloop.run.machine import Machine

__all__ = ["why_nothing_moves"]

_NAMED = 3  # paused children that are named


def why_nothing_moves(machine: Machine, session: Session) -> str:
    """Return the reasons in one line."""
    keys = list(machine.packing.packs)
    reasons = []
    if machine.resting:
        reasons.append("the run is paused until run.resume()")
    waiting = [child.name for child in machine.paused]
    if waiting:
        more = f" and {len(waiting) - _NAMED} more" if len(waiting) > _NAMED else ""
        reasons.append(f"run.approve(...) is waited for by {', '.join(waiting[:_NAMED])}{more}")
    behind = len(machine.admission.behind)
    if behind:
        text = "under which workers were lost too often wait for another of their task to come back"
        reasons.append(f"{behind} {text}")
    if keys:
        reasons.append(session.explain(keys))
    return "; ".join(filter(None, reasons)) or "it waits for a handler or a retry"
