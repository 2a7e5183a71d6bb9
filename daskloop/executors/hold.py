"""A run's own hold on its keys, so that a scheduler keeps them when the driver dies.

::

    driver ─ wants keys ─► scheduler ◄─ wants keys ─ hold "daskloop-<run>-<epoch>"
    (dies, is forgotten)                             (stays, until a later driver ends it)

The scheduler keeps what any client wants, and takes the word of a connected client for what
another one wants: that is how Dask keeps published data. A driver that resumes the run wants the
keys itself, holds them under its own epoch, and only then ends the holds before it.

Notes
-----
The messages are not a public interface of Dask. Where the scheduler does not know them, or the
client has no way to send them, there is no hold, and a resumed run executes again what was in
flight.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from daskloop.executors.session import Key

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Hold", "disown", "let_go", "open_hold"]

logger = logging.getLogger("daskloop.executors")

_WANT, _RELEASE, _END = "client-desires-keys", "client-releases-keys", "close-client"


class Hold:
    """The hold of one driver on the keys of its run.

    Parameters
    ----------
    client : distributed.Client
        Sends the messages.
    run : str
        Name of the run.
    epoch : int
        How often the run was begun or resumed.
    """

    def __init__(self, client: Client, run: str, epoch: int) -> None:
        self._client: Any = client
        self._run = run
        self._epoch = epoch

    @property
    def name(self) -> str:
        """How the scheduler knows the hold."""
        return _name(self._run, self._epoch)

    def keep(self, keys: Sequence[Key]) -> None:
        """Hold keys that the scheduler was just told of."""
        self._send(_WANT, keys=list(keys), client=self.name)

    def let_go(self, keys: Sequence[Key]) -> None:
        """Hold keys no longer."""
        # A release for a hold that the scheduler does not know would end this connection: it may
        # be another scheduler than the one that was told, or none of the keys was held.
        self._send(_WANT, keys=[], client=self.name)
        self._send(_RELEASE, keys=list(keys), client=self.name)

    def adopt(self, keys: Sequence[Key]) -> list[Any]:
        """Return futures for keys that the scheduler has from an earlier driver."""
        from distributed import Future

        futures = [Future(key, self._client) for key in keys]
        if keys:
            self._send(_WANT, keys=list(keys), client=self._client.id)
            self.keep(keys)
        return futures

    def end_earlier(self) -> None:
        """End the holds of the drivers before this one."""
        for epoch in range(1, self._epoch):
            self._send(_END, client=_name(self._run, epoch))

    def end(self) -> None:
        """End this hold and all before it."""
        self._send(_END, client=self.name)

    def _send(self, op: str, **message: Any) -> None:
        # While the connection is down there is nobody to tell; a scheduler that comes back is new.
        if self._client.status == "running":
            self._client._send_to_scheduler({"op": op, **message})


def open_hold(client: Client, run: str, epoch: int) -> Hold | None:
    """Make the hold of a run; None where Dask does not allow it."""
    if not hasattr(client, "_send_to_scheduler"):
        logger.debug("this Dask client cannot hold keys")
        return None
    try:
        known = client.run_on_scheduler(_known_messages)
    # Whatever a deployment raises to say that nothing may be run there.
    except Exception as error:
        logger.debug("the scheduler was not asked about holds: %r", error)
        return None
    if not {_WANT, _RELEASE, _END} <= set(known):
        logger.debug("this Dask scheduler knows no holds")
        return None
    return Hold(client, run, epoch)


def disown(client: Any, keys: Sequence[Key]) -> None:
    """Want keys no longer that Dask has cancelled here.

    They were sent while somebody restarted the scheduler, which heard of them after it had
    forgotten all others: it would execute them, and Dask's client no longer knows them.
    """
    if client.status == "running" and hasattr(client, "_send_to_scheduler"):
        client._send_to_scheduler({"op": _RELEASE, "keys": list(keys), "client": client.id})


def let_go(scheduler: str, run: str, epochs: int) -> None:
    """Free what the drivers of an abandoned run still hold on a scheduler.

    Parameters
    ----------
    scheduler : str
        Its address.
    run : str
        Name of the run.
    epochs : int
        How often it was begun or resumed.

    Raises
    ------
    OSError
        If the scheduler does not answer.
    """
    from distributed import Client

    with Client(scheduler, set_as_default=False, timeout=5) as client:
        hold = open_hold(client, run, epochs)
        if hold is not None:
            hold.end_earlier()
            hold.end()
            client.run_on_scheduler(_known_messages)  # an answer: the messages before it arrived


def _name(run: str, epoch: int) -> str:
    return f"daskloop-{run}-{epoch}"


def _known_messages(dask_scheduler: Any) -> list[str]:
    return list(dask_scheduler.stream_handlers)
