"""How long Dask waits before it sends a message, where that is ours to say.

::

    client ── 10 ms ──► scheduler ── 5 ms ──► worker
    client ◄── 2 ms ─── scheduler ◄── 2 ms ── worker

Each of them sends a message at once if it has sent none for so long, and else collects until the
time is over. An iteration passes all four, and a loop by itself feels each of them in full. In a
cluster that serves one run on one machine, a millisecond does.

Notes
-----
The attributes are not a public interface of Dask, and no other module names them: where they are
missing, runs are slower and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from daskloop.config import seconds, setting

__all__ = ["INTERVAL", "USUAL", "asked_interval", "interval_of", "own_interval", "shorten"]

INTERVAL = 0.001
"""Seconds between two messages on one connection of a cluster of our own."""

USUAL = 0.010
"""Seconds between two messages of a Dask client, if nobody has changed that."""


_OF_CLIENT = "scheduler_comm"
_OF_WORKER = "batched_stream"
_OF_SCHEDULER = ("stream_comms", "client_comms")  # by worker, by client


def asked_interval() -> float | None:
    """Return the seconds of config ``daskloop.send-interval``, None where it asks for nothing.

    Raises
    ------
    ValueError
        If it is not a duration.
    """
    return None if setting("send-interval") is None else seconds("send-interval")


def own_interval() -> float:
    """Return the seconds that count in a cluster which daskloop starts on this machine."""
    asked = asked_interval()
    return INTERVAL if asked is None else asked


def shorten(node: Any, interval: float = INTERVAL) -> None:
    """Have a client, a scheduler or a worker send its messages sooner.

    Parameters
    ----------
    node : Client, Scheduler or Worker
        Of a cluster that nobody else uses, or whose user has asked for it: nothing puts the
        intervals back. To be called again for connections made later, on the node's event loop
        or before it has connections.
    interval : float
        Seconds; what is shorter already stays.
    """
    for sender in _senders(node):
        usual = _seconds(sender)
        if usual is not None and usual > interval:
            sender.interval = interval
            # Else what is sent next would wait for as long as was usual since the last message.
            sender.next_deadline = None


def interval_of(client: Any) -> float:
    """Return how many seconds a client lets pass between two messages.

    Parameters
    ----------
    client : distributed.Client
        `USUAL` is taken for one that does not tell.
    """
    found = _seconds(getattr(client, _OF_CLIENT, None))
    return USUAL if found is None else found


def _senders(node: Any) -> Iterator[Any]:
    """Find what collects the messages of a node, one for each connection."""
    for name in (_OF_CLIENT, _OF_WORKER):
        yield getattr(node, name, None)
    for name in _OF_SCHEDULER:
        of_many = getattr(node, name, None)
        if isinstance(of_many, dict):
            yield from list(of_many.values())


def _seconds(sender: Any) -> float | None:
    """Return the interval of one connection, None where it is not to be found."""
    interval = getattr(sender, "interval", None)
    return float(interval) if isinstance(interval, (int, float)) else None
