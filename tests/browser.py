"""A headless Chromium for tests of what a browser shows.

Set ``DASKLOOP_ARTEFACTS`` to a folder to keep the screenshots; otherwise they go where pytest
keeps its temporary files.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

__all__ = ["Browser", "open_browser", "screenshot"]

HERE = ("127.0.0.1", "localhost")


class Browser:
    """One window, and what went wrong in it.

    Parameters
    ----------
    page : playwright.sync_api.Page
        The window.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        """Errors on the console, exceptions of scripts, dialogs, requests to other machines."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(f"script: {error}"))
        page.on("dialog", self._dialog)
        page.route("**/*", self._route)

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(f"console: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        self.errors.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _route(self, route: Any) -> None:
        url = urlsplit(route.request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.hostname not in HERE:
            self.errors.append(f"network: {route.request.url}")
            route.abort()
        else:
            route.continue_()


@contextlib.contextmanager
def open_browser(width: int = 1400, height: int = 1000) -> Iterator[Browser]:
    """Open a window; skips the test where there is no browser.

    Raises
    ------
    AssertionError
        At the end, if anything went wrong in the window.
    """
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        process = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page = process.new_page(viewport={"width": width, "height": height})
            browser = Browser(page)
            yield browser
        finally:
            process.close()
    assert not browser.errors


def screenshot(browser: Browser, name: str, otherwise: Path) -> Path:
    """Take a picture of the whole page."""
    folder = Path(os.environ.get("DASKLOOP_ARTEFACTS") or otherwise)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    browser.page.screenshot(path=path, full_page=True)
    return path
