"""Where a run was executed, and whether that is still there."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import click

from daskloop.record.entries import Summary

__all__ = ["living_scheduler"]

_PATIENCE = 1.0  # seconds that a scheduler has to take a call


def living_scheduler(summary: Summary) -> str | None:
    """Return the address of the scheduler that a run was on; None if there is none any more.

    Parameters
    ----------
    summary : Summary
        How the run stands.

    Notes
    -----
    What the run had under way there goes on without its driver, and is taken up again.
    """
    address = None if summary.owner is None else summary.owner.scheduler
    if address is None:
        return None
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
        if host is None or port is None:  # no address of a socket: the cluster class knows better
            return None
        with socket.create_connection((host, port), _PATIENCE):
            return address
    except (OSError, ValueError) as error:
        click.echo(f"the scheduler at {address} is gone ({error}): going on without it", err=True)
        return None
