"""The plugin on the scheduler: takes what drivers tell, and serves the page."""

from __future__ import annotations

import logging
import time
from importlib import import_module
from typing import Any

from distributed import SchedulerPlugin

from daskloop.dashboard.dask_pages import add_handler, add_page
from daskloop.dashboard.shelf import Shelf
from daskloop.dashboard.views import NOBODY, pack, unpack

__all__ = ["LoopsPlugin"]

logger = logging.getLogger("daskloop.dashboard")


class LoopsPlugin(SchedulerPlugin):  # type: ignore[misc]
    """Adds the page "Loops" to a scheduler's dashboard; once, whoever registers it again."""

    name = "daskloop-loops"
    idempotent = True

    async def start(self, scheduler: Any) -> None:
        """Serve the page, if there is a dashboard that can."""
        self.shelf = Shelf()
        self.has_page = False
        add_handler(scheduler, self.take)
        try:
            # Bokeh is imported by that; a scheduler without it has no dashboard.
            page = import_module("daskloop.dashboard.page")
            self.has_page = add_page(scheduler, page.document_of(self.shelf), page.TITLE)
        # Bokeh is missing or another one, or Dask has moved a name: that costs the page alone.
        except Exception as error:
            logger.info("Dask's dashboard gets no page about loops: %r", error)

    def take(self, view: bytes) -> bytes:
        """Take what a driver tells of its run, and answer what it is to tell more of."""
        if not self.has_page:
            return pack(NOBODY)
        return pack(self.shelf.take(unpack(view), time.monotonic()))
