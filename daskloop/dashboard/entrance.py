"""The address of the page: what is answered there has no Bokeh document yet.

::

    GET /loops ──► a page with a token in it           costs next to nothing
    websocket ──► token ──► document of LoopsPage      once for each browser that opens the page

A document has some two hundred models, and making one takes as long as many iterations of a loop.
Bokeh makes one at each GET, keeps it up to date for 15 s though no browser may come for it, and
then has Python collect all garbage: on the scheduler's event loop.

Imported on a scheduler that has Bokeh, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bokeh.embed.bundle import bundle_for_objs_and_resources
from bokeh.embed.elements import html_page_for_render_items
from bokeh.embed.util import RenderItem
from bokeh.server.views.session_handler import SessionHandler
from tornado.web import HTTPError, authenticated

__all__ = ["Looks", "put_entrance"]

_ELEMENT = "daskloop-loops"  # where the browser puts what the document holds


@dataclass(frozen=True, slots=True)
class Looks:
    """What the page looks like around its document."""

    title: str
    template: Any
    """Of Jinja."""
    variables: Mapping[str, Any]
    """For the template; read at each request."""


class _Tokens:
    """Stands for Bokeh's context of an application, where a session would be made."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def create_session_if_needed(self, session: str, request: Any, token: str) -> str:
        """Make none: the websocket does, from the token."""
        return token


class _Entrance(SessionHandler):  # type: ignore[misc]
    """Answers with a page in which there is a token."""

    def initialize(self, looks: Looks, bundle: Any, **_: Any) -> None:
        """Take what is the same for all requests."""
        self._looks = looks
        self._bundle = bundle

    @authenticated  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        """Give the page."""
        # Bokeh would take a token from whoever asks, and write it into the page as it is.
        if self.get_arguments("bokeh-token"):
            raise HTTPError(403, "this page makes its tokens itself")
        # Bokeh checks the request and makes the token here, in its own way.
        token = await self.get_session()
        looks = self._looks
        item = RenderItem(token=token, elementid=_ELEMENT, use_for_title=True)
        self.set_header("Content-Type", "text/html")
        self.write(
            html_page_for_render_items(
                self._bundle, {}, [item], looks.title, looks.template, dict(looks.variables)
            )
        )


def put_entrance(application: Any, page: str, looks: Looks) -> None:
    """Answer requests for a page of a Bokeh application, in place of Bokeh itself.

    Parameters
    ----------
    application : bokeh.server.tornado.BokehTornado
        Serves the page's document to websockets.
    page : str
        Path of the page in the application.
    looks : Looks
        What is around the document.
    """
    given = {
        "application_context": _Tokens(application.applications[page].application),
        "bokeh_websocket_path": None,
        "looks": looks,
        "bundle": bundle_for_objs_and_resources(None, application.resources()),
    }
    # Handlers that are added come before those that were there.
    application.add_handlers(".*$", [(f"{application.prefix}{page}/?", _Entrance, given)])
