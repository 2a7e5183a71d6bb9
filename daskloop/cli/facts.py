"""A run as plain data for ``--json``; these names are kept as they are."""

from __future__ import annotations

from typing import Any

from daskloop.cli.journals import Shelf
from daskloop.cli.wording import iso
from daskloop.record.entries import Owner, Summary

__all__ = ["next_command", "owner_facts", "run_facts"]

_RESUMABLE = ("interrupted", "stopped", "failed")


def next_command(summary: Summary, shelf: Shelf) -> str | None:
    """Return the command that goes on with a run; None if there is nothing to go on with."""
    if summary.status not in _RESUMABLE:
        return None
    words = () if summary.header.origin is not None else ("FILE:FLOW",)
    return shelf.command("resume", summary.header.run, *words)


def run_facts(summary: Summary, shelf: Shelf) -> dict[str, Any]:
    """Describe a run."""
    header = summary.header
    return {
        "run": header.run,
        "flow": header.flow,
        "status": summary.status,
        "begun": iso(header.begun),
        "updated": iso(summary.updated),
        "message": summary.message,
        "origin": header.origin,
        "times_begun": summary.epoch,
        "iterations": summary.iterations,
        "children": summary.children,
        "attempts": summary.attempts,
        "failures": summary.failures,
        "owner": None if summary.owner is None else owner_facts(summary.owner),
        "store": header.store,
        "versions": dict(header.versions),
        "continue": next_command(summary, shelf),
    }


def owner_facts(owner: Owner) -> dict[str, Any]:
    """Describe the process that drives a run, or drove it last."""
    return {
        "pid": owner.pid,
        "host": owner.host,
        "since": iso(owner.since),
        "executor": owner.executor,
        "scheduler": owner.scheduler,
    }
