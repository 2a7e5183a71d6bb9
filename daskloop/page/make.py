"""Make the page of a run, whole: from what is known of it to the file."""

from __future__ import annotations

import time
from collections.abc import Sequence

from daskloop.page.content import content_of
from daskloop.page.render import html_of
from daskloop.page.write import write_page
from daskloop.record.entries import Past

__all__ = ["make_page"]


def make_page(
    past: Past, path: str, secrets: Sequence[str] = (), command: str | None = None
) -> int:
    """Write the page of a run.

    Parameters
    ----------
    past : Past
        What is known of it.
    path : str
        The file.
    secrets : sequence of str
        Texts that must not appear, the longest first.
    command : str, optional
        What goes on with the run.

    Returns
    -------
    int
        Bytes of the file.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    text = html_of(content_of(past, secrets, command, time.time()))
    write_page(path, text)
    return len(text.encode())
