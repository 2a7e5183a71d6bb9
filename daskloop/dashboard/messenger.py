"""The driver's end: puts the page on a scheduler, and tells it of one run."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from daskloop.dashboard.dask_pages import OPERATION, PAGE
from daskloop.dashboard.views import NOBODY, Asked, RunView, pack, unpack_asked

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Messenger", "loops_link"]

logger = logging.getLogger("daskloop.dashboard")

TIMEOUT = 5.0
"""Seconds that the scheduler has to answer."""

_TROUBLE = (OSError, TimeoutError, asyncio.TimeoutError, asyncio.CancelledError)
"""What a connection raises that is broken, or closed meanwhile."""


class Messenger:
    """Tells one scheduler of one run.

    Parameters
    ----------
    client : distributed.Client
        Synchronous and connected.

    Notes
    -----
    Belongs to one thread, which is not that of the client's event loop. Never raises.
    """

    def __init__(self, client: Client) -> None:
        self._client: Any = client
        self._is_there = False

    def tell(self, view: RunView) -> Asked | None:
        """Tell how the run stands.

        Returns
        -------
        Asked or None
            None if the scheduler could not be told now; it may be later.
        """
        if self._client.status != "running":
            self._is_there = False
            return None
        try:
            if not self._is_there:
                self._add_page()
            answer = self._client.sync(self._call, pack(view), callback_timeout=TIMEOUT)
        except _TROUBLE as error:
            self._is_there = False  # it may be another scheduler by now
            logger.debug("the dashboard was not told: %r", error)
            return None
        # Whatever a deployment raises to say that nobody adds plugins, or a plugin of another mind:
        # it costs the page, and the run goes on.
        except Exception as error:
            logger.info("Dask's dashboard gets no page about loops: %r", error)
            return NOBODY
        return unpack_asked(answer)

    def _add_page(self) -> None:
        from daskloop.dashboard.plugin import LoopsPlugin

        self._client.register_plugin(LoopsPlugin())
        self._is_there = True

    async def _call(self, view: bytes) -> bytes:
        answer: bytes = await getattr(self._client.scheduler, OPERATION)(view=view)
        return answer


def loops_link(client: Client) -> str | None:
    """Return the address of the page on a cluster's dashboard; None if there is none."""
    link: str | None = client.dashboard_link
    if not link:
        return None
    scheme, _, rest = client.scheduler.address.partition("://")
    if scheme == "inproc":  # the host in such an address is not where the web server listens
        link = link.replace(f"//{rest.split('/')[0]}:", "//127.0.0.1:")
    return f"{link.rsplit('/', 1)[0]}/{PAGE}"
