"""Dask's performance report over a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Report", "start_report"]


@dataclass(frozen=True, slots=True)
class Report:
    """A report that has been started and not yet been written."""

    client: Client
    """Whose scheduler is asked for it."""
    writer: Any
    """Dask's context manager, which has been entered."""

    def write(self) -> None:
        """Write the file. The scheduler needs bokeh for it."""
        with self.client.as_current():
            self.writer.__exit__(None, None, None)


def start_report(client: Client, path: str) -> Report:
    """Begin to watch what the scheduler does.

    Parameters
    ----------
    client : distributed.Client
        A connected client.
    path : str
        Where the HTML file will be written: a path, or a URL that fsspec takes.
    """
    from distributed import performance_report

    writer = performance_report(filename=path)
    with client.as_current():
        writer.__enter__()
    return Report(client, writer)
