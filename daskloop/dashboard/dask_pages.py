"""All that is not public in Dask and that the page needs: its web server, its bar, its tables.

================================  ============================================================
``Scheduler.http_application``    holds the applications that the scheduler's web server serves
``Scheduler.handlers``            functions that clients may call by their name
``Scheduler.task_groups``         how many futures of a task are where
``distributed.dashboard``         ``core.BokehApplication`` makes an application as Dask makes its
                                  own, ``scheduler.template_variables`` holds the pages that the
                                  bar names, ``components.scheduler`` the theme and the templates
================================  ============================================================

A version of Dask that moved one of them costs the page, and never a run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["OPERATION", "PAGE", "add_handler", "add_page", "bar", "dress", "futures_with_workers"]

logger = logging.getLogger("daskloop.dashboard")

OPERATION = "daskloop_loops"
"""The name by which drivers call the scheduler."""

PAGE = "loops"
"""The page's name, in its address and in the bar."""


def add_handler(scheduler: Any, function: Callable[..., Any]) -> None:
    """Let clients call a function by the name `OPERATION`.

    Raises
    ------
    AttributeError
        If this version of Dask has no such place.
    """
    scheduler.handlers[OPERATION] = function


def add_page(scheduler: Any, document: Callable[..., None], title: str) -> bool:
    """Serve a Bokeh document on the scheduler's dashboard, and name it in the bar.

    Parameters
    ----------
    scheduler : distributed.Scheduler
        One that is running.
    document : callable
        ``document(scheduler, extra, doc)`` fills a new Bokeh document, once a browser has opened
        its websocket.
    title : str
        Of the page.

    Returns
    -------
    bool
        False if the scheduler has no dashboard, since it was not asked for or Bokeh is missing.

    Raises
    ------
    AttributeError, ImportError, LookupError, TypeError
        If this version of Dask has moved a name.
    """
    applications = scheduler.http_application.applications
    dashboards = [one for one in applications if "/status" in getattr(one, "app_paths", ())]
    if not dashboards:
        return False
    prefix = dashboards[0].prefix
    make = import_module("distributed.dashboard.core").BokehApplication
    variables = bar(scheduler)
    application = make({f"/{PAGE}": document}, scheduler, prefix, variables)
    template = _look().env.get_template("simple.html")
    entrance = import_module("daskloop.dashboard.entrance")
    entrance.put_entrance(application, f"/{PAGE}", entrance.Looks(title, template, variables))
    application.initialize(_loop())  # last: what is started would have to be stopped
    application.start()
    scheduler.http_application.add_application(application)
    if PAGE not in variables["pages"]:
        variables["pages"].append(PAGE)  # the very list that all of Dask's pages show
    return True


def dress(doc: Any, title: str) -> None:
    """Give a document the looks of those of Dask."""
    doc.title = title
    doc.theme = _look().BOKEH_THEME


def bar(scheduler: Any) -> dict[str, Any]:
    """Return what all pages of the dashboard share, the names in the bar among it."""
    variables = import_module("distributed.dashboard.scheduler").template_variables(scheduler)
    if not isinstance(variables["pages"], list):
        raise TypeError("the names in the bar are no list")
    return dict(variables)


def futures_with_workers(scheduler: Any, run: str, slugs: tuple[str, ...]) -> Mapping[str, int]:
    """Count the futures of each task of a run that workers have now; empty if that is unknown."""
    found = {}
    try:
        for slug in slugs:
            group = scheduler.task_groups.get(f"{slug}-{run[-8:]}")
            found[slug] = 0 if group is None else group.states["processing"]
    except (AttributeError, LookupError, TypeError) as error:
        logger.debug("futures with workers cannot be counted: %r", error)
        return {}
    return found


def _look() -> Any:
    return import_module("distributed.dashboard.components.scheduler")


def _loop() -> Any:
    from tornado.ioloop import IOLoop

    return IOLoop.current()
